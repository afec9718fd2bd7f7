//! Rules of the fan CRM, as pure functions: no storage, no wire, no clock.

pub(crate) mod activity;
pub(crate) mod behaviour;
pub(crate) mod fan_index;
pub(crate) mod filter;
pub(crate) mod interaction;
pub(crate) mod lifecycle;
pub(crate) mod lifecycle_rules;
pub(crate) mod profile;
pub(crate) mod purchase;
pub(crate) mod reach;
pub(crate) mod standing;
pub(crate) mod tag;
pub(crate) mod tag_rule;
pub(crate) mod tier;
pub(crate) mod tier_rules;
pub(crate) mod traffic;
pub(crate) mod value_class;
