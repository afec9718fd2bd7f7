//! Versions of the lifecycle rules: writing, listing, bringing into force (C4).

use siyu_rpc::{Error, Mutation, Page, retrying};

use super::{lifecycle::not_found, rules::Version};
use crate::{Crm, domain::lifecycle_rules::LifecycleRules, store};

impl Crm {
    /// Writes a version under the next number. The number in `rules` does not matter.
    pub(crate) async fn create_lifecycle_rules(
        &self,
        mutation: &Mutation,
        account_id: &str,
        rules: LifecycleRules,
    ) -> Result<Version<LifecycleRules>, Error> {
        if let Some((field, rule)) = rules.mistake() {
            return Err(Error::invalid_field(format!("lifecycle_rules.{field}"), rule));
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
            let version = store::lifecycle_rules::last_version(&mut tx, account_id).await? + 1;
            let rules = LifecycleRules { version, ..rules.clone() };
            store::lifecycle_rules::insert(&mut tx, account_id, &rules, now.0).await?;
            let written = Version { rules, create_time: Some(now.0), active: false };
            mutation.finish(tx, &written, now).await?;
            Ok(written)
        })
        .await
    }

    /// A page of versions, oldest first, and the token of the next page.
    pub(crate) async fn list_lifecycle_rules(
        &self,
        account_id: &str,
        page: &Page<i64>,
    ) -> Result<(Vec<Version<LifecycleRules>>, String), Error> {
        self.directory.get(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let account = store::account::get(&mut tx, account_id).await?;
        let after = page.after.unwrap_or(-1);
        let mut versions = Vec::new();
        if after < 0 {
            versions.push((LifecycleRules::default(), None));
        }
        let own = store::lifecycle_rules::list(&mut tx, account_id, after.max(0), page.limit()).await?;
        versions.extend(own.into_iter().map(|(rules, time)| (rules, Some(time))));
        let next = page.finish(&mut versions, |(rules, _)| rules.version)?;
        let version = |(rules, create_time): (LifecycleRules, Option<i64>)| {
            let active = rules.version == account.lifecycle_version;
            Version { rules, create_time, active }
        };
        Ok((versions.into_iter().map(version).collect(), next))
    }

    /// Brings a version into force: at once, for nothing is stored of what it decides.
    pub(crate) async fn activate_lifecycle_rules(
        &self,
        mutation: &Mutation,
        account_id: &str,
        version: i64,
    ) -> Result<Version<LifecycleRules>, Error> {
        self.directory.get(account_id).await?;
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let mut account = store::account::lock(&mut tx, account_id).await?;
            let found = store::lifecycle_rules::get(&mut tx, account_id, version).await?;
            let (rules, create_time) = found.ok_or_else(|| not_found(account_id, version))?;
            let activated = Version { rules, create_time, active: true };
            if account.lifecycle_version != version {
                account.lifecycle_version = version;
                store::account::save(&mut tx, &account).await?;
                mutation.finish(tx, &activated, now).await?;
            }
            Ok(activated)
        })
        .await
    }
}
