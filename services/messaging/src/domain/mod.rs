//! The rules.

pub(crate) mod conversation;
pub(crate) mod group_send;
pub(crate) mod message;
pub(crate) mod moderation;
pub(crate) mod policy;
pub(crate) mod review;
