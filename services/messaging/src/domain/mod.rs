//! The rules.

pub(crate) mod assignment;
pub(crate) mod calendar;
pub(crate) mod canned_reply;
pub(crate) mod clocks;
pub(crate) mod conversation;
pub(crate) mod desk;
pub(crate) mod figures;
pub(crate) mod group_send;
pub(crate) mod menu;
pub(crate) mod message;
pub(crate) mod moderation;
pub(crate) mod policy;
pub(crate) mod questionnaire;
pub(crate) mod replies;
pub(crate) mod review;
