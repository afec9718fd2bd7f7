//! Use cases.

pub(crate) mod allowance;
mod answering;
pub(crate) mod archive;
mod asking;
pub(crate) mod desk;
pub(crate) mod follows;
pub(crate) mod group_sends;
pub(crate) mod importing;
pub(crate) mod live;
mod marks;
mod menu;
mod moderating;
pub(crate) mod questionnaires;
mod read;
mod recall;
pub(crate) mod replies;
mod response_times;
mod reviews;
pub(crate) mod rights;
pub(crate) mod sending;
pub(crate) mod settings;
pub(crate) mod words;

pub(crate) use read::{Listed, Owner, Window};
