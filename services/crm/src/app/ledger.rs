//! What a transaction on one account's fans has changed so far, and storing it in a few statements.

use std::collections::HashMap;

use siyu_db::{DbError, Tx};
use siyu_outbox::Outbox;
use siyu_rpc::Error;

use super::standings::tell;
use crate::{
    domain::{
        tier::{Tier, TierChange},
        tier_rules::TierRules,
    },
    store::{self, account::Account, fan::Fan, tier_change::Recorded},
};
use siyu_telemetry::names;

/// The account whose turn it is, the rules in force, and the tier changes made.
pub(super) struct Ledger {
    pub(super) account: Account,
    pub(super) rules: TierRules,
    pub(super) outbox: Outbox,
    /// Whether others were told of anything but moves.
    pub(super) has_told: bool,
    changes: Vec<Recorded>,
}

impl Ledger {
    /// Waits for the account's turn. Until `tx` ends nobody else changes its fans. Who stands elsewhere after it than
    /// before is told to `outbox`.
    pub(super) async fn open(tx: &mut Tx, outbox: &Outbox, account_id: &str) -> Result<Self, Error> {
        let account = store::account::lock(tx, account_id).await?;
        let rules = rules_in_force(tx, &account).await?;
        Ok(Self { account, rules, outbox: outbox.clone(), has_told: false, changes: Vec::new() })
    }

    /// Notes moves of the fan with `ordinal`.
    pub(super) fn note(&mut self, ordinal: i64, changes: impl IntoIterator<Item = TierChange>) {
        for change in changes {
            self.account.last_change += 1;
            let (sequence, rules_version) = (self.account.last_change, self.rules.version);
            self.changes.push(Recorded { sequence, ordinal, rules_version, change });
        }
    }

    /// Number of moves noted.
    pub(super) fn change_count(&self) -> usize {
        self.changes.len()
    }

    /// Stores the fans as they are now, the moves, the account's counters, and the event that tells others.
    pub(super) async fn save(&self, tx: &mut Tx, fans: &[Fan]) -> Result<(), DbError> {
        let account_id = &self.account.account_id;
        store::fan::save(tx, account_id, fans).await?;
        store::fan_change::note(tx, account_id, fans.iter().map(|fan| fan.ordinal)).await?;
        store::tier_change::insert(tx, account_id, &self.changes).await?;
        store::account::save(tx, &self.account).await?;
        tell(tx, &self.outbox, account_id, &self.moved(fans)).await
    }

    /// Those who are in another tier than before, all moves together. Following needs no look of its own:
    /// who begins or ceases to follow leaves or enters the tier of those who do not.
    fn moved<'a>(&self, fans: &'a [Fan]) -> Vec<&'a Fan> {
        // Somebody unknown stood where potential fans stand.
        let stood = |tier: Option<Tier>| tier.unwrap_or(Tier::Potential);
        let mut before: HashMap<i64, Tier> = HashMap::new();
        for Recorded { ordinal, change, .. } in &self.changes {
            before.entry(*ordinal).or_insert_with(|| stood(change.from));
        }
        let has_moved =
            |fan: &&Fan| before.get(&fan.ordinal).is_some_and(|before| *before != stood(fan.standing.tier));
        fans.iter().filter(has_moved).collect()
    }

    /// Counts the moves, once they are durable, and has the event that tells of them sent.
    pub(super) fn count(&self) {
        for recorded in &self.changes {
            metrics::counter!(names::CRM_TIER_CHANGES_TOTAL, "cause" => recorded.change.cause.name())
                .increment(1);
        }
        if self.has_told || !self.changes.is_empty() {
            self.outbox.wake();
        }
    }
}

/// The rules an account lives by.
pub(super) async fn rules_in_force(tx: &mut Tx, account: &Account) -> Result<TierRules, Error> {
    rules_of(tx, &account.account_id, account.rules_version).await
}

/// A version of the rules that is in use, so that it must exist.
pub(super) async fn rules_of(tx: &mut Tx, account_id: &str, version: i64) -> Result<TierRules, Error> {
    let found = store::tier_rules::get(tx, account_id, version).await?;
    found
        .map(|(rules, _)| rules)
        .ok_or_else(|| Error::internal(format!("{account_id}: no tier rules {version}")))
}
