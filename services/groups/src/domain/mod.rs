//! Rules, as pure functions.

pub(crate) mod envelope;
pub(crate) mod group;
pub(crate) mod ledger;
pub(crate) mod member;
pub(crate) mod message;
pub(crate) mod threshold;
