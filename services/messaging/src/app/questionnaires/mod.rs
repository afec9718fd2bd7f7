//! Questionnaires by message (M8): making, reading, changing, deleting and beginning them, and what came of them. How they are asked:
//! `asking`; how they become leads and tags: `delivery`.

mod delivery;

use std::{collections::BTreeSet, sync::Arc};

use jiff::tz::TimeZone;
use siyu_db::Tx;
use siyu_forms::Field;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, etag, retrying};
use tonic::Code;

use super::{
    asking::ASKERS,
    sending::{Allowed, NewMessage},
    settings,
};
use crate::{
    Messaging,
    domain::{
        message::{Content, ContentKind, Message, Sender},
        questionnaire::{
            Definition, Draft, Form, FormFields, MOST_QUESTIONNAIRES, Questionnaire, RunRecord, name,
        },
    },
    store::{self, questionnaire_run::RunCount},
};

pub(crate) use delivery::Deliveries;

/// What sorts after every id of a run.
const LAST_ID: &str = "~";

impl Messaging {
    pub(crate) async fn create_questionnaire(
        &self,
        mutation: &Mutation,
        account_id: &str,
        questionnaire_id: &str,
        draft: &Draft,
    ) -> Result<Questionnaire, Error> {
        self.accounts.check(account_id).await?;
        let definition = self.define(account_id, draft).await?;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let number = settings::change(&mut tx, account_id).await?;
            if store::questionnaire::get(&mut tx, account_id, questionnaire_id).await?.is_some() {
                return Err(Error::exists(&name(account_id, questionnaire_id)));
            }
            if store::questionnaire::count(&mut tx, account_id).await? >= MOST_QUESTIONNAIRES {
                return Err(too_many(account_id));
            }
            let questionnaire = Questionnaire {
                questionnaire_id: questionnaire_id.to_owned(),
                number,
                definition: definition.clone(),
                revision: 1,
                create_time: now,
                update_time: now,
            };
            store::questionnaire::insert(&mut tx, account_id, &questionnaire).await?;
            mutation.finish(tx, &questionnaire, now).await?;
            Ok(questionnaire)
        })
        .await
    }

    pub(crate) async fn get_questionnaire(
        &self,
        [account_id, questionnaire_id]: [&str; 2],
    ) -> Result<Questionnaire, Error> {
        let mut tx = self.db.begin_read().await?;
        known(&mut tx, account_id, questionnaire_id).await
    }

    /// A page of questionnaires by id, and the token of the next.
    pub(crate) async fn list_questionnaires(
        &self,
        account_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<Questionnaire>, String), Error> {
        self.accounts.check(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut found = store::questionnaire::list(&mut tx, account_id, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.questionnaire_id.clone())?;
        Ok((found, next))
    }

    /// Makes a questionnaire that is still as the caller saw it say something else.
    pub(crate) async fn update_questionnaire(
        &self,
        mutation: &Mutation,
        [account_id, questionnaire_id]: [&str; 2],
        draft: &Draft,
        seen: &str,
    ) -> Result<Questionnaire, Error> {
        let definition = self.define(account_id, draft).await?;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let mut found = seen_one(&mut tx, account_id, questionnaire_id, seen).await?;
            found.definition = definition.clone();
            found.revision += 1;
            found.update_time = now;
            store::questionnaire::update(&mut tx, account_id, &found).await?;
            mutation.finish(tx, &found, now).await?;
            Ok(found)
        })
        .await
    }

    /// Deletes a questionnaire that is still as the caller saw it.
    pub(crate) async fn delete_questionnaire(
        &self,
        mutation: &Mutation,
        [account_id, questionnaire_id]: [&str; 2],
        seen: &str,
    ) -> Result<(), Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            seen_one(&mut tx, account_id, questionnaire_id, seen).await?;
            store::questionnaire::delete(&mut tx, account_id, questionnaire_id).await?;
            mutation.finish(tx, &(), now).await?;
            Ok(())
        })
        .await
    }

    /// Sends the introduction of a questionnaire, which its first question follows; answers the introduction.
    pub(crate) async fn start_questionnaire(
        &self,
        [account_id, user_id]: [&str; 2],
        questionnaire_id: &str,
        client_message_id: String,
    ) -> Result<Arc<Message>, Error> {
        let questionnaire = self.get_questionnaire([account_id, questionnaire_id]).await?;
        if questionnaire.definition.is_disabled {
            let message = format!("{} is disabled", name(account_id, questionnaire_id));
            return Err(Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message));
        }
        let text = questionnaire.definition.introduction;
        self.send(NewMessage {
            account_id: account_id.to_owned(),
            user_id: user_id.to_owned(),
            sender: Sender::Account,
            author: format!("{ASKERS}{questionnaire_id}"),
            client_message_id,
            content: Content { text, ..Content::empty(ContentKind::Text) },
            causation_depth: 0,
            zone: TimeZone::UTC,
            allowed: Allowed::Policy { is_certified: false },
            sent_time: None,
        })
        .await
    }

    /// A page of the runs of a questionnaire, newest first, and the token of the next.
    pub(crate) async fn list_questionnaire_runs(
        &self,
        ids: [&str; 2],
        page: &Page<(i64, String)>,
    ) -> Result<(Vec<RunRecord>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        known(&mut tx, ids[0], ids[1]).await?;
        let before = page.after.as_ref().map_or((i64::MAX, LAST_ID), |(time, id)| (*time, id.as_str()));
        let mut found = store::questionnaire_run::list(&mut tx, ids, before, page.limit()).await?;
        let next = page.finish(&mut found, |last| (last.start_time.0, last.run_id.clone()))?;
        Ok((found, next))
    }

    /// How many runs of a questionnaire stand where.
    pub(crate) async fn questionnaire_report(&self, ids: [&str; 2]) -> Result<Vec<RunCount>, Error> {
        let mut tx = self.db.begin_read().await?;
        known(&mut tx, ids[0], ids[1]).await?;
        Ok(store::questionnaire_run::report(&mut tx, ids).await?)
    }

    /// The questionnaire that a draft makes, once its form and tags are seen to be there.
    async fn define(&self, account_id: &str, draft: &Draft) -> Result<Definition, Error> {
        let form = if draft.form.is_empty() { None } else { Some(self.form(account_id, &draft.form).await?) };
        let defined = draft.define(account_id, form.as_ref());
        let definition =
            defined.map_err(|(field, rule)| Error::invalid_field(format!("questionnaire.{field}"), rule))?;
        let tags: BTreeSet<&String> =
            definition.questions.iter().flat_map(|question| &question.tags).flatten().collect();
        for tag in tags {
            self.deliveries.check_tag(tag, "questionnaire.questions").await?;
        }
        Ok(definition)
    }

    async fn form(&self, account_id: &str, card: &str) -> Result<FormFields, Error> {
        const FIELD: &str = "questionnaire.form";
        if !card.starts_with(&format!("accounts/{account_id}/cards/")) {
            return Err(Error::invalid_field(FIELD, "must be a card of the account"));
        }
        let found = self.accounts.lead_form(card, FIELD).await?;
        let form = Form {
            card: card.to_owned(),
            consent_text: found.consent_text,
            consent_version: found.consent_version,
        };
        Ok(FormFields { form, fields: found.fields.into_iter().filter_map(Field::sent).collect() })
    }
}

/// A questionnaire that this transaction changes, and that is still as the caller saw it.
async fn seen_one(
    tx: &mut Tx,
    account_id: &str,
    questionnaire_id: &str,
    seen: &str,
) -> Result<Questionnaire, Error> {
    // First: the lock would make the row of an account that nobody knows.
    known(tx, account_id, questionnaire_id).await?;
    settings::change(tx, account_id).await?;
    let found = known(tx, account_id, questionnaire_id).await?;
    etag::check(seen, found.revision, &name(account_id, questionnaire_id))?;
    Ok(found)
}

async fn known(tx: &mut Tx, account_id: &str, questionnaire_id: &str) -> Result<Questionnaire, Error> {
    let found = store::questionnaire::get(tx, account_id, questionnaire_id).await?;
    found.ok_or_else(|| Error::not_found(&name(account_id, questionnaire_id)))
}

fn too_many(account_id: &str) -> Error {
    let message =
        format!("accounts/{account_id} has {MOST_QUESTIONNAIRES} questionnaires, as many as it may have");
    let error = Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message);
    error.with("limit", MOST_QUESTIONNAIRES.to_string())
}
