//! How many messages an account may send to somebody who does not answer (M2).

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

/// What holds from a time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MessagePolicy {
    pub(crate) version: i64,
    pub(crate) effective_time: Micros,
    /// Messages of a certified account since the last message of the user.
    pub(crate) certified_limit: i64,
    /// The same of an account that is not certified.
    pub(crate) basic_limit: i64,
    pub(crate) create_time: Micros,
}

impl MessagePolicy {
    /// The one of Douyin's Enterprise Account 2.0, in force until there is another.
    pub(crate) const FIRST: Self = Self {
        version: 0,
        effective_time: Micros(0),
        certified_limit: 6,
        basic_limit: 3,
        create_time: Micros(0),
    };

    pub(crate) fn limit(&self, is_certified: bool) -> i64 {
        if is_certified { self.certified_limit } else { self.basic_limit }
    }
}
