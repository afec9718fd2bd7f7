//! What was answered in full becomes a lead and tags.
//!
//! The transaction of the last answer leaves a row that says so; the tick does the rest, until it is done. The lead has the id of the run,
//! and a tag is given or is there: whatever is repeated after a crash changes nothing.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use siyu_clock::Micros;
use siyu_proto::{
    accounts::v1::{LeadAnswer, SubmitLeadRequest, lead_service_client::LeadServiceClient},
    common::v1::ErrorReason,
    crm::v1::{GetTagRequest, SourceDomain, TagFansRequest, tag_service_client::TagServiceClient},
};
use siyu_rpc::{
    Error,
    failures::Failures,
    peer::{Peer, refused, unanswered},
    retrying,
};
use tonic::Code;

use crate::{
    Messaging,
    app::asking,
    domain::questionnaire::{EndReason, Form, Given, RunRecord, RunState},
    store,
};

/// Runs that are looked up at once.
const DUE_AT_ONCE: i64 = 100;
/// How long after a failure it is tried again.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the CRM may take to hear that the user wrote.
const UNKNOWN_AT_MOST: Duration = Duration::from_secs(24 * 3_600);
/// Most characters of the name of where a form was, and of why something was refused.
const MOST_MOUNT: usize = 200;
const MOST_FAILURE: usize = 500;

/// Why something was refused for good, and what was said.
type Refusal = (EndReason, String);

/// What came of giving a tag.
enum Tagged {
    Given,
    Refused(Refusal),
    /// The CRM has not heard of the user yet.
    Later,
}

/// Brings leads to the accounts service, and tags to the CRM, where there is one.
#[derive(Debug, Clone)]
pub(crate) struct Deliveries {
    leads: LeadServiceClient<Peer>,
    tags: Option<TagServiceClient<Peer>>,
}

impl Deliveries {
    pub(crate) fn new(accounts: Peer, crm: Option<Peer>) -> Self {
        Self { leads: LeadServiceClient::new(accounts), tags: crm.map(TagServiceClient::new) }
    }

