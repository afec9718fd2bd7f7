//! Use cases.

pub(crate) mod accounts;
pub(crate) mod allowance;
pub(crate) mod desk;
pub(crate) mod follows;
pub(crate) mod live;
mod marks;
mod read;
mod recall;
mod response_times;
pub(crate) mod sending;
pub(crate) mod settings;

pub(crate) use read::{Listed, Owner, Window};
