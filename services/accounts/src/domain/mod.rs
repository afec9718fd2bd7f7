//! Rules of accounts, as pure functions.

pub(crate) mod calendar;
pub(crate) mod industry;
