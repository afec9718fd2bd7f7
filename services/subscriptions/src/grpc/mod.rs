//! The wire: decode, call the use case, encode.

mod feed;
mod follows;
mod push_convert;
mod push_results;
mod pushes;

pub(crate) use push_convert::to_state;
