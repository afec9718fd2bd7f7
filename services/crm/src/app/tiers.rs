//! Tiers over time: the sweep over who is due, moving fans to other rules, and the rebuild by event time (C3).

use std::collections::BTreeMap;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::{Error, Mutation, retrying};

use super::ledger::Ledger;
use crate::{
    Crm,
    domain::{
        standing::{Fact, replay_known},
        tier::{Cause, TierChange},
    },
    store::{self, fan::Fan},
};

/// Fans looked at in one transaction.
const CHUNK: i64 = 500;
/// Due fans read at once by the sweep.
const SWEEP: i64 = 2_000;

/// How far a walk over all fans of an account has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// The last ordinal done.
    pub(crate) ordinal: i64,
    pub(crate) fan_count: i64,
    pub(crate) changed_count: i64,
    pub(crate) done: bool,
}

impl Crm {
    /// Settles fans whose tier decay has lowered by `now`; answers how many were. Call again until it is 0. What fails
    /// for one account is logged and does not keep it from the others.
    pub(crate) async fn sweep_once(&self, now: Micros) -> Result<usize, Error> {
        let mut tx = self.db.begin_read().await?;
        let due = store::fan::due(&mut tx, now, SWEEP).await?;
        drop(tx);
        let mut by_account: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for (account_id, ordinal) in &due {
            by_account.entry(account_id).or_default().push(*ordinal);
        }
        let mut settled = 0;
        for (account_id, ordinals) in by_account {
            settled += self.settle(account_id, &ordinals, now).await.unwrap_or_else(|error| {
                log_failure(account_id, &error);
                0
            });
        }
        Ok(settled)
    }

    async fn settle(&self, account_id: &str, ordinals: &[i64], now: Micros) -> Result<usize, Error> {
        let _turn = self.turns.take(account_id).await;
        let mut tx = self.db.begin().await?;
        let mut ledger = Ledger::open(&mut tx, &self.outbox, account_id).await?;
        let mut fans = store::fan::find_by_ordinal(&mut tx, account_id, ordinals.iter().copied()).await?;
        // Another replica may have been here since they were found due.
        fans.retain(|fan| fan.standing.next_change.is_some_and(|due| due <= now));
        bring_up_to_date(&mut tx, &mut ledger, &mut fans, now).await?;
        for fan in &mut fans {
            let change = fan.standing.settle(&ledger.rules, now);
            ledger.note(fan.ordinal, change);
        }
        ledger.save(&mut tx, &fans).await?;
        tx.commit().await?;
        ledger.count();
        Ok(fans.len())
    }

    /// Moves a chunk of fans of each account that has other rules since; answers of how many accounts. Call again
    /// until it is 0. What fails for one account is logged and does not keep it from the others.
    pub(crate) async fn migrate_once(&self, now: Micros) -> Result<usize, Error> {
        let mut tx = self.db.begin_read().await?;
        let accounts = store::account::migrating(&mut tx).await?;
        drop(tx);
        let mut moved = 0;
        for account_id in &accounts {
            match self.migrate(account_id, now).await {
                Ok(()) => moved += 1,
                Err(error) => log_failure(account_id, &error),
            }
        }
        Ok(moved)
    }

    async fn migrate(&self, account_id: &str, now: Micros) -> Result<(), Error> {
        let _turn = self.turns.take(account_id).await;
        let mut tx = self.db.begin().await?;
        let mut ledger = Ledger::open(&mut tx, &self.outbox, account_id).await?;
        let Some(after) = ledger.account.migrated_ordinal else { return Ok(()) };
        let last = (after + CHUNK).min(ledger.account.last_ordinal);
        let mut fans = store::fan::range(&mut tx, account_id, after, last).await?;
        bring_up_to_date(&mut tx, &mut ledger, &mut fans, now).await?;
        // Fans with a higher ordinal than any now will begin under the new rules.
        ledger.account.migrated_ordinal = (last < ledger.account.last_ordinal).then_some(last);
        ledger.save(&mut tx, &fans).await?;
        tx.commit().await?;
        ledger.count();
        Ok(())
    }

