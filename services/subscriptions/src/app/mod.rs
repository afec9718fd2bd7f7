//! Use cases.

pub(crate) mod crm_feed;
pub(crate) mod directory;
pub(crate) mod fans;
pub(crate) mod feed;
pub(crate) mod following;
mod import;
pub(crate) mod pushes;
pub(crate) mod reach;
mod read;
pub(crate) mod rights;
pub(crate) mod traffic;

pub(crate) use import::{Imported, Unusable};
