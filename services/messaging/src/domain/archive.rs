//! Parts of conversations, as they are searched, exported and forgotten (M11).

use siyu_clock::Micros;

/// From a time on, before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeRange {
    pub(crate) start: Micros,
    pub(crate) end: Micros,
}

impl TimeRange {
    pub(crate) const ALL: Self = Self { start: Micros(i64::MIN), end: Micros(i64::MAX) };

    pub(crate) fn contains(&self, time: Micros) -> bool {
        self.start <= time && time < self.end
    }
}

/// Messages of a conversation: those after a sequence, up to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) user_id: String,
    pub(crate) after: i64,
    pub(crate) to: i64,
}

impl Stretch {
    /// How many messages it is.
    pub(crate) fn len(&self) -> i64 {
        self.to - self.after
    }
}
