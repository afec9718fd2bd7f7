//! A fan as audiences see them.

use super::{interaction::SOURCES, lifecycle::Facts, tier::Tier};

/// All that a filter can ask about a fan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) ordinal: u32,
    pub(crate) tier: Tier,
    /// Where the earliest interaction came from: one of [`SOURCES`], or none.
    pub(crate) source: Option<&'static str>,
    pub(crate) interaction_count: i64,
    pub(crate) facts: Facts,
    /// Numbers of their tags.
    pub(crate) tags: Vec<i64>,
}

/// Whether an interaction came earlier than the earliest so far, by time, or at the same time from a source that
/// counts first: so the order of arrival does not matter.
pub(crate) fn is_earlier<T: Ord>(new: (T, &str), so_far: (T, &str)) -> bool {
    let rank = |source: &str| SOURCES.iter().position(|known| *known == source).unwrap_or(SOURCES.len());
    (new.0, rank(new.1)) < (so_far.0, rank(so_far.1))
}
