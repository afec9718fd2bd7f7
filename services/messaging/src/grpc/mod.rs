//! The wire: decode, call the use case, encode.

mod archive;
mod canned_replies;
mod convert;
mod convert_questionnaires;
mod convert_replies;
mod desk;
mod desk_convert;
mod group_sends;
mod import;
mod inbox;
mod macros;
mod menu;
mod moderation;
mod questionnaires;
mod replies;
mod response_times;
mod streams;
mod support;

pub(crate) use convert::to_sender;
pub(crate) use desk_convert::{agent_name, to_alarm, to_clock_kind};
