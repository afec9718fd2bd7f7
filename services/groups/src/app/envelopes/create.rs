use jiff::tz::TimeZone;
use siyu_clock::Micros;
use siyu_db::{DbError, Tx};
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, retrying};
use tonic::Code;

use super::day_in;
use crate::{
    Groups,
    app::{closed, locked},
    domain::{
        envelope::{Budget, Envelope, LASTS, OverBudget, Seed, State, Terms, cut},
        ledger::Entry,
        message::Content,
    },
    events_envelopes as events, store,
};

/// An envelope that is to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewEnvelope {
    pub(crate) account_id: String,
    pub(crate) group_id: String,
    /// Empty: one of our own.
    pub(crate) envelope_id: String,
    pub(crate) terms: Terms,
}

impl Groups {
    /// Puts money of the budget into an envelope, and announces it in the group.
    pub(crate) async fn create_envelope(
        &self,
        mutation: &Mutation,
        new: &NewEnvelope,
    ) -> Result<Envelope, Error> {
        let checked = new.terms.check();
        checked.map_err(|(field, rule)| Error::invalid_field(format!("envelope.{field}"), rule))?;
        let zone = self.accounts.zone(&new.account_id).await?;
        let (envelope, said) = retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok((first, None));
            }
            let mut group = locked(&mut tx, [&new.account_id, &new.group_id]).await?;
            if group.closed {
                return Err(closed(&group.name()));
            }
            let mut envelope = self.draft_envelope(new, mutation.actor(), &zone, now)?;
            self.spend(&mut tx, &envelope, &zone, now).await?;
            let content = Content::envelope(&envelope.name(), &envelope.terms.greeting);
            let said = self.say(&mut tx, &mut group, &envelope.author, content, now).await?;
            store::group::save_chat(&mut tx, [&group]).await?;
            envelope.message_sequence = group.last_sequence;
            self.store_envelope(&mut tx, &envelope, now).await?;
            mutation.finish(tx, &envelope, now).await?;
            Ok((envelope, Some(said)))
        })
        .await?;
        self.tell(said);
        Ok(envelope)
    }

    fn draft_envelope(
        &self,
        new: &NewEnvelope,
        author: String,
        zone: &TimeZone,
        now: Micros,
    ) -> Result<Envelope, Error> {
        let mut random = [0; 32];
        self.ids.fill(&mut random);
        let seed = Seed::new(random);
        let time_zone = zone.iana_name().ok_or_else(|| Error::internal("a time zone without a name"))?;
        let is_named = !new.envelope_id.is_empty();
        Ok(Envelope {
            account_id: new.account_id.clone(),
            envelope_id: if is_named { new.envelope_id.clone() } else { self.ids.ulid(now) },
            group_id: new.group_id.clone(),
            author,
            seed_digest: seed.digest(),
            seed,
            time_zone: time_zone.to_owned(),
            message_sequence: 0,
            state: State::Open,
            grabbed_count: 0,
            grabbed_minor: 0,
            escrow_minor: new.terms.total_minor,
            refunded_minor: 0,
            create_time: now,
            expire_time: now.plus(LASTS),
            end_time: None,
            terms: new.terms.clone(),
        })
    }

    /// Takes what is in an envelope out of the budget.
    async fn spend(
        &self,
        tx: &mut Tx,
        envelope: &Envelope,
        zone: &TimeZone,
        now: Micros,
    ) -> Result<(), Error> {
        let mut budget = store::envelope_budget::lock(tx, &envelope.account_id).await?;
        let total = envelope.terms.total_minor;
        let spent = budget.spend(total, &day_in(zone, now));
        spent.map_err(|over| over_budget(&budget, total, over))?;
        store::envelope_budget::save(tx, &budget).await?;
        Ok(())
    }

    async fn store_envelope(&self, tx: &mut Tx, envelope: &Envelope, now: Micros) -> Result<(), Error> {
        let Envelope { account_id, envelope_id, seed, .. } = envelope;
        let Terms { kind, total_minor, share_count, .. } = envelope.terms;
        let exists = |error| match error {
            DbError::Duplicate { .. } => Error::exists(&envelope.name()),
            other => other.into(),
        };
        store::envelope::insert(tx, envelope).await.map_err(exists)?;
        let shares = cut(kind, total_minor, share_count, seed);
        store::envelope_share::insert(tx, account_id, envelope_id, &shares).await?;
        let entry = Entry::create(envelope_id, total_minor);
        store::envelope_ledger::post(tx, [(account_id.as_str(), entry)], now).await?;
        self.outbox.write(tx, [events::envelope_changed(envelope)]).await?;
        Ok(())
    }
}

/// RESOURCE_EXHAUSTED with the rule, and what there is.
fn over_budget(budget: &Budget, asked: i64, over: OverBudget) -> Error {
    let account = format!("accounts/{}", budget.account_id);
    let (rule, limit, used) = match over {
        OverBudget::Balance { balance } => {
            let rule = format!("the budget for envelopes has {balance}");
            (rule, budget.funded_minor, budget.funded_minor - balance)
        }
        OverBudget::Day { cap, spent } => {
            (format!("{cap} on a day for envelopes, {spent} of it are spent"), cap, spent)
        }
    };
    let text = format!("{rule}; {asked} asked for");
    Error::new(Code::ResourceExhausted, ErrorReason::QuotaExceeded, format!("{account}: {text}"))
        .with("rule", rule)
        .with("limit", limit.to_string())
        .with("used", used.to_string())
        .with_quota_violation(account, text)
}
