//! The rules.

pub(crate) mod conversation;
pub(crate) mod menu;
pub(crate) mod message;
pub(crate) mod policy;
pub(crate) mod replies;
