use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::question::Question;

/// What begins a questionnaire by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Trigger {
    FirstMessage,
    /// A message that is one of its keywords.
    Keyword,
    /// Nothing: agents begin it.
    Manual,
}

/// The lead form that is filled in, as it was when the questionnaire was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Form {
    /// Resource name of the card.
    pub(crate) card: String,
    pub(crate) consent_text: String,
    pub(crate) consent_version: String,
}

/// What a questionnaire says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Definition {
    pub(crate) trigger: Trigger,
    /// With `Keyword` alone.
    pub(crate) keywords: Vec<String>,
    pub(crate) introduction: String,
    /// At least one.
    pub(crate) questions: Vec<Question>,
    /// What is said at the end; empty: a word of thanks.
    pub(crate) closing: String,
    pub(crate) form: Option<Form>,
    pub(crate) is_disabled: bool,
}

/// A questionnaire as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Questionnaire {
    pub(crate) questionnaire_id: String,
    /// Is given to no other questionnaire of the account, also not to one with the same id when this one is gone.
    pub(crate) number: i64,
    pub(crate) definition: Definition,
    pub(crate) revision: i64,
    pub(crate) create_time: Micros,
    pub(crate) update_time: Micros,
}

/// `accounts/{account}/questionnaires/{questionnaire}`
pub(crate) fn name(account_id: &str, questionnaire_id: &str) -> String {
    format!("accounts/{account_id}/questionnaires/{questionnaire_id}")
}
