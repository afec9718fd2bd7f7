//! Sending to many, a step at a time (M9).
//!
//! A step is one transaction: the messages, stored as any other, what became of each recipient, and how far it has come. It is
//! done by whoever finds the revision that the step was made from. So a process that ends at any moment leaves a whole step or none,
//! and of two processes one does it.

use std::collections::{HashMap, HashSet};

use jiff::tz::TimeZone;
use siyu_clock::Micros;
use siyu_rpc::{Error, failures::Failures, retrying};
use siyu_telemetry::names;

use super::prepare::PATIENCE;
use crate::{
    Messaging,
    app::sending::{Allowed, NewMessage, Sent},
    domain::{
        group_send::{Chunk, GroupSend, Outcome, Reason, State, name},
        message::Sender,
    },
    store,
};

/// Group sendings that are looked up at once.
const DUE_AT_ONCE: i64 = 100;
/// Most messages of one transaction.
const STEP: i64 = 500;

impl Messaging {
    /// Does all that is due for group sendings at `now`. What fails stops nothing else; the first failure is answered.
    pub(crate) async fn run_due_group_sends(&self, now: Micros) -> Result<(), Error> {
        let mut failures = Failures::default();
        loop {
            let mut tx = self.db.begin_read().await?;
            let mut due = store::group_send::due(&mut tx, now, failures.and(DUE_AT_ONCE)).await?;
            drop(tx);
            due.retain(|(account_id, id)| !failures.has(&name(account_id, id)));
            if due.is_empty() {
                return failures.into_result();
            }
            for (account_id, id) in due {
                if let Err(error) = self.run_due_group_send(&account_id, &id, now).await {
                    self.put_off(&account_id, &id, now).await?;
                    failures.note(name(&account_id, &id), error);
                }
            }
        }
    }

    async fn run_due_group_send(&self, account_id: &str, id: &str, now: Micros) -> Result<(), Error> {
        let mut tx = self.db.begin_read().await?;
        let Some(group_send) = store::group_send::get(&mut tx, account_id, id).await? else { return Ok(()) };
        drop(tx);
        match group_send.state {
            State::Scheduled => self.prepare(&group_send, now).await,
            State::Sending => self.step(&group_send, now).await,
            _ => self.give_back(&group_send).await,
        }
    }

