//! The fields of the language: what they are called, and what they can be compared with.

use siyu_clock::Micros;

use super::{Comparator, Moment, Number, Test, lexer::Token};
use crate::domain::{interaction::SOURCES, lifecycle::Stage, tier::Tier, value_class::ValueClass};

/// What a filter can ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Following,
    Tier,
    Stage,
    ValueClass,
    Source,
    Tags,
    Number(Number),
    Time(Moment),
    Age(Moment),
}

/// What a field is compared with, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    None,
    Star,
    Text(String),
    Quoted(String),
}

const FIELDS: [(&str, Field); 24] = [
    ("following", Field::Following),
    ("tier", Field::Tier),
    ("stage", Field::Stage),
    ("value_class", Field::ValueClass),
    ("source", Field::Source),
    ("tags", Field::Tags),
    ("interaction_count", Field::Number(Number::Interactions)),
    ("active_count", Field::Number(Number::Active)),
    ("share_count", Field::Number(Number::Shares)),
    ("order_count", Field::Number(Number::Orders)),
    ("order_day_count", Field::Number(Number::OrderDays)),
    ("net_gmv_minor", Field::Number(Number::NetGmv)),
    ("follow_time", Field::Time(Moment::Follow)),
    ("first_interaction_time", Field::Time(Moment::FirstInteraction)),
    ("last_interaction_time", Field::Time(Moment::LastInteraction)),
    ("last_active_time", Field::Time(Moment::LastActive)),
    ("last_share_time", Field::Time(Moment::LastShare)),
    ("last_order_time", Field::Time(Moment::LastOrder)),
    ("follow_age", Field::Age(Moment::Follow)),
    ("first_interaction_age", Field::Age(Moment::FirstInteraction)),
    ("last_interaction_age", Field::Age(Moment::LastInteraction)),
    ("last_active_age", Field::Age(Moment::LastActive)),
    ("last_share_age", Field::Age(Moment::LastShare)),
    ("last_order_age", Field::Age(Moment::LastOrder)),
];

const TIERS: [(&str, Tier); 4] = [
    ("POTENTIAL", Tier::Potential),
    ("PASSERBY", Tier::Passerby),
    ("FAVORABLE", Tier::Favorable),
    ("TRUE_LOVE", Tier::TrueLove),
];
const STAGES: [(&str, Stage); 8] = [
    ("NEW", Stage::New),
    ("SETTLED", Stage::Settled),
    ("ACTIVATED", Stage::Activated),
    ("CONVERTED", Stage::Converted),
    ("REPURCHASING", Stage::Repurchasing),
    ("REFERRING", Stage::Referring),
    ("DORMANT", Stage::Dormant),
    ("LOST", Stage::Lost),
];
const VALUE_CLASSES: [(&str, ValueClass); 5] = [
    ("LOYAL", ValueClass::Loyal),
    ("HIGH_QUALITY", ValueClass::HighQuality),
    ("ORDINARY", ValueClass::Ordinary),
    ("LOW_FREQUENCY", ValueClass::LowFrequency),
    ("LOST", ValueClass::Lost),
];
const SOURCE_NAMES: [(&str, &str); 4] =
    [("PUBLIC", SOURCES[0]), ("COMMERCIAL", SOURCES[1]), ("PRIVATE", SOURCES[2]), ("EXTERNAL", SOURCES[3])];

/// Units of ages, from the longest: their letters and microseconds.
const UNITS: [(char, i64); 4] = [
    ('d', Micros::PER_DAY),
    ('h', 3_600 * Micros::PER_SECOND),
    ('m', 60 * Micros::PER_SECOND),
    ('s', Micros::PER_SECOND),
];
/// The longest age: about a hundred years.
const MOST_AGE: i64 = 36_500 * Micros::PER_DAY;

