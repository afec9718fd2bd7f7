//! How often something is found that must be found once.

use std::fmt;

/// What was looked for, by how often it was found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Found once.
    pub once: usize,
    /// Found more often.
    pub again: usize,
    /// Not found.
    pub missing: usize,
}

impl Tally {
    /// Counts something that was found so many times.
    pub fn count(&mut self, times: usize) {
        match times {
            1 => self.once += 1,
            0 => self.missing += 1,
            _ => self.again += 1,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { once, again, missing } = self;
        write!(f, "{once} found once, {again} found twice or more, {missing} missing")
    }
}
