//! Rules, as pure functions.

pub(crate) mod group;
pub(crate) mod member;
pub(crate) mod message;
pub(crate) mod threshold;
