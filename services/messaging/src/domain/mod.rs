//! The rules.

pub(crate) mod conversation;
pub(crate) mod message;
pub(crate) mod policy;
