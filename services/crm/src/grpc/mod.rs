//! The wire: decode, call the use case, encode.

mod analytics;
mod convert;
mod fans;
mod interactions;
mod tiers;