    /// Notes that an account is being rebuilt, and by whom.
    pub(crate) async fn begin_rebuild(&self, mutation: &Mutation, account_id: &str) -> Result<(), Error> {
        self.directory.get(account_id).await?;
        retrying(|| async { mutation.finish(self.db.begin().await?, &(), self.clock.now()).await }).await
    }

    /// Replays a chunk of fans by event time, those after `progress`, and answers how far it has come.
    pub(crate) async fn rebuild_once(&self, account_id: &str, progress: Progress) -> Result<Progress, Error> {
        let _turn = self.turns.take(account_id).await;
        let mut tx = self.db.begin().await?;
        let mut ledger = Ledger::open(&mut tx, &self.outbox, account_id).await?;
        let now = self.clock.now();
        let last = (progress.ordinal + CHUNK).min(ledger.account.last_ordinal);
        let mut fans = store::fan::range(&mut tx, account_id, progress.ordinal, last).await?;
        let facts = store::interaction::facts_of_range(&mut tx, account_id, progress.ordinal, last).await?;
        replay_all(&mut ledger, &mut fans, &facts, Cause::Rebuild, now);
        ledger.save(&mut tx, &fans).await?;
        tx.commit().await?;
        ledger.count();
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        Ok(Progress {
            ordinal: last,
            fan_count: progress.fan_count + count(fans.len()),
            changed_count: progress.changed_count + count(ledger.change_count()),
            done: last >= ledger.account.last_ordinal,
        })
    }
}

/// A step of background work that failed for one account; it will be tried again with the next tick.
pub(super) fn log_failure(account_id: &str, error: &Error) {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::warn!(account_id, %error, cause, "background work failed and will be tried again");
}

/// Replays those of the fans who still stand under other rules than those in force, and leaves them in front.
pub(super) async fn bring_up_to_date(
    tx: &mut Tx,
    ledger: &mut Ledger,
    fans: &mut [Fan],
    now: Micros,
) -> Result<(), Error> {
    let in_force = ledger.rules.version;
    fans.sort_by_key(|fan| (fan.rules_version == in_force, fan.ordinal));
    let stale_count = fans.partition_point(|fan| fan.rules_version != in_force);
    let stale = &mut fans[..stale_count];
    if stale.is_empty() {
        return Ok(());
    }
    let ordinals = stale.iter().map(|fan| fan.ordinal);
    let facts = store::interaction::facts_of(tx, &ledger.account.account_id, ordinals).await?;
    replay_all(ledger, stale, &facts, Cause::Rules, now);
    Ok(())
}

/// Gives each fan the standing of its history, and notes the difference. `fans` and `facts` are in the order of
/// ordinals, the facts of one fan in the order of event time.
fn replay_all(ledger: &mut Ledger, fans: &mut [Fan], facts: &[(i64, Fact)], cause: Cause, now: Micros) {
    for (fan, facts) in with_histories(fans, facts) {
        let mut standing = replay_known(&ledger.rules, facts.iter().map(|(_, fact)| fact), now);
        let before = fan.standing.tier;
        if let Some(to) = standing.tier
            && before != Some(to)
        {
            // A move is dated when it is processed, also when it should have happened long ago.
            standing.tier_since = now;
            let score = standing.score_at(&ledger.rules, now);
            ledger.note(
                fan.ordinal,
                [TierChange { from: before, to, cause, event_id: None, score, time: now }],
            );
        } else {
            standing.tier_since = fan.standing.tier_since;
        }
        fan.standing = standing;
        fan.rules_version = ledger.rules.version;
    }
}

/// Each fan with its history. Both are in the order of ordinals.
pub(super) fn with_histories<'a>(
    fans: &'a mut [Fan],
    facts: &'a [(i64, Fact)],
) -> impl Iterator<Item = (&'a mut Fan, &'a [(i64, Fact)])> {
    let mut rest = facts;
    fans.iter_mut().map(move |fan| {
        let skip = rest.iter().take_while(|(ordinal, _)| *ordinal < fan.ordinal).count();
        let own = rest[skip..].iter().take_while(|(ordinal, _)| *ordinal == fan.ordinal).count();
        let history = &rest[skip..skip + own];
        rest = &rest[skip + own..];
        (fan, history)
    })
}
