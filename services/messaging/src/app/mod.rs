//! Use cases.

pub(crate) mod accounts;
pub(crate) mod allowance;
pub(crate) mod follows;
pub(crate) mod importing;
pub(crate) mod live;
mod marks;
mod read;
mod recall;
pub(crate) mod sending;
pub(crate) mod settings;

pub(crate) use read::{Listed, Owner, Window};
