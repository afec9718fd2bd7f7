//! The wire: decode, call the use case, encode.

mod convert;
mod desk;
mod group_sends;
mod import;
mod inbox;
mod moderation;
mod streams;

pub(crate) use convert::to_sender;
