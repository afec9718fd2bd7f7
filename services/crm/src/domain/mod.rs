//! Rules of the fan CRM, as pure functions: no storage, no wire, no clock.

pub(crate) mod interaction;
pub(crate) mod purchase;
pub(crate) mod standing;
pub(crate) mod tag;
pub(crate) mod tier;
pub(crate) mod tier_rules;
pub(crate) mod traffic;
