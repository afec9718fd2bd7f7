//! Profiles and timelines (C2), and the record of tier changes.

use std::collections::{HashMap, hash_map::Entry};

use siyu_clock::Micros;
use siyu_rpc::{Error, Page};

use super::ledger::rules_of;
use crate::{
    Crm,
    domain::{interaction::Interaction, standing::Standing, tier::Tier, tier_rules::TierRules},
    store::{self, fan::Fan, purchase::Summary, tier_change::Recorded},
};

/// A fan with the score at the moment asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FanView {
    pub(crate) fan: Fan,
    pub(crate) intimacy: f64,
    pub(crate) purchases: Option<Summary>,
    pub(crate) as_of: Micros,
}

impl Crm {
    pub(crate) async fn get_fan(&self, account_id: &str, user_id: &str) -> Result<FanView, Error> {
        let as_of = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        let fan = store::fan::get(&mut tx, account_id, user_id).await?;
        let fan = fan.ok_or_else(|| not_found(account_id, user_id))?;
        let rules = rules_of(&mut tx, account_id, fan.rules_version).await?;
        let purchases = store::purchase::summary(&mut tx, account_id, fan.ordinal).await?;
        Ok(FanView { purchases: Some(purchases), ..view(fan, &rules, as_of) })
    }

    /// The ordinals of a user with those of the accounts that know them: account ids and ordinals.
    pub(crate) async fn list_fan_ordinals(
        &self,
        user_id: &str,
        account_ids: &[&str],
    ) -> Result<Vec<(String, i64)>, Error> {
        let mut tx = self.db.begin_read().await?;
        Ok(store::fan::ordinals_of_user(&mut tx, user_id, account_ids.iter().copied()).await?)
    }

    /// Where a user stands, who may be unknown yet, and the ids of their tags.
    pub(crate) async fn get_fan_standing(
        &self,
        account_id: &str,
        user_id: &str,
    ) -> Result<(Standing, Vec<String>, Micros), Error> {
        self.directory.get(account_id).await?;
        let as_of = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        let Some(fan) = store::fan::get(&mut tx, account_id, user_id).await? else {
            return Ok((Standing::unknown(), Vec::new(), as_of));
        };
        let tag_ids = store::fan_tag::of_fan(&mut tx, account_id, fan.ordinal).await?;
        Ok((fan.standing, tag_ids, as_of))
    }

    /// A page of fans by ordinal, and the token of the next.
    pub(crate) async fn list_fans(
        &self,
        account_id: &str,
        tier: Option<Tier>,
        page: &Page<i64>,
    ) -> Result<(Vec<FanView>, String), Error> {
        self.directory.get(account_id).await?;
        let as_of = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        let mut fans =
            store::fan::list(&mut tx, account_id, tier, page.after.unwrap_or_default(), page.limit()).await?;
        let next = page.finish(&mut fans, |last| last.ordinal)?;
        // While fans are being moved to other rules they stand under several.
        let mut rules: HashMap<i64, TierRules> = HashMap::new();
        let mut views = Vec::with_capacity(fans.len());
        for fan in fans {
            let rules = match rules.entry(fan.rules_version) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(rules_of(&mut tx, account_id, fan.rules_version).await?),
            };
            views.push(view(fan, rules, as_of));
        }
        Ok((views, next))
    }

    /// A page of a fan's timeline, newest first, and the token of the next.
    pub(crate) async fn timeline(
        &self,
        account_id: &str,
        user_id: &str,
        page: &Page<(i64, String)>,
    ) -> Result<(Vec<Interaction>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        let fan = store::fan::get(&mut tx, account_id, user_id).await?;
        let fan = fan.ok_or_else(|| not_found(account_id, user_id))?;
        let before = page.after.as_ref().map(|(time, event_id)| (*time, event_id.as_str()));
        let owner = (fan.ordinal, user_id);
        let mut found =
            store::interaction::timeline(&mut tx, account_id, owner, before, page.limit()).await?;
        let next = page.finish(&mut found, |last| (last.event_time.0, last.event_id.clone()))?;
        Ok((found, next))
    }

    /// A page of tier changes, newest first, of an account or of one fan, and the token of the next.
    pub(crate) async fn list_tier_changes(
        &self,
        account_id: &str,
        user_id: Option<&str>,
        page: &Page<i64>,
    ) -> Result<(Vec<(String, Recorded)>, String), Error> {
        self.directory.get(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let ordinal = match user_id {
            None => None,
            Some(user_id) => {
                let fan = store::fan::get(&mut tx, account_id, user_id).await?;
                Some(fan.ok_or_else(|| not_found(account_id, user_id))?.ordinal)
            }
        };
        let before = page.after.unwrap_or(i64::MAX);
        let mut found = store::tier_change::list(&mut tx, account_id, ordinal, before, page.limit()).await?;
        let next = page.finish(&mut found, |(_, last)| last.sequence)?;
        Ok((found, next))
    }
}

fn view(fan: Fan, rules: &TierRules, as_of: Micros) -> FanView {
    FanView { intimacy: fan.standing.score_at(rules, as_of), fan, purchases: None, as_of }
}

pub(super) fn not_found(account_id: &str, user_id: &str) -> Error {
    Error::not_found(&format!("accounts/{account_id}/fans/{user_id}"))
}
