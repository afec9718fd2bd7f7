//! The wire: decode, call the use case, encode.

mod analytics;
mod convert;
mod fans;
mod interactions;
mod lifecycle;
mod packages;
mod reach;
mod reach_convert;
mod segments;
mod tag_rules;
mod tags;
mod tiers;
mod traffic;

pub(crate) use convert::{interaction, to_fan_standing};
pub(crate) use fans::touch;
pub(crate) use reach_convert::to_preference;
