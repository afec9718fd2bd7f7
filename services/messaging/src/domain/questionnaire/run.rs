//! How far a user has come in a questionnaire, as the conversation keeps it. Answers are messages of the user: here is which.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::{
    definition::{Definition, Questionnaire},
    record::{EndReason, RunRecord, RunState, run_id},
    wording,
};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(24 * 3_600);
/// How often a question is asked again.
const MOST_AGAIN: u32 = 2;

/// A questionnaire that a user is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) questionnaire_id: String,
    /// Number and revision of the questionnaire.
    pub(crate) version: (i64, i64),
    /// Sequence of the message that began it.
    pub(crate) start: i64,
    pub(crate) start_time: Micros,
    /// When it last asked.
    pub(crate) ask_time: Micros,
    /// Sequences of the messages that answer the first questions; none where one was passed over.
    pub(crate) answers: Vec<Option<i64>>,
    /// How many messages in a row were no answer.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) wrong: u32,
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything is answered, and agreed to.
    Complete,
    Abandoned(EndReason),
}

/// What comes of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// What is said to it.
    pub(crate) texts: Vec<String>,
    pub(crate) end: Option<End>,
}

impl Turn {
    fn ask(texts: Vec<String>) -> Self {
        Self { texts, end: None }
    }

    fn end(text: &str, end: End) -> Self {
        Self { texts: vec![text.to_owned()], end: Some(end) }
    }
}

impl Run {
    pub(crate) fn begin(questionnaire: &Questionnaire, start: i64, now: Micros) -> Self {
        Self {
            questionnaire_id: questionnaire.questionnaire_id.clone(),
            version: (questionnaire.number, questionnaire.revision),
            start,
            start_time: now,
            ask_time: now,
            answers: Vec::new(),
            wrong: 0,
        }
    }

    /// Whether the user has let it wait too long.
    pub(crate) fn is_over(&self, now: Micros) -> bool {
        now >= self.ask_time.plus(PATIENCE)
    }

    /// The user writes: a text, or none where it is something else.
    pub(crate) fn hear(
        &mut self,
        definition: &Definition,
        sequence: i64,
        text: Option<&str>,
        now: Micros,
    ) -> Turn {
        self.ask_time = now;
        let said = text.unwrap_or_default();
        if wording::is_stop(said) {
            return Turn::end(wording::STOPPED, End::Abandoned(EndReason::Cancelled));
        }
        let Some(question) = definition.questions.get(self.answers.len()) else {
            return self.hear_consent(definition, said);
        };
        let answer = match text {
            Some(text) => question.answer(text),
            None => Err(wording::NO_TEXT),
        };
        match answer {
            Ok(given) => {
                self.answers.push(given.is_some().then_some(sequence));
                self.wrong = 0;
                self.next(definition)
            }
            Err(rule) => self.again(vec![format!("{rule}\n{}", question.asked())], EndReason::WrongAnswers),
        }
    }

    fn hear_consent(&mut self, definition: &Definition, said: &str) -> Turn {
        match wording::agrees(said) {
            Some(true) => complete(definition),
            Some(false) => Turn::end(wording::NOT_SUBMITTED, End::Abandoned(EndReason::NoConsent)),
            None => self.again(vec![wording::YES_OR_NO.to_owned()], EndReason::NoConsent),
        }
    }

    /// What is asked next, where anything is.
    fn next(&self, definition: &Definition) -> Turn {
        if let Some(question) = definition.questions.get(self.answers.len()) {
            return Turn::ask(vec![question.asked()]);
        }
        match &definition.form {
            Some(form) => Turn::ask(vec![form.consent_text.clone(), wording::YES_OR_NO.to_owned()]),
            None => complete(definition),
        }
    }

    /// Asks once more, unless it did so often enough.
    fn again(&mut self, texts: Vec<String>, otherwise: EndReason) -> Turn {
        self.wrong += 1;
        if self.wrong <= MOST_AGAIN {
            return Turn::ask(texts);
        }
        let text = match otherwise {
            EndReason::NoConsent => wording::NOT_SUBMITTED,
            _ => wording::GIVEN_UP,
        };
        Turn::end(text, End::Abandoned(otherwise))
    }

    /// What is stored of it in the conversation of a user.
    pub(crate) fn record(&self, account_id: &str, user_id: &str) -> RunRecord {
        RunRecord {
            account_id: account_id.to_owned(),
            run_id: run_id(account_id, user_id, self.start),
            user_id: user_id.to_owned(),
            questionnaire_id: self.questionnaire_id.clone(),
            version: self.version,
            start_sequence: self.start,
            state: RunState::Active,
            reason: None,
            answers: self.answers.clone(),
            lead_id: String::new(),
            failure: String::new(),
            start_time: self.start_time,
            end_time: None,
            due_time: None,
        }
    }

    /// The same of one that ends.
    pub(crate) fn ended(&self, account_id: &str, user_id: &str, end: End, now: Micros) -> RunRecord {
        let record = RunRecord { end_time: Some(now), ..self.record(account_id, user_id) };
        match end {
            End::Complete => RunRecord { state: RunState::Submitting, due_time: Some(now), ..record },
            End::Abandoned(reason) => {
                RunRecord { state: RunState::Abandoned, reason: Some(reason), ..record }
            }
        }
    }
}

fn complete(definition: &Definition) -> Turn {
    let text = if definition.closing.is_empty() { wording::THANKS } else { &definition.closing };
    Turn::end(text, End::Complete)
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests;
