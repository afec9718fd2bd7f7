//! Filters over fans, in the language of AIP-160 (C6): text to tree and back. What a filter selects, the index answers.

mod fields;
mod lexer;
mod parser;
mod print;

use std::{collections::BTreeSet, fmt};

use siyu_clock::Micros;

use super::{lifecycle::Stage, tier::Tier, value_class::ValueClass};

/// Most characters of a filter.
pub(crate) const MOST_CHARACTERS: usize = 4_096;
/// Most parentheses inside each other.
pub(crate) const MOST_DEPTH: usize = 32;
/// Most comparisons of a filter.
pub(crate) const MOST_TESTS: usize = 100;

/// What is asked of fans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    /// All of them hold; at least two.
    All(Vec<Filter>),
    /// Any of them holds; at least two.
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Test(Test),
}

/// What is asked of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    Following(bool),
    Tier(Comparator, Tier),
    /// The stage is this one, or is not.
    Stage(Stage, bool),
    /// The value class is this one, or is not.
    ValueClass(ValueClass, bool),
    /// The source is this one, or is not.
    Source(&'static str, bool),
    HasSource,
    /// The fan has the tag with the id.
    Tag(String),
    HasTag,
    Number(Number, Comparator, i64),
    Time(Moment, Comparator, Micros),
    /// How long ago the moment is, in microseconds.
    Age(Moment, Comparator, i64),
    HasTime(Moment),
}

/// How two values stand to each other. One that is not set is unequal to every other, and neither less nor greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparator {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

/// Fields that are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    Interactions,
    Active,
    Shares,
    Orders,
    OrderDays,
    /// In the minor unit.
    NetGmv,
}

/// Fields that are times, and with their ages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Since when the fan follows; not set for who does not.
    Follow,
    FirstInteraction,
    LastInteraction,
    LastActive,
    LastShare,
    LastOrder,
}

/// Where a filter cannot be read any further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// Of the character, from 1.
    pub(crate) position: usize,
    /// What may stand there.
    pub(crate) expected: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: expected {}", self.position, self.expected)
    }
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// The first mistake in it.
    pub(crate) fn parse(text: &str) -> Result<Self, Mistake> {
        parser::parse(text)
    }

    /// The ids of the tags that it names.
    pub(crate) fn tag_ids(&self) -> BTreeSet<&str> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::tag_ids).collect(),
            Self::Not(part) => part.tag_ids(),
            Self::Test(Test::Tag(tag_id)) => BTreeSet::from([tag_id.as_str()]),
            Self::Test(_) => BTreeSet::new(),
        }
    }
}

impl Comparator {
    /// Whether `left` stands so to `right`.
    pub(crate) fn holds<T: Ord>(self, left: T, right: T) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::GreaterOrEqual => left >= right,
            Self::Greater => left > right,
        }
    }

    /// The comparator of moments that is this one of their ages: what is older lies before.
    pub(crate) fn of_age(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Greater => Self::Less,
            Self::Equal | Self::NotEqual => self,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
