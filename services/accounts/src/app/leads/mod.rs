//! Leads (A6): users leave their data in lead forms, and who may see how much of it.

mod read;

use jiff::tz::TimeZone;
use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_observed::{Origin, interaction, interactions_observed};
use siyu_proto::{common::v1::ErrorReason, crm::v1::InteractionKind};
use siyu_rpc::{Error, Mutation, retrying};
use tonic::Code;

use super::{
    cards::{card_in_use, check_conditions},
    certification::{locked, zone_of},
    collided,
    lead_pipeline::Pipeline,
};
pub(crate) use read::newest as newest_lead;

use crate::{
    Accounts,
    domain::{
        card::{self, Card, Settings},
        lead::{self, Answer, Given, LeadForm, MOST_A_DAY},
    },
    store::{self, account::Account, lead::Lead},
};

/// What a user submits.
#[derive(Debug, Clone)]
pub(crate) struct NewLead {
    pub(crate) account_id: String,
    pub(crate) lead_id: String,
    /// The form.
    pub(crate) card_id: String,
    pub(crate) user_id: String,
    pub(crate) answers: Vec<Given>,
    pub(crate) consent_given: bool,
    pub(crate) consent_version: String,
    pub(crate) origin: Origin,
}

/// A lead with as much of its data as its reader may see.
#[derive(Debug, Clone)]
pub(crate) struct LeadView {
    pub(crate) lead: Lead,
    pub(crate) answers: Vec<Answer>,
    /// Empty where the answers are masked.
    pub(crate) consent_text: String,
}

impl Accounts {
    /// Stores what a user left in a form; answers it masked.
    pub(crate) async fn submit_lead(&self, mutation: &Mutation, new: &NewLead) -> Result<LeadView, Error> {
        let mut tx = self.db.begin_read().await?;
        if let Some(first) = self.submitted_before(&mut tx, new).await? {
            return Ok(first);
        }
        let (card, form) = form_in_use(&mut tx, &new.account_id, &new.card_id).await?;
        drop(tx);
        // What is wrong is refused before anything is locked; within the transaction the form may be another.
        checked(&form, new, &card)?;
        if !card.content.conditions.is_empty() {
            let standing = self.fans.standing(&new.account_id, &new.user_id).await?;
            check_conditions(&card.content.conditions, &standing, &card.name())?;
        }
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let account = locked(&mut tx, &new.account_id).await?;
            if let Some(first) = self.submitted_before(&mut tx, new).await? {
                return Ok(first);
            }
            let (card, form) = form_in_use(&mut tx, &new.account_id, &new.card_id).await?;
            let answers = checked(&form, new, &card)?;
            let lead = self.sealed_lead(&mut tx, new, &answers, &account, now).await?;
            let version = form.consent_version();
            store::lead::insert_consent(&mut tx, &new.account_id, &version, &form.consent_text, now.0)
                .await?;
            store::lead::insert(&mut tx, &lead).await.map_err(collided)?;
            let mut pipeline = Pipeline::open(&mut tx, &new.account_id).await?;
            pipeline.submit(&mut tx, &lead, &mutation.actor()).await?;
            pipeline.store(&mut tx, &self.outbox).await?;
            let interaction = interaction(
                format!("lead:{}", new.lead_id),
                &new.user_id,
                InteractionKind::Lead,
                now,
                card.name(),
                &new.origin,
            );
            let events = interactions_observed(&new.account_id, [interaction.into()]);
            self.outbox.write(&mut tx, events).await?;
            mutation.finish(tx, &(), now).await?;
            self.outbox.wake();
            Ok(masked(lead, &answers))
        })
        .await
    }

    /// The lead as it is stored, where this user submitted the same before.
    async fn submitted_before(&self, tx: &mut Tx, new: &NewLead) -> Result<Option<LeadView>, Error> {
        let Some(lead) = store::lead::get(tx, &new.account_id, &new.lead_id).await? else { return Ok(None) };
        let is_same_place = lead.card_id == new.card_id && lead.user_id == new.user_id;
        if !is_same_place || lead.erase_time.is_some() {
            return Err(Error::exists(&lead.name()));
        }
        let stored = self.answers(&lead)?;
        let card = store::card::get(tx, &new.account_id, &new.card_id).await?;
        let again = match card.map(|card| card.content.settings) {
            Some(Settings::LeadForm(form)) => lead::check(&form, &new.answers).ok(),
            _ => None,
        };
        if again.as_ref() == Some(&stored) {
            Ok(Some(masked(lead, &stored)))
        } else {
            Err(Error::exists(&lead.name()))
        }
    }

    /// The next lead of the user on this day, its answers encrypted.
    async fn sealed_lead(
        &self,
        tx: &mut Tx,
        new: &NewLead,
        answers: &[Answer],
        account: &Account,
        now: Micros,
    ) -> Result<Lead, Error> {
        let NewLead { account_id, card_id, user_id, .. } = new;
        let day = day_of(now, &zone_of(account)?);
        let count = store::lead::count_of_day(tx, account_id, card_id, user_id, day).await?;
        if count >= MOST_A_DAY {
            return Err(too_many(new));
        }
        let mut lead = Lead {
            account_id: account_id.clone(),
            lead_id: new.lead_id.clone(),
            card_id: card_id.clone(),
            user_id: user_id.clone(),
            key_id: String::new(),
            sealed: String::new(),
            consent_version: new.consent_version.clone(),
            origin: new.origin.clone(),
            day,
            number_of_day: count + 1,
            create_time: now.0,
            erase_time: None,
        };
        let plain = serde_json::to_vec(answers).map_err(Error::internal)?;
        let sealed = self.lead_keys.seal(&owner(&lead), &plain)?;
        (lead.key_id, lead.sealed) = (sealed.key_id, sealed.text);
        Ok(lead)
    }

    /// The answers in full; none once erased.
    fn answers(&self, lead: &Lead) -> Result<Vec<Answer>, Error> {
        if lead.erase_time.is_some() {
            return Ok(Vec::new());
        }
        let plain = self.lead_keys.open(&owner(lead), &lead.sealed())?;
        // What is behind a mistake here would be the data.
        serde_json::from_slice(&plain).map_err(|_| Error::internal(format!("the answers of {}", lead.name())))
    }
}

