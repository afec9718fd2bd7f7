//! The wire: decode, call the use case, encode.

mod chat;
mod convert;
mod envelopes;
mod groups;
mod host;
mod members;
mod memberships;
mod streams;

pub(crate) use convert::{to_group, to_member};
pub(crate) use envelopes::{to_envelope, to_grab};
