//! Rules of accounts, as pure functions.

pub(crate) mod api_key;
pub(crate) mod booking;
pub(crate) mod calendar;
pub(crate) mod card;
pub(crate) mod certification;
pub(crate) mod conditions;
pub(crate) mod content;
pub(crate) mod coupon;
pub(crate) mod credit_code;
pub(crate) mod entry_code;
pub(crate) mod entry_code_picture;
pub(crate) mod homepage;
pub(crate) mod industry;
pub(crate) mod lead;
pub(crate) mod lead_pipeline;
pub(crate) mod reservation;
pub(crate) mod right;
pub(crate) mod standing;
pub(crate) mod uri;
pub(crate) mod wallet;