/// Whose answers they are: moved to another lead, user or form, they cannot be read.
fn owner(lead: &Lead) -> String {
    format!("{} of users/{} in {}", lead.name(), lead.user_id, card::name(&lead.account_id, &lead.card_id))
}

fn masked(lead: Lead, answers: &[Answer]) -> LeadView {
    let answers = answers.iter().map(lead::masked).collect();
    LeadView { lead, answers, consent_text: String::new() }
}

/// The card and what it asks for, unless it is archived or of another kind.
async fn form_in_use(tx: &mut Tx, account_id: &str, card_id: &str) -> Result<(Card, LeadForm), Error> {
    let card = card_in_use(tx, account_id, card_id).await?;
    match card.content.settings.clone() {
        Settings::LeadForm(form) => Ok((card, form)),
        _ => Err(Error::invalid_field("form", "must be a card of the kind LEAD_FORM")),
    }
}

/// The answers as they are stored, of somebody who agreed to the text.
fn checked(form: &LeadForm, new: &NewLead, card: &Card) -> Result<Vec<Answer>, Error> {
    check_consent(form, new, card)?;
    lead::check(form, &new.answers).map_err(|mistake| Error::invalid_field(mistake.field, mistake.rule))
}

fn check_consent(form: &LeadForm, new: &NewLead, card: &Card) -> Result<(), Error> {
    if !new.consent_given {
        return Err(Error::invalid_field("consent_given", "must be true: without it nothing is stored"));
    }
    if new.consent_version.is_empty() {
        return Err(Error::invalid_field("consent_version", "must be that of the text the user agreed to"));
    }
    let current = form.consent_version();
    if new.consent_version == current {
        return Ok(());
    }
    let message = format!(
        "the text of {} has another version now, {current}: show it to the user, who must agree to it",
        card.name()
    );
    let error = Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message);
    Err(error.with("resource", card.name()).with("consent_version", current))
}

fn too_many(new: &NewLead) -> Error {
    let form = card::name(&new.account_id, &new.card_id);
    let message = format!("users/{} has left {MOST_A_DAY} leads in {form} today", new.user_id);
    Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message)
        .with("resource", form)
        .with("limit", MOST_A_DAY.to_string())
}

/// The day of an account, in days since 1970.
fn day_of(now: Micros, zone: &TimeZone) -> i64 {
    let offset = zone.to_offset(now.to_timestamp());
    let local = now.0.saturating_add(i64::from(offset.seconds()) * Micros::PER_SECOND);
    local.div_euclid(Micros::PER_DAY)
}
