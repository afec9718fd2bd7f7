//! What fails in background work.

use std::collections::BTreeSet;

use crate::Error;

/// What a round of background work could not do. It is left for the next round, and does not hold up the others.
#[derive(Debug, Default)]
pub struct Failures {
    resources: BTreeSet<String>,
    first: Option<Error>,
}

impl Failures {
    /// Logs that what is due for `resource` failed.
    pub fn note(&mut self, resource: String, error: Error) {
        tracing::warn!(resource, %error, cause = cause_of(&error), "this will be tried again; the others go on");
        self.resources.insert(resource);
        self.first.get_or_insert(error);
    }

    /// Whether it failed for `resource` already.
    #[must_use]
    pub fn has(&self, resource: &str) -> bool {
        self.resources.contains(resource)
    }

    /// How many to look up for `count` others to be among them.
    #[must_use]
    pub fn and(&self, count: i64) -> i64 {
        count.saturating_add_unsigned(self.resources.len() as u64)
    }

    /// Whether nothing failed.
    ///
    /// # Errors
    /// The first failure.
    pub fn into_result(self) -> Result<(), Error> {
        self.first.map_or(Ok(()), Err)
    }
}

/// What is behind an error, for the log.
#[must_use]
pub fn cause_of(error: &Error) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}
