//! Questionnaires on the wire and in the domain.

use std::collections::BTreeMap;

use siyu_forms::FieldKind;
use siyu_proto::{
    accounts::v1::LeadFieldKind,
    messaging::v1::{
        self as pb, QuestionnaireEndReason, QuestionnaireRunState, QuestionnaireTrigger as PbTrigger,
    },
};
use siyu_rpc::{Error, etag, time::to_proto};

use crate::{
    domain::{
        message,
        questionnaire::{
            Draft, DraftQuestion, EndReason, Question, Questionnaire, RunRecord, RunState, Trigger, name,
        },
    },
    store::questionnaire_run::RunCount,
};

/// A questionnaire. What its fields must be by themselves was checked when they came in.
pub(super) fn draft(sent: pb::Questionnaire) -> Result<Draft, Error> {
    let trigger = match sent.trigger() {
        PbTrigger::FirstMessage => Trigger::FirstMessage,
        PbTrigger::Keyword => Trigger::Keyword,
        PbTrigger::Manual => Trigger::Manual,
        PbTrigger::Unspecified => {
            return Err(Error::invalid_field("questionnaire.trigger", "must be set"));
        }
    };
    let question = |sent: pb::Question| DraftQuestion {
        kind: FieldKind::sent(sent.kind()),
        key: sent.key,
        text: sent.text,
        options: sent.options.into_iter().map(|option| (option.text, option.tags)).collect(),
        required: sent.required,
        max_length: sent.max_length,
    };
    Ok(Draft {
        trigger,
        keywords: sent.keywords,
        introduction: sent.introduction,
        questions: sent.questions.into_iter().map(question).collect(),
        closing: sent.closing,
        form: sent.form,
        is_disabled: sent.disabled,
    })
}

pub(super) fn to_questionnaire(account_id: &str, found: Questionnaire) -> pb::Questionnaire {
    let definition = found.definition;
    let trigger = match definition.trigger {
        Trigger::FirstMessage => PbTrigger::FirstMessage,
        Trigger::Keyword => PbTrigger::Keyword,
        Trigger::Manual => PbTrigger::Manual,
    };
    let (form, consent_text, consent_version) = match definition.form {
        Some(form) => (form.card, form.consent_text, form.consent_version),
        None => Default::default(),
    };
    pb::Questionnaire {
        name: name(account_id, &found.questionnaire_id),
        form,
        trigger: trigger.into(),
        keywords: definition.keywords,
        introduction: definition.introduction,
        questions: definition.questions.into_iter().map(to_question).collect(),
        closing: definition.closing,
        disabled: definition.is_disabled,
        consent_text,
        consent_version,
        create_time: Some(to_proto(found.create_time)),
        update_time: Some(to_proto(found.update_time)),
        etag: etag::of(found.revision),
    }
}

fn to_question(question: Question) -> pb::Question {
    let Question { field, tags } = question;
    let options = field.options.into_iter().zip(tags);
    pb::Question {
        key: field.key,
        text: field.label,
        kind: LeadFieldKind::from(field.kind).into(),
        options: options.map(|(text, tags)| pb::QuestionOption { text, tags }).collect(),
        required: field.required,
        max_length: field.max_length,
    }
}

pub(super) fn to_run(run: RunRecord) -> pb::QuestionnaireRun {
    let lead = match run.lead_id.as_str() {
        "" => String::new(),
        lead_id => format!("accounts/{}/leads/{lead_id}", run.account_id),
    };
    pb::QuestionnaireRun {
        name: run.name(),
        questionnaire: name(&run.account_id, &run.questionnaire_id),
        user: format!("users/{}", run.user_id),
        first_message: message::name(&run.account_id, &run.user_id, run.start_sequence),
        state: to_state(run.state).into(),
        end_reason: to_reason(run.reason).into(),
        answered_count: i32::try_from(run.answers.len()).unwrap_or(i32::MAX),
        lead,
        failure: run.failure,
        start_time: Some(to_proto(run.start_time)),
        end_time: run.end_time.map(to_proto),
    }
}

fn to_state(state: RunState) -> QuestionnaireRunState {
    match state {
        RunState::Active => QuestionnaireRunState::Active,
        RunState::Abandoned => QuestionnaireRunState::Abandoned,
        RunState::Submitting => QuestionnaireRunState::Submitting,
        RunState::Submitted => QuestionnaireRunState::Submitted,
        RunState::Refused => QuestionnaireRunState::Refused,
    }
}

fn to_reason(reason: Option<EndReason>) -> QuestionnaireEndReason {
    match reason {
        None => QuestionnaireEndReason::Unspecified,
        Some(EndReason::WrongAnswers) => QuestionnaireEndReason::WrongAnswers,
        Some(EndReason::Cancelled) => QuestionnaireEndReason::Cancelled,
        Some(EndReason::NoConsent) => QuestionnaireEndReason::NoConsent,
        Some(EndReason::Agent) => QuestionnaireEndReason::Agent,
        Some(EndReason::Timeout) => QuestionnaireEndReason::Timeout,
        Some(EndReason::Changed) => QuestionnaireEndReason::Changed,
        Some(EndReason::Replaced) => QuestionnaireEndReason::Replaced,
        Some(EndReason::TakenBack) => QuestionnaireEndReason::TakenBack,
        Some(EndReason::FormChanged) => QuestionnaireEndReason::FormChanged,
        Some(EndReason::InvalidAnswers) => QuestionnaireEndReason::InvalidAnswers,
        Some(EndReason::NotAllowed) => QuestionnaireEndReason::NotAllowed,
        Some(EndReason::TagRefused) => QuestionnaireEndReason::TagRefused,
    }
}

pub(super) fn to_report(counts: &[RunCount]) -> pb::QuestionnaireReport {
    let mut report = pb::QuestionnaireReport::default();
    let mut ends: BTreeMap<(i32, i32), i64> = BTreeMap::new();
    let mut drop_offs: BTreeMap<i32, i64> = BTreeMap::new();
    for found in counts {
        report.started_count += found.count;
        match found.state {
            RunState::Active => report.active_count += found.count,
            RunState::Submitting => report.submitting_count += found.count,
            RunState::Submitted => report.submitted_count += found.count,
            state @ (RunState::Abandoned | RunState::Refused) => {
                let end = (to_state(state).into(), to_reason(found.reason).into());
                *ends.entry(end).or_default() += found.count;
            }
        }
        if found.state == RunState::Abandoned {
            let answered_count = i32::try_from(found.answered_count).unwrap_or(i32::MAX);
            *drop_offs.entry(answered_count).or_default() += found.count;
        }
    }
    let end = |((state, reason), count)| pb::QuestionnaireEndCount { state, reason, count };
    let drop_off = |(answered_count, count)| pb::QuestionnaireDropOff { answered_count, count };
    report.ends = ends.into_iter().map(end).collect();
    report.drop_offs = drop_offs.into_iter().map(drop_off).collect();
    report
}
