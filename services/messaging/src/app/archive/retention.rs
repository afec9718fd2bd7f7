//! What is not kept for longer is forgotten (M11).
//!
//! A walk goes through all conversations of an account once a day, a step at a time: a step reads some conversations, and forgets in one
//! transaction what is due in them. Where a conversation stands says its `forgotten_sequence`, so that of one in which nothing is due a
//! single message is looked at. Steps can be repeated, and one that finds the walk elsewhere does nothing.

use std::collections::HashSet;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::{Error, Mutation, failures::Failures, retrying};
use siyu_telemetry::names;

use crate::{
    Messaging,
    domain::{
        archive::Stretch,
        conversation::Conversation,
        retention::{FEWEST_DAYS, Retention, first_of},
    },
    store,
};

/// Conversations that a step looks at.
const CONVERSATIONS_AT_ONCE: i64 = 500;
/// Messages that it forgets.
const FORGOTTEN_AT_ONCE: i64 = 1_000;
/// Messages of one conversation that are looked at together.
const STRETCH: i64 = 100;
/// Steps of one tick: what else is to be done does not wait for long.
const STEPS: usize = 50;

impl Messaging {
    /// Sets how long an account keeps what was said: so many days, or for ever with 0.
    pub(crate) async fn set_retention(
        &self,
        mutation: &Mutation,
        account_id: &str,
        days: i32,
    ) -> Result<Retention, Error> {
        if (1..FEWEST_DAYS).contains(&days) {
            let rule = format!("must be 0, for ever, or at least {FEWEST_DAYS}");
            return Err(Error::invalid_field("days", rule));
        }
        self.check_account(account_id).await?;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            store::inbox::lock(&mut tx, [format!("accounts/{account_id}").as_str()]).await?;
            let retention = Retention::new(account_id, days, now);
            store::retention::save(&mut tx, &retention).await?;
            mutation.finish(tx, &retention, now).await?;
            Ok(retention)
        })
        .await
    }

    /// How long an account keeps what was said; None where it never said so, which is for ever.
    pub(crate) async fn get_retention(&self, account_id: &str) -> Result<Option<Retention>, Error> {
        self.check_account(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        Ok(store::retention::get(&mut tx, account_id).await?)
    }

    /// Forgets what is due at `now`, as much of it as one tick should. What fails for one account holds up no other.
    pub(crate) async fn forget_due(&self, now: Micros) -> Result<(), Error> {
        let mut failures = Failures::default();
        for _ in 0..STEPS {
            let mut tx = self.db.begin_read().await?;
            let due = store::retention::due(&mut tx, now, failures.and(1)).await?;
            drop(tx);
            let name = |account_id: &str| format!("accounts/{account_id}/retention");
            let Some(account_id) = due.into_iter().find(|id| !failures.has(&name(id))) else { break };
            if let Err(error) = self.walk_on(&account_id, now).await {
                failures.note(name(&account_id), error);
            }
        }
        failures.into_result()
    }

    /// One step of the walk through the conversations of an account.
    async fn walk_on(&self, account_id: &str, now: Micros) -> Result<(), Error> {
        retrying(|| async {
            let mut tx = self.db.begin_read().await?;
            let Some(seen) = store::retention::get(&mut tx, account_id).await? else { return Ok(()) };
            let mut retention = seen.clone();
            let before = retention.walk(now);
            let limit = CONVERSATIONS_AT_ONCE;
            let walked = &seen.walked_user;
            let conversations = store::archive::after_user(&mut tx, account_id, walked, limit).await?;
            let due = due(&mut tx, account_id, &conversations, before).await?;
            drop(tx);

            let stretches = first_of(&due, FORGOTTEN_AT_ONCE);
            let is_whole =
                stretches.len() == due.len() && stretches.iter().all(|stretch| stretch.len() < STRETCH);
            let mut tx = self.db.begin().await?;
            store::inbox::lock(&mut tx, [format!("accounts/{account_id}").as_str()]).await?;
            if store::retention::get(&mut tx, account_id).await?.as_ref() != Some(&seen) {
                // Another process has made the step, or something else is set.
                return Ok(());
            }
            let count = store::archive::forget(&mut tx, account_id, stretches, now).await?;
            if is_whole {
                forget_the_rest(&mut tx, account_id, &conversations, before, now).await?;
                let is_last = i64::try_from(conversations.len()) != Ok(limit);
                let last = conversations.last().filter(|_| !is_last);
                retention.walked(last.map(|last| last.user_id.as_str()));
            }
            store::retention::save(&mut tx, &retention).await?;
            tx.commit().await?;
            metrics::counter!(names::FORGOTTEN_MESSAGES_TOTAL, "cause" => "retention").increment(count);
            Ok(())
        })
        .await
    }
}

/// The messages of conversations that are older than a time and not forgotten: not all of them, where they are many.
async fn due(
    tx: &mut Tx,
    account_id: &str,
    conversations: &[Conversation],
    before: Micros,
) -> Result<Vec<Stretch>, Error> {
    let oldest: Vec<(&str, &str, i64)> = conversations
        .iter()
        .map(|found| (account_id, found.user_id.as_str(), found.forgotten_sequence + 1))
        .collect();
    let oldest = store::message::find(tx, &oldest).await?;
    let with_due: HashSet<String> = oldest
        .into_iter()
        .filter(|message| message.create_time < before)
        .map(|message| message.user_id)
        .collect();
    let stretches: Vec<Stretch> = conversations
        .iter()
        .filter(|found| with_due.contains(&found.user_id))
        .map(|found| Stretch {
            user_id: found.user_id.clone(),
            after: found.forgotten_sequence,
            to: found.forgotten_sequence + STRETCH,
        })
        .collect();
    Ok(store::archive::older(tx, account_id, &stretches, before).await?)
}

/// Forgets what is no message: notes, and what users said to reports and ratings.
async fn forget_the_rest(
    tx: &mut Tx,
    account_id: &str,
    conversations: &[Conversation],
    before: Micros,
    now: Micros,
) -> Result<(), Error> {
    let (Some(first), Some(last)) = (conversations.first(), conversations.last()) else { return Ok(()) };
    let users = [first.user_id.as_str(), last.user_id.as_str()];
    store::note::forget(tx, account_id, users, before, now).await?;
    store::review::forget_comments(tx, account_id, users, before).await?;
    let has_comment =
        |found: &&Conversation| found.desk.as_ref().is_some_and(|desk| desk.has_comment_before(before));
    let names: Vec<(&str, &str)> =
        conversations.iter().filter(has_comment).map(|found| (account_id, found.user_id.as_str())).collect();
    if names.is_empty() {
        return Ok(());
    }
    // As they are now: they may have changed meanwhile.
    let mut rated = store::conversation::find(tx, names).await?;
    for desk in rated.iter_mut().filter_map(|found| found.desk.as_mut()) {
        if desk.has_comment_before(before) {
            desk.forget_comment();
        }
    }
    Ok(store::conversation::save(tx, &rated).await?)
}