    /// What failed is tried again a little later, whatever else is due.
    async fn put_off(&self, account_id: &str, id: &str, now: Micros) -> Result<(), Error> {
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            let found = store::group_send::lock(&mut tx, account_id, id).await?;
            let Some(mut group_send) = found.filter(|found| found.due_time.is_some()) else { return Ok(()) };
            group_send.due_time = Some(now.plus(PATIENCE));
            store::group_send::update(&mut tx, &group_send).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn step(&self, seen: &GroupSend, now: Micros) -> Result<(), Error> {
        let mut tx = self.db.begin_read().await?;
        let chunk = store::group_send::next_chunk(&mut tx, seen).await?;
        drop(tx);
        let Some(chunk) = chunk else { return self.advance(seen, None, &[], now).await };
        let most = usize::try_from(seen.budget(now).min(STEP)).unwrap_or_default();
        let count = if chunk.deliver_time <= now { most } else { 0 };
        let users: Vec<&str> = chunk.rest().iter().take(count).map(|(_, user_id)| user_id.as_str()).collect();
        let calls = self.calls(seen, &users).await?;
        self.advance(seen, Some(&chunk), &calls, now).await
    }

    /// The messages of a step. Whom the account has sent as much as it may is sent more where both follow each other, which is asked
    /// before the transaction.
    async fn calls(&self, group_send: &GroupSend, users: &[&str]) -> Result<Vec<NewMessage>, Error> {
        let account_id = group_send.account_id.as_str();
        let is_certified = self.accounts.is_certified(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let limit = store::policy::in_force(&mut tx, self.clock.now()).await?.limit(is_certified);
        let names = users.iter().map(|user_id| (account_id, *user_id));
        let found = store::conversation::find(&mut tx, names).await?;
        drop(tx);
        let used: HashMap<String, i64> =
            found.into_iter().map(|found| (found.user_id, found.unanswered_count)).collect();
        let mut calls = Vec::with_capacity(users.len());
        for &user_id in users {
            let is_at_limit = used.get(user_id).copied().unwrap_or_default() >= limit;
            let is_mutual = is_at_limit && self.follows.are_mutual(account_id, user_id).await?;
            calls.push(NewMessage {
                account_id: account_id.to_owned(),
                user_id: user_id.to_owned(),
                sender: Sender::Account,
                // Nobody who answers: it neither stops clocks nor keeps programs from replying.
                author: format!("bots/groupSends/{}", group_send.group_send_id),
                client_message_id: group_send.client_message_id(),
                content: group_send.content.clone(),
                allowed: if is_mutual { Allowed::Any } else { Allowed::Policy { is_certified } },
                causation_depth: 0,
                zone: TimeZone::UTC,
                sent_time: None,
            });
        }
        Ok(calls)
    }

    /// Stores a step, unless somebody else has done it or it was paused: to the next of a chunk, or the end where there is none.
    async fn advance(
        &self,
        seen: &GroupSend,
        chunk: Option<&Chunk>,
        calls: &[NewMessage],
        now: Micros,
    ) -> Result<(), Error> {
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            let found = store::group_send::lock(&mut tx, &seen.account_id, &seen.group_send_id).await?;
            let is_as_seen =
                |found: &GroupSend| found.revision == seen.revision && found.state == State::Sending;
            let Some(mut group_send) = found.filter(is_as_seen) else { return Ok(()) };
            let Some(mut chunk) = chunk.cloned() else {
                finish(&mut group_send, now);
                store::group_send::update(&mut tx, &group_send).await?;
                return Ok(tx.commit().await?);
            };
            let users: Vec<&str> = calls.iter().map(|call| call.user_id.as_str()).collect();
            let blocked = store::moderation::blocked_of(&mut tx, &seen.account_id, &users).await?;
            let blocked: HashSet<String> = blocked.into_iter().collect();
            let allowed: Vec<NewMessage> =
                calls.iter().filter(|call| !blocked.contains(&call.user_id)).cloned().collect();
            let added = self.sender.add(&mut tx, &allowed, now).await?;
            let mut sent = added.answers.iter();
            let outcomes: Vec<Outcome> = calls
                .iter()
                .map(|call| {
                    let is_blocked = blocked.contains(&call.user_id);
                    let sent = if is_blocked { None } else { sent.next() };
                    sent.map_or(Outcome::Refused(Reason::Blocked), outcome)
                })
                .collect();
            group_send.note(&outcomes);
            chunk.outcomes.extend(&outcomes);
            let count = i64::try_from(calls.len()).unwrap_or(i64::MAX);
            if chunk.deliver_time > now {
                // Whatever is left is for later.
                group_send.start_pace(chunk.deliver_time);
            } else {
                group_send.spend(count, now);
            }
            group_send.revision += 1;
            group_send.update_time = now;
            store::group_send::update_chunk(&mut tx, &group_send, &chunk).await?;
            store::group_send::update(&mut tx, &group_send).await?;
            tx.commit().await?;
            self.sender.tell(&added);
            for outcome in &outcomes {
                let outcome = if matches!(outcome, Outcome::Sent(_)) { "sent" } else { "refused" };
                metrics::counter!(names::GROUP_SEND_RECIPIENTS_TOTAL, "outcome" => outcome).increment(1);
            }
            Ok(())
        })
        .await
    }
}

/// Nobody is left.
fn finish(group_send: &mut GroupSend, now: Micros) {
    group_send.state = State::Done;
    group_send.owes_reach = group_send.refused_count() > 0;
    group_send.due_time = group_send.owes_reach.then_some(now);
    group_send.revision += 1;
    group_send.update_time = now;
}

fn outcome(sent: &Sent) -> Outcome {
    match sent {
        Sent::Stored(message) | Sent::Repeated(message) => Outcome::Sent(message.sequence),
        Sent::OverLimit { .. } => Outcome::Refused(Reason::OverAllowance),
        Sent::Refused { .. } | Sent::Blocked => Outcome::Refused(Reason::Blocked),
        Sent::Reused | Sent::NoMenuItem | Sent::TooOld { .. } => Outcome::Refused(Reason::Failed),
    }
}
