//! What accounts ask of their messages: caps and quiet hours, from a time on.

use siyu_clock::Micros;
use siyu_rpc::{Error, Mutation, retrying};

use super::preferences::check_quiet_hours;
use crate::{
    Crm,
    domain::reach::Policy,
    store::{self, reach_policy::ReachPolicy},
};

impl Crm {
    /// Writes a policy under the next version, in force from `effective_time` on; none: now.
    pub(crate) async fn create_reach_policy(
        &self,
        mutation: &Mutation,
        account_id: &str,
        policy: Policy,
        effective_time: Option<Micros>,
    ) -> Result<ReachPolicy, Error> {
        check(&policy)?;
        self.directory.get(account_id).await?;
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            if effective_time.is_some_and(|time| time < now) {
                let rule = "must not be in the past: what was asked then stays so";
                return Err(Error::invalid_field("reach_policy.effective_time", rule));
            }
            store::account::lock(&mut tx, account_id).await?;
            let new = ReachPolicy {
                version: store::reach_policy::last_version(&mut tx, account_id).await? + 1,
                effective_time: Some(effective_time.unwrap_or(now).0),
                policy: policy.clone(),
                create_time: Some(now.0),
            };
            store::reach_policy::insert(&mut tx, account_id, &new).await?;
            mutation.finish(tx, &new, now).await?;
            Ok(new)
        })
        .await
    }

    /// The policy in force at a send time; none: now.
    pub(crate) async fn get_reach_policy(
        &self,
        account_id: &str,
        time: Option<Micros>,
    ) -> Result<ReachPolicy, Error> {
        self.directory.get(account_id).await?;
        let time = time.unwrap_or_else(|| self.clock.now());
        let mut tx = self.db.begin_read().await?;
        Ok(store::reach_policy::at(&mut tx, account_id, time.0).await?)
    }
}

fn check(policy: &Policy) -> Result<(), Error> {
    for (place, cap) in policy.caps.iter().enumerate() {
        if cap.reserved_count > cap.count {
            let field = format!("reach_policy.frequency_caps[{place}].reserved_count");
            return Err(Error::invalid_field(field, "must be at most count"));
        }
    }
    check_quiet_hours(policy.quiet_hours, "reach_policy.quiet_hours")
}
