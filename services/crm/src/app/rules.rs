//! Versions of the tier rules: writing, trying, bringing into force (C3).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_rpc::{Error, Mutation, Page, retrying};

use super::{ledger::rules_in_force, tiers::with_histories};
use crate::{
    Crm,
    domain::{
        standing::{Fact, replay, replay_known},
        tier::Tier,
        tier_rules::TierRules,
    },
    store,
};

/// One version of some rules, when it was written (none for the platform's own), and whether it is in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Version<R> {
    pub(crate) rules: R,
    pub(crate) create_time: Option<i64>,
    pub(crate) active: bool,
}

/// Numbers of fans by tier before and after; none before: not known then.
pub(crate) type Flows = BTreeMap<(Option<Tier>, Option<Tier>), i64>;

/// Fans replayed between two looks at other work.
const CHUNK: i64 = 1_000;

impl Crm {
    /// Writes a version under the next number. The number in `rules` does not matter.
    pub(crate) async fn create_rules(
        &self,
        mutation: &Mutation,
        account_id: &str,
        rules: TierRules,
    ) -> Result<Version<TierRules>, Error> {
        if let Some((field, rule)) = rules.mistake() {
            return Err(Error::invalid_field(format!("tier_rules.{field}"), rule));
        }
        self.directory.get(account_id).await?;
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            store::account::lock(&mut tx, account_id).await?;
            let version = store::tier_rules::last_version(&mut tx, account_id).await? + 1;
            let rules = TierRules { version, ..rules.clone() };
            store::tier_rules::insert(&mut tx, account_id, &rules, now.0).await?;
            let written = Version { rules, create_time: Some(now.0), active: false };
            mutation.finish(tx, &written, now).await?;
            Ok(written)
        })
        .await
    }

    /// A page of versions, oldest first, and the token of the next page.
    pub(crate) async fn list_rules(
        &self,
        account_id: &str,
        page: &Page<i64>,
    ) -> Result<(Vec<Version<TierRules>>, String), Error> {
        self.directory.get(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let account = store::account::get(&mut tx, account_id).await?;
        let after = page.after.unwrap_or(-1);
        let mut versions = Vec::new();
        if after < 0 {
            versions.push((TierRules::default(), None));
        }
        let own = store::tier_rules::list(&mut tx, account_id, after.max(0), page.limit()).await?;
        versions.extend(own.into_iter().map(|(rules, time)| (rules, Some(time))));
        let next = page.finish(&mut versions, |(rules, _)| rules.version)?;
        let version = |(rules, create_time): (TierRules, Option<i64>)| {
            let active = rules.version == account.rules_version;
            Version { rules, create_time, active }
        };
        Ok((versions.into_iter().map(version).collect(), next))
    }

    /// Brings a version into force. Fans follow when something is known of them, and in the background.
    pub(crate) async fn activate_rules(
        &self,
        mutation: &Mutation,
        account_id: &str,
        version: i64,
    ) -> Result<Version<TierRules>, Error> {
        self.directory.get(account_id).await?;
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let mut account = store::account::lock(&mut tx, account_id).await?;
            let found = store::tier_rules::get(&mut tx, account_id, version).await?;
            let (rules, create_time) = found.ok_or_else(|| not_found(account_id, version))?;
            let activated = Version { rules, create_time, active: true };
            if account.rules_version != version {
                account.rules_version = version;
                account.migrated_ordinal = Some(0);
                store::account::save(&mut tx, &account).await?;
                mutation.finish(tx, &activated, now).await?;
            }
            Ok(activated)
        })
        .await
    }

    /// Where every fan is now, and where a version would put them. Changes nothing.
    pub(crate) async fn backtest(&self, account_id: &str, version: i64) -> Result<(Flows, Micros), Error> {
        self.directory.get(account_id).await?;
        let now = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        let tried = store::tier_rules::get(&mut tx, account_id, version).await?;
        let (tried, _) = tried.ok_or_else(|| not_found(account_id, version))?;
        drop(tx);
        let flows = self
            .walk(account_id, |fan_tier, _, history| {
                let after = replay_known(&tried, facts(history), now);
                (fan_tier, after.tier)
            })
            .await?;
        Ok((flows, now))
    }

    /// Where every fan was at `start` and at `end`, had every event been processed on time.
    pub(crate) async fn flow_by_event_time(
        &self,
        account_id: &str,
        start: Micros,
        end: Micros,
    ) -> Result<Flows, Error> {
        self.directory.get(account_id).await?;
        self.walk(account_id, |_, rules, history| {
            let at_start = replay(rules, facts(history), start);
            let at_end = replay(rules, facts(history), end);
            (at_start.tier, at_end.tier)
        })
        .await
    }

    /// Judges every fan of an account, from its tier now, the rules in force and its history. Each chunk is read in a
    /// transaction of its own: a consistent view of all would keep old row versions alive for as long as this takes.
    async fn walk(
        &self,
        account_id: &str,
        judge: impl Fn(Option<Tier>, &TierRules, &[(i64, Fact)]) -> (Option<Tier>, Option<Tier>),
    ) -> Result<Flows, Error> {
        let mut flows = Flows::new();
        let mut after = 0;
        loop {
            let mut tx = self.db.begin_read().await?;
            let account = store::account::get(&mut tx, account_id).await?;
            let rules = rules_in_force(&mut tx, &account).await?;
            let last = (after + CHUNK).min(account.last_ordinal);
            let mut fans = store::fan::range(&mut tx, account_id, after, last).await?;
            let facts = store::interaction::facts_of_range(&mut tx, account_id, after, last).await?;
            drop(tx);
            for (fan, history) in with_histories(&mut fans, &facts) {
                let flow = judge(fan.standing.tier, &rules, history);
                if flow != (None, None) {
                    *flows.entry(flow).or_default() += 1;
                }
            }
            after = last;
            if last >= account.last_ordinal {
                return Ok(flows);
            }
        }
    }
}

/// The history of one fan, without the ordinal on each fact.
fn facts(history: &[(i64, Fact)]) -> impl Iterator<Item = &Fact> {
    history.iter().map(|(_, fact)| fact)
}

fn not_found(account_id: &str, version: i64) -> Error {
    Error::not_found(&format!("accounts/{account_id}/tierRules/{version}"))
}
