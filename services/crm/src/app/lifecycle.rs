//! Lifecycle stage and value class of fans, one by one and counted (C4).

use std::collections::BTreeMap;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::Error;

use super::fans;
use crate::{
    Crm,
    domain::{
        lifecycle::{Facts, Stage},
        lifecycle_rules::LifecycleRules,
        value_class::ValueClass,
    },
    store::{self, account::Account},
};

/// Fans looked at in one transaction.
const CHUNK: i64 = 5_000;

/// A stage and a value class.
pub(crate) type Place = (Stage, ValueClass);

/// Where one fan is, and what that was judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FanLifecycle {
    pub(crate) place: Place,
    pub(crate) facts: Facts,
    pub(crate) rules: LifecycleRules,
    pub(crate) as_of: Micros,
}

/// How many fans are in each place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Distribution {
    pub(crate) fans: BTreeMap<Place, i64>,
    pub(crate) rules_version: i64,
    pub(crate) as_of: Micros,
}

impl Crm {
    pub(crate) async fn fan_lifecycle(&self, account_id: &str, user_id: &str) -> Result<FanLifecycle, Error> {
        let as_of = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        let fan = store::fan::get(&mut tx, account_id, user_id).await?;
        let ordinal = fan.ok_or_else(|| fans::not_found(account_id, user_id))?.ordinal;
        let account = store::account::get(&mut tx, account_id).await?;
        let rules = rules_in_force(&mut tx, &account).await?;
        let found = store::fan_facts::range(&mut tx, account_id, ordinal - 1, ordinal).await?;
        let facts = found.into_iter().next().ok_or_else(|| Error::internal("a fan without facts"))?.facts;
        Ok(FanLifecycle { place: place(&facts, &rules, as_of), facts, rules, as_of })
    }

    /// How many fans are in each stage and value class.
    pub(crate) async fn lifecycle_distribution(&self, account_id: &str) -> Result<Distribution, Error> {
        self.directory.get(account_id).await?;
        let as_of = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        let account = store::account::get(&mut tx, account_id).await?;
        let rules = rules_in_force(&mut tx, &account).await?;
        drop(tx);
        let mut fans = BTreeMap::new();
        let count = |facts: &Facts| *fans.entry(place(facts, &rules, as_of)).or_default() += 1;
        self.look_at_all(&account, count).await?;
        Ok(Distribution { fans, rules_version: rules.version, as_of })
    }

    /// Where every fan is now, and where a version would put them: how many fans go from which place to which. Changes
    /// nothing.
    pub(crate) async fn backtest_lifecycle(
        &self,
        account_id: &str,
        version: i64,
    ) -> Result<(BTreeMap<(Place, Place), i64>, Micros), Error> {
        self.directory.get(account_id).await?;
        let as_of = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        let account = store::account::get(&mut tx, account_id).await?;
        let rules = rules_in_force(&mut tx, &account).await?;
        let tried = store::lifecycle_rules::get(&mut tx, account_id, version).await?;
        let (tried, _) = tried.ok_or_else(|| not_found(account_id, version))?;
        drop(tx);
        let mut flows = BTreeMap::new();
        let count = |facts: &Facts| {
            let flow = (place(facts, &rules, as_of), place(facts, &tried, as_of));
            *flows.entry(flow).or_default() += 1;
        };
        self.look_at_all(&account, count).await?;
        Ok((flows, as_of))
    }

    /// Shows the facts of every fan. Each chunk is read in a transaction of its own: a consistent view of all would keep
    /// old row versions alive for as long as this takes.
    async fn look_at_all(&self, account: &Account, mut look: impl FnMut(&Facts)) -> Result<(), Error> {
        let mut after = 0;
        while after < account.last_ordinal {
            let last = (after + CHUNK).min(account.last_ordinal);
            let mut tx = self.db.begin_read().await?;
            let fans = store::fan_facts::range(&mut tx, &account.account_id, after, last).await?;
            drop(tx);
            fans.iter().for_each(|fan| look(&fan.facts));
            after = last;
        }
        Ok(())
    }
}

fn place(facts: &Facts, rules: &LifecycleRules, now: Micros) -> Place {
    (Stage::of(facts, rules, now), ValueClass::of(facts, rules, now))
}

/// The lifecycle rules an account lives by.
pub(super) async fn rules_in_force(tx: &mut Tx, account: &Account) -> Result<LifecycleRules, Error> {
    let Account { account_id, lifecycle_version, .. } = account;
    let found = store::lifecycle_rules::get(tx, account_id, *lifecycle_version).await?;
    found
        .map(|(rules, _)| rules)
        .ok_or_else(|| Error::internal(format!("{account_id}: no lifecycle rules {lifecycle_version}")))
}

pub(super) fn not_found(account_id: &str, version: i64) -> Error {
    Error::not_found(&format!("accounts/{account_id}/lifecycleRules/{version}"))
}