impl Field {
    pub(super) fn named(name: &str) -> Option<Self> {
        FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field)
    }

    /// All names, for who wrote one that is none.
    pub(super) fn names() -> String {
        FIELDS.map(|(name, _)| name).join(", ")
    }

    pub(super) fn name(self) -> &'static str {
        name_of(&FIELDS, &self)
    }

    /// Whether the field can be followed by `operator`.
    pub(super) fn takes(self, operator: &Token) -> bool {
        match operator {
            Token::Has => matches!(self, Self::Tags | Self::Source | Self::Time(_)),
            Token::Comparator(Comparator::Equal | Comparator::NotEqual) => self != Self::Tags,
            Token::Comparator(_) => {
                matches!(self, Self::Tier | Self::Number(_) | Self::Time(_) | Self::Age(_))
            }
            _ => false,
        }
    }

    /// What [`Field::takes`], in words.
    pub(super) fn operators(self) -> &'static str {
        match self {
            Self::Tags => ":",
            Self::Following | Self::Stage | Self::ValueClass => "= or !=",
            Self::Source => "=, != or :",
            Self::Time(_) => "=, !=, <, <=, >, >= or :",
            Self::Tier | Self::Number(_) | Self::Age(_) => "=, !=, <, <=, > or >=",
        }
    }

    /// The test of the field; none for a value that it cannot be compared with.
    pub(super) fn test(self, operator: &Token, value: &Value) -> Option<Test> {
        match (operator, value) {
            (Token::Has, Value::Star) => self.presence(),
            (Token::Has, Value::Text(tag_id) | Value::Quoted(tag_id)) if self == Self::Tags => {
                (!tag_id.is_empty()).then(|| Test::Tag(tag_id.clone()))
            }
            (Token::Comparator(comparator), Value::Text(text)) => self.comparison(*comparator, text),
            (Token::Comparator(comparator), Value::Quoted(text)) => {
                let Self::Time(moment) = self else { return None };
                let time: jiff::Timestamp = text.parse().ok()?;
                Some(Test::Time(moment, *comparator, time.into()))
            }
            _ => None,
        }
    }

    fn presence(self) -> Option<Test> {
        match self {
            Self::Tags => Some(Test::HasTag),
            Self::Source => Some(Test::HasSource),
            Self::Time(moment) => Some(Test::HasTime(moment)),
            _ => None,
        }
    }

    fn comparison(self, comparator: Comparator, text: &str) -> Option<Test> {
        let is = comparator == Comparator::Equal;
        match self {
            Self::Following => text.parse().ok().map(|following: bool| Test::Following(following == is)),
            Self::Tier => value_of(&TIERS, "TIER_", text).map(|tier| Test::Tier(comparator, tier)),
            Self::Stage => value_of(&STAGES, "LIFECYCLE_STAGE_", text).map(|stage| Test::Stage(stage, is)),
            Self::ValueClass => {
                value_of(&VALUE_CLASSES, "VALUE_CLASS_", text).map(|class| Test::ValueClass(class, is))
            }
            Self::Source => {
                value_of(&SOURCE_NAMES, "SOURCE_DOMAIN_", text).map(|source| Test::Source(source, is))
            }
            Self::Number(number) => text.parse().ok().map(|value| Test::Number(number, comparator, value)),
            Self::Age(moment) => age(text).map(|age| Test::Age(moment, comparator, age)),
            Self::Time(_) | Self::Tags => None,
        }
    }

    /// The values that can stand after the field and `operator`, in words.
    pub(super) fn values(self, operator: &Token) -> String {
        if *operator == Token::Has && self != Self::Tags {
            return "*".to_owned();
        }
        match self {
            Self::Following => "true or false".to_owned(),
            Self::Tier => one_of(&TIERS),
            Self::Stage => one_of(&STAGES),
            Self::ValueClass => one_of(&VALUE_CLASSES),
            Self::Source => one_of(&SOURCE_NAMES),
            Self::Tags => "the id of a tag, or *".to_owned(),
            Self::Number(_) => "a whole number".to_owned(),
            Self::Time(_) => "a time in quotes, like \"2026-10-01T00:00:00Z\"".to_owned(),
            Self::Age(_) => "a span of time like 30d, 12h, 15m or 40s, at most 36500d".to_owned(),
        }
    }
}

fn value_of<T: Copy>(values: &[(&str, T)], prefix: &str, text: &str) -> Option<T> {
    let name = text.strip_prefix(prefix).unwrap_or(text);
    values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

fn name_of<T: PartialEq>(values: &[(&'static str, T)], value: &T) -> &'static str {
    values.iter().find(|(_, known)| known == value).map_or("", |(name, _)| name)
}

fn one_of<T>(values: &[(&str, T)]) -> String {
    let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
    format!("one of {}", names.join(", "))
}

fn age(text: &str) -> Option<i64> {
    let unit = text.chars().next_back()?;
    let (_, micros) = UNITS.iter().find(|(letter, _)| *letter == unit)?;
    let count: i64 = text.strip_suffix(unit)?.parse().ok()?;
    count.checked_mul(*micros).filter(|age| (0..=MOST_AGE).contains(age))
}

/// An age as it is read, in the longest unit that leaves nothing over.
pub(super) fn age_text(age: i64) -> String {
    let fits = |(_, micros): &&(char, i64)| age % micros == 0;
    let (letter, micros) = UNITS.iter().find(fits).unwrap_or(&UNITS[3]);
    format!("{}{letter}", age / micros)
}

pub(super) fn tier_name(tier: Tier) -> &'static str {
    name_of(&TIERS, &tier)
}

pub(super) fn stage_name(stage: Stage) -> &'static str {
    name_of(&STAGES, &stage)
}

pub(super) fn value_class_name(class: ValueClass) -> &'static str {
    name_of(&VALUE_CLASSES, &class)
}

pub(super) fn source_name(source: &'static str) -> &'static str {
    name_of(&SOURCE_NAMES, &source)
}