    /// That there is a tag; `field` is where it was named.
    pub(super) async fn check_tag(&self, name: &str, field: &str) -> Result<(), Error> {
        match self.tags()?.get_tag(GetTagRequest { name: name.to_owned() }).await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::NotFound => {
                Err(Error::invalid_field(field, format!("there is no {name}")))
            }
            Err(status) => Err(unanswered(status, "crm", name)),
        }
    }

    /// Submits the lead of a run; answers its id, or why it is refused for good.
    async fn submit(
        &self,
        run: &RunRecord,
        form: &Form,
        answers: &[(&str, Given<'_>)],
    ) -> Result<Result<String, Refusal>, Error> {
        let lead_id = format!("questionnaire-{}", run.run_id);
        let answers = answers.iter().map(|(key, given)| LeadAnswer {
            key: (*key).to_owned(),
            values: given.values.clone(),
            ..LeadAnswer::default()
        });
        let conversation = run.conversation();
        let mount = if conversation.chars().count() > MOST_MOUNT { String::new() } else { conversation };
        let request = SubmitLeadRequest {
            parent: format!("accounts/{}", run.account_id),
            lead_id: lead_id.clone(),
            form: form.card.clone(),
            user: format!("users/{}", run.user_id),
            answers: answers.collect(),
            consent_given: true,
            consent_version: form.consent_version.clone(),
            mount,
            source_domain: SourceDomain::Private.into(),
            campaign: String::new(),
        };
        let Err(status) = self.leads.clone().submit_lead(request).await else { return Ok(Ok(lead_id)) };
        // The id is of this run alone: the form has changed since it was stored.
        if status.code() == Code::AlreadyExists {
            return Ok(Ok(lead_id));
        }
        let error = refused(status, "accounts", &form.card);
        let reason = match (error.code(), error.reason()) {
            (Code::InvalidArgument, _) => EndReason::InvalidAnswers,
            (Code::ResourceExhausted, _) | (_, ErrorReason::ConditionNotMet) => EndReason::NotAllowed,
            (Code::FailedPrecondition | Code::NotFound, _) => EndReason::FormChanged,
            _ => return Err(error),
        };
        Ok(Err((reason, error.to_string())))
    }

    /// Gives a tag to the user of a run.
    async fn give(&self, tag: &str, run: &RunRecord, now: Micros) -> Result<Tagged, Error> {
        let users = vec![format!("users/{}", run.user_id)];
        let refusal = |why: String| Ok(Tagged::Refused((EndReason::TagRefused, format!("{tag}: {why}"))));
        let answer = match self.tags()?.tag_fans(TagFansRequest { name: tag.to_owned(), users }).await {
            Ok(answer) => answer.into_inner(),
            Err(status) => {
                let error = refused(status, "crm", tag);
                let is_final = matches!(
                    error.code(),
                    Code::NotFound
                        | Code::InvalidArgument
                        | Code::FailedPrecondition
                        | Code::ResourceExhausted
                );
                return if is_final { refusal(error.to_string()) } else { Err(error) };
            }
        };
        let Some(rejection) = answer.rejections.into_iter().next() else { return Ok(Tagged::Given) };
        let is_unknown = rejection.reason() == ErrorReason::ResourceNotFound;
        let waits_until = run.end_time.unwrap_or(now).plus(UNKNOWN_AT_MOST);
        if is_unknown && now < waits_until {
            return Ok(Tagged::Later);
        }
        refusal(rejection.message)
    }

    fn tags(&self) -> Result<TagServiceClient<Peer>, Error> {
        let message = "this installation has no CRM: questionnaires give no tags";
        let none = || Error::new(Code::Unavailable, ErrorReason::DependencyUnavailable, message);
        self.tags.clone().ok_or_else(none)
    }
}

impl Messaging {
    /// Brings away all that was answered in full. What fails stops nothing else; the first failure is answered.
    pub(crate) async fn deliver_runs(&self, now: Micros) -> Result<(), Error> {
        let mut failures = Failures::default();
        loop {
            let mut tx = self.db.begin_read().await?;
            let mut due = store::questionnaire_run::due(&mut tx, now, failures.and(DUE_AT_ONCE)).await?;
            drop(tx);
            due.retain(|run| !failures.has(&run.name()));
            if due.is_empty() {
                return failures.into_result();
            }
            for run in due {
                match self.delivered(&run, now).await {
                    Ok(run) if run.state == RunState::Submitting => self.put_off_run(&run, now).await?,
                    Ok(done) => self.finish_run(&done).await?,
                    Err(error) => {
                        self.put_off_run(&run, now).await?;
                        failures.note(run.name(), error);
                    }
                }
            }
        }
    }

    /// The run as it is once its lead and its tags are brought away, or refused for good, or as far as it came where it has to wait.
    async fn delivered(&self, run: &RunRecord, now: Micros) -> Result<RunRecord, Error> {
        let (account_id, user_id) = (run.account_id.as_str(), run.user_id.as_str());
        let mut tx = self.db.begin_read().await?;
        let found = store::questionnaire::version(&mut tx, account_id, run.version).await?;
        let names: Vec<_> =
            run.answers.iter().flatten().map(|sequence| (account_id, user_id, *sequence)).collect();
        let messages = store::message::find(&mut tx, &names).await?;
        drop(tx);
        let definition = found.ok_or_else(|| Error::internal(format!("no version of {}", run.name())))?;
        let texts = messages.iter().filter_map(|message| {
            let content = message.content.as_ref()?;
            Some((message.sequence, content.text.as_str()))
        });
        let texts: HashMap<i64, &str> = texts.collect();
        let answers = match run.given(&definition, &texts) {
            Ok(answers) => answers,
            Err(reason) => return Ok(refused_run(run, (reason, String::new()))),
        };
        let mut done = RunRecord { state: RunState::Submitted, ..run.clone() };
        if let Some(form) = definition.form.as_ref().filter(|_| run.lead_id.is_empty()) {
            match self.deliveries.submit(run, form, &answers).await? {
                Ok(lead_id) => done.lead_id = lead_id,
                Err(refusal) => return Ok(refused_run(run, refusal)),
            }
        }
        let tags: BTreeSet<&str> = answers.iter().flat_map(|(_, given)| given.tags.iter().copied()).collect();
        for tag in tags {
            match self.deliveries.give(tag, run, now).await? {
                Tagged::Given => {}
                Tagged::Refused(refusal) => done = refused_run(&done, refusal),
                Tagged::Later => return Ok(RunRecord { state: RunState::Submitting, ..done }),
            }
        }
        Ok(done)
    }

    async fn finish_run(&self, done: &RunRecord) -> Result<(), Error> {
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            let is_ours = store::questionnaire_run::finish(&mut tx, done).await?;
            tx.commit().await?;
            if is_ours {
                asking::count(done.state);
            }
            Ok(())
        })
        .await
    }

    async fn put_off_run(&self, run: &RunRecord, now: Micros) -> Result<(), Error> {
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            store::questionnaire_run::put_off(&mut tx, run, now.plus(PATIENCE)).await?;
            Ok(tx.commit().await?)
        })
        .await
    }
}

fn refused_run(run: &RunRecord, (reason, failure): Refusal) -> RunRecord {
    RunRecord {
        state: RunState::Refused,
        reason: Some(reason),
        failure: failure.chars().take(MOST_FAILURE).collect(),
        ..run.clone()
    }
}
