//! Questionnaires by message: what they ask, what an answer is, and how far a user has come (M8).

mod definition;
mod draft;
mod question;
mod record;
mod run;
mod set;
mod wording;

pub(crate) use definition::{Definition, Form, Questionnaire, Trigger, name};
pub(crate) use draft::{Draft, DraftQuestion, FormFields};
pub(crate) use question::{Given, Question};
pub(crate) use record::{EndReason, RunRecord, RunState};
pub(crate) use run::{End, Run};
pub(crate) use set::Questionnaires;

/// Questionnaires of an account.
pub(crate) const MOST_QUESTIONNAIRES: i64 = 50;
