//! Leads: what a form asks for, what a user answered, and what may be shown of it.

mod answer;
mod form;

pub(crate) use answer::{Answer, Given, check, masked};
pub(crate) use form::LeadForm;

/// Most leads of one user in one form and on one day of the account.
pub(crate) const MOST_A_DAY: i64 = 5;
