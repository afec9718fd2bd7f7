//! Use cases.

pub(crate) mod accounts;
pub(crate) mod allowance;
mod answering;
pub(crate) mod follows;
pub(crate) mod live;
mod marks;
mod menu;
mod read;
mod recall;
pub(crate) mod replies;
pub(crate) mod sending;
pub(crate) mod settings;

pub(crate) use read::{Listed, Owner, Window};
