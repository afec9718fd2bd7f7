//! What is stored of a run once it begins, and once it ends.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use siyu_clock::Micros;

use super::{definition::Definition, question::Given};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunState {
    Active,
    Abandoned,
    /// Everything is answered; the lead and the tags are on their way.
    Submitting,
    Submitted,
    Refused,
}

/// Why a run ended without a lead or all its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndReason {
    WrongAnswers,
    Cancelled,
    NoConsent,
    Agent,
    Timeout,
    Changed,
    Replaced,
    TakenBack,
    FormChanged,
    InvalidAnswers,
    NotAllowed,
    TagRefused,
}

/// A run, as others see it. Of the answers it has where they stand, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunRecord {
    pub(crate) account_id: String,
    pub(crate) run_id: String,
    pub(crate) user_id: String,
    pub(crate) questionnaire_id: String,
    /// Number and revision of the questionnaire.
    pub(crate) version: (i64, i64),
    pub(crate) start_sequence: i64,
    pub(crate) state: RunState,
    pub(crate) reason: Option<EndReason>,
    /// Sequences of the messages that answer the first questions; none where one was passed over.
    pub(crate) answers: Vec<Option<i64>>,
    pub(crate) lead_id: String,
    pub(crate) failure: String,
    pub(crate) start_time: Micros,
    pub(crate) end_time: Option<Micros>,
    /// When there is something to do for it.
    pub(crate) due_time: Option<Micros>,
}

impl RunState {
    const ALL: [Self; 5] = [Self::Active, Self::Abandoned, Self::Submitting, Self::Submitted, Self::Refused];

    /// What it is stored and counted as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Abandoned => "abandoned",
            Self::Submitting => "submitting",
            Self::Submitted => "submitted",
            Self::Refused => "refused",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl EndReason {
    const ALL: [Self; 12] = [
        Self::WrongAnswers,
        Self::Cancelled,
        Self::NoConsent,
        Self::Agent,
        Self::Timeout,
        Self::Changed,
        Self::Replaced,
        Self::TakenBack,
        Self::FormChanged,
        Self::InvalidAnswers,
        Self::NotAllowed,
        Self::TagRefused,
    ];

    /// What it is stored as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WrongAnswers => "wrong_answers",
            Self::Cancelled => "cancelled",
            Self::NoConsent => "no_consent",
            Self::Agent => "agent",
            Self::Timeout => "timeout",
            Self::Changed => "changed",
            Self::Replaced => "replaced",
            Self::TakenBack => "taken_back",
            Self::FormChanged => "form_changed",
            Self::InvalidAnswers => "invalid_answers",
            Self::NotAllowed => "not_allowed",
            Self::TagRefused => "tag_refused",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

impl RunRecord {
    /// `accounts/{account}/questionnaireRuns/{run}`
    pub(crate) fn name(&self) -> String {
        format!("accounts/{}/questionnaireRuns/{}", self.account_id, self.run_id)
    }

    /// `accounts/{account}/conversations/{user}`
    pub(crate) fn conversation(&self) -> String {
        format!("accounts/{}/conversations/{}", self.account_id, self.user_id)
    }

    /// What the user answered, by key, read from the texts of their messages.
    ///
    /// # Errors
    /// Why there are no such answers.
    pub(crate) fn given<'a>(
        &self,
        definition: &'a Definition,
        texts: &HashMap<i64, &str>,
    ) -> Result<Vec<(&'a str, Given<'a>)>, EndReason> {
        let mut answers = Vec::new();
        for (question, sequence) in definition.questions.iter().zip(&self.answers) {
            let Some(sequence) = sequence else { continue };
            let text = texts.get(sequence).ok_or(EndReason::TakenBack)?;
            let given = question.answer(text).map_err(|_| EndReason::InvalidAnswers)?;
            answers.extend(given.map(|given| (question.field.key.as_str(), given)));
        }
        Ok(answers)
    }
}

/// The id of the run that a message begins: always the same, and so is the lead that comes of it.
pub(crate) fn run_id(account_id: &str, user_id: &str, start_sequence: i64) -> String {
    let digest = Sha256::digest(format!("{account_id}/{user_id}/{start_sequence}"));
    const_hex::encode(&digest[..16])
}

#[cfg(test)]
mod tests {
    use siyu_forms::FieldKind;

    use super::*;
    use crate::domain::questionnaire::{Trigger, question::tests::question};

    #[test]
    fn names_are_found_again() {
        for state in RunState::ALL {
            assert_eq!(RunState::named(state.name()), Some(state));
        }
        for reason in EndReason::ALL {
            assert_eq!(EndReason::named(reason.name()), Some(reason));
        }
        assert_eq!((RunState::named("x"), EndReason::named("")), (None, None));
    }

    #[test]
    fn answers_are_read_where_they_stand() {
        let skin = question("skin", FieldKind::Choice, &["Dry", "Oily"]);
        let note = question("note", FieldKind::Text, &[]);
        let definition = Definition {
            trigger: Trigger::Manual,
            keywords: Vec::new(),
            introduction: String::new(),
            questions: vec![skin, note.clone(), note],
            closing: String::new(),
            form: None,
            is_disabled: false,
        };
        let run = RunRecord {
            account_id: "shop".to_owned(),
            run_id: run_id("shop", "ann", 1),
            user_id: "ann".to_owned(),
            questionnaire_id: "skin".to_owned(),
            version: (1, 1),
            start_sequence: 1,
            state: RunState::Submitting,
            reason: None,
            answers: vec![Some(3), None, Some(5)],
            lead_id: String::new(),
            failure: String::new(),
            start_time: Micros(0),
            end_time: None,
            due_time: None,
        };
        let given = run.given(&definition, &HashMap::from([(3, "2"), (5, "hi")])).unwrap();
        let values: Vec<_> = given.iter().map(|(key, given)| (*key, given.values.concat())).collect();
        assert_eq!(values, [("skin", "Oily".to_owned()), ("note", "hi".to_owned())]);
        assert_eq!(given[0].1.tags, ["accounts/shop/tags/Oily"]);
        let taken_back = run.given(&definition, &HashMap::from([(3, "2")]));
        assert_eq!(taken_back.unwrap_err(), EndReason::TakenBack);
        let wrong = run.given(&definition, &HashMap::from([(3, "7"), (5, "hi")]));
        assert_eq!(wrong.unwrap_err(), EndReason::InvalidAnswers);
    }

    #[test]
    fn each_beginning_has_an_id_of_its_own() {
        assert_eq!(run_id("a", "u", 1), run_id("a", "u", 1));
        assert_ne!(run_id("a", "u", 1), run_id("a", "u", 2));
        assert_eq!(run_id("a", "u", 1).len(), 32);
    }
}
