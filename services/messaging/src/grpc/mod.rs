//! The wire: decode, call the use case, encode.

mod convert;
mod convert_replies;
mod desk;
mod inbox;
mod menu;
mod replies;
mod streams;

pub(crate) use convert::to_sender;
