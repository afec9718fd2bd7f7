//! Questionnaires in the transaction of the message that they answer (M8).

use std::collections::BTreeMap;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::Error;
use siyu_telemetry::names;

use super::settings::Settings;
use crate::{
    domain::{
        message::{ContentKind, Message},
        questionnaire::{End, EndReason, Run, RunRecord, RunState},
        replies::{Automation, Heard},
    },
    store,
};

/// What authors of messages begin with that questionnaires send.
pub(super) const ASKERS: &str = "bots/questionnaires/";

/// Runs that messages of a batch begin or end, by account and id.
#[derive(Debug, Default)]
pub(super) struct RunNews(BTreeMap<[String; 2], RunRecord>);

/// What is said, and by which questionnaire.
pub(super) struct Said {
    pub(super) author: String,
    pub(super) texts: Vec<String>,
}

impl RunNews {
    fn note(&mut self, record: RunRecord) {
        self.0.insert([record.account_id.clone(), record.run_id.clone()], record);
    }

    /// The run of the conversation ends where there is one: the message is no answer.
    pub(super) fn end(
        &mut self,
        automation: &mut Automation,
        message: &Message,
        reason: EndReason,
        now: Micros,
    ) {
        if let Some(run) = automation.run.take() {
            let end = End::Abandoned(reason);
            self.note(run.ended(&message.account_id, &message.user_id, end, now));
        }
    }

    /// What questionnaires say to a message of the user; none where it is none of theirs.
    pub(super) fn hear(
        &mut self,
        settings: &Settings,
        automation: &mut Automation,
        message: &Message,
        heard: Heard<'_>,
    ) -> Option<Said> {
        let now = heard.now;
        let asked = automation.run.as_deref().map(|run| (run.is_over(now), settings.questionnaires.of(run)));
        match asked {
            Some((false, Some(_))) => return Some(self.go_on(settings, automation, message, heard)),
            Some((true, _)) => self.end(automation, message, EndReason::Timeout, now),
            Some((false, None)) => self.end(automation, message, EndReason::Changed, now),
            None => {}
        }
        let questionnaire = settings.questionnaires.begun_by(heard.text, !automation.has_asked)?;
        let mut said = Said::by(&questionnaire.questionnaire_id);
        if automation.may_begin(&settings.reply_limits, heard) {
            let definition = &questionnaire.definition;
            said.texts.push(definition.introduction.clone());
            // The introduction is the message after the one that is answered.
            self.begin(automation, message, Run::begin(questionnaire, message.sequence + 1, now));
            said.texts.extend(definition.questions.first().map(|question| question.asked()));
        }
        Some(said)
    }

    /// The user answers what was asked.
    fn go_on(
        &mut self,
        settings: &Settings,
        automation: &mut Automation,
        message: &Message,
        heard: Heard<'_>,
    ) -> Said {
        let may_go_on = automation.may_go_on(&settings.reply_limits, heard);
        let mut said = Said::by("");
        let Some(mut run) = automation.run.take() else { return said };
        said = Said::by(&run.questionnaire_id);
        let questionnaire = settings.questionnaires.of(&run);
        let Some(questionnaire) = questionnaire.filter(|_| may_go_on) else {
            automation.run = Some(run);
            return said;
        };
        let is_text = message.content.as_ref().is_some_and(|content| content.kind == ContentKind::Text);
        let text = is_text.then_some(heard.text);
        let turn = run.hear(&questionnaire.definition, message.sequence, text, heard.now);
        said.texts = turn.texts;
        match turn.end {
            Some(end) => self.note(run.ended(&message.account_id, &message.user_id, end, heard.now)),
            None => automation.run = Some(run),
        }
        said
    }

    /// What follows a message of the account that is the introduction of a questionnaire, which an agent begins.
    pub(super) fn begun_by_agent(
        &mut self,
        settings: &Settings,
        automation: &mut Automation,
        message: &Message,
        now: Micros,
    ) -> Option<Said> {
        let questionnaire_id = message.author.strip_prefix(ASKERS)?;
        let questionnaire = settings.questionnaires.named(questionnaire_id)?;
        self.end(automation, message, EndReason::Replaced, now);
        self.begin(automation, message, Run::begin(questionnaire, message.sequence, now));
        let mut said = Said::by(questionnaire_id);
        said.texts.extend(questionnaire.definition.questions.first().map(|question| question.asked()));
        Some(said)
    }

    fn begin(&mut self, automation: &mut Automation, message: &Message, run: Run) {
        self.note(run.record(&message.account_id, &message.user_id));
        automation.run = Some(Box::new(run));
    }

    /// Stores them. Most batches have none.
    pub(super) async fn store(&self, tx: &mut Tx) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        store::questionnaire_run::save(tx, self.0.values()).await?;
        for record in self.0.values() {
            count(record.state);
        }
        Ok(())
    }
}

impl Said {
    fn by(questionnaire_id: &str) -> Self {
        Self { author: format!("{ASKERS}{questionnaire_id}"), texts: Vec::new() }
    }
}

/// Counts a run that has come to stand somewhere.
pub(super) fn count(state: RunState) {
    metrics::counter!(names::QUESTIONNAIRE_RUNS_TOTAL, "state" => state.name()).increment(1);
}
