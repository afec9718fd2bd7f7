//! Use cases.

pub(crate) mod directory;
pub(crate) mod following;
mod import;
mod read;

pub(crate) use import::{Imported, Unusable};
