//! A filter as text that reads as the same filter.

use std::fmt;

use super::{
    Comparator, Filter, Test,
    fields::{Field, age_text, source_name, stage_name, tier_name, value_class_name},
};

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) => join(f, parts, " AND "),
            Self::Any(parts) => join(f, parts, " OR "),
            Self::Not(part) => {
                f.write_str("NOT ")?;
                apart(f, part)
            }
            Self::Test(test) => write!(f, "{test}"),
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, parts: &[Filter], word: &str) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            f.write_str(word)?;
        }
        match part {
            Filter::Not(_) => write!(f, "{part}")?,
            _ => apart(f, part)?,
        }
    }
    Ok(())
}

/// In parentheses, unless it is a test alone.
fn apart(f: &mut fmt::Formatter<'_>, filter: &Filter) -> fmt::Result {
    match filter {
        Filter::Test(test) => write!(f, "{test}"),
        _ => write!(f, "({filter})"),
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is = |is: &bool| if *is { Comparator::Equal } else { Comparator::NotEqual };
        match self {
            Self::Following(following) => write!(f, "following = {following}"),
            Self::Tier(comparator, tier) => write!(f, "tier {comparator} {}", tier_name(*tier)),
            Self::Stage(stage, yes) => write!(f, "stage {} {}", is(yes), stage_name(*stage)),
            Self::ValueClass(class, yes) => {
                write!(f, "value_class {} {}", is(yes), value_class_name(*class))
            }
            Self::Source(source, yes) => write!(f, "source {} {}", is(yes), source_name(source)),
            Self::HasSource => f.write_str("source:*"),
            Self::Tag(tag_id) => {
                let escaped = tag_id.replace('\\', "\\\\").replace('"', "\\\"");
                write!(f, "tags:\"{escaped}\"")
            }
            Self::HasTag => f.write_str("tags:*"),
            Self::Number(number, comparator, value) => {
                write!(f, "{} {comparator} {value}", Field::Number(*number).name())
            }
            Self::Time(moment, comparator, time) => {
                write!(f, "{} {comparator} \"{}\"", Field::Time(*moment).name(), time.to_timestamp())
            }
            Self::Age(moment, comparator, age) => {
                write!(f, "{} {comparator} {}", Field::Age(*moment).name(), age_text(*age))
            }
            Self::HasTime(moment) => write!(f, "{}:*", Field::Time(*moment).name()),
        }
    }
}

impl fmt::Display for Comparator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        })
    }
}
