//! Thresholds that are asked again every day (G2).

use siyu_clock::Micros;
use siyu_rpc::{Error, failures::cause_of, retrying};

use super::locked;
use crate::{
    Groups,
    domain::{
        group::Group,
        member::{LeaveReason, Member},
    },
    store,
};

/// Groups whose thresholds are asked in one tick.
const AT_ONCE: i64 = 100;
/// Members who are read at once.
const MEMBERS: i64 = 500;

impl Groups {
    /// Asks the thresholds that are due, and takes out who no longer meets them. A group whose members cannot be asked for is
    /// asked at the next tick.
    pub(crate) async fn check_thresholds(&self, now: Micros) -> Result<(), Error> {
        let mut tx = self.db.begin_read().await?;
        let due = store::group::due(&mut tx, now, AT_ONCE).await?;
        drop(tx);
        let mut failed = Ok(());
        for (account_id, group_id) in &due {
            if let Err(error) = self.check_threshold([account_id, group_id], now).await {
                let group = format!("accounts/{account_id}/groups/{group_id}");
                tracing::warn!(%error, cause = cause_of(&error), group, "a threshold cannot be asked now");
                failed = Err(error);
            }
        }
        failed
    }

    async fn check_threshold(&self, ids: [&str; 2], now: Micros) -> Result<(), Error> {
        let group = self.get_group(ids).await?;
        let mut after = String::new();
        loop {
            let mut tx = self.db.begin_read().await?;
            let members = store::member::list(&mut tx, ids, &after, MEMBERS).await?;
            drop(tx);
            let Some(last) = members.last() else { break };
            after.clone_from(&last.user_id);
            let mut out = Vec::new();
            for member in members.into_iter().filter(|member| !member.role.keeps_order()) {
                let fan = [ids[0], member.user_id.as_str()];
                if self.fans.missing(&group.settings.threshold, fan, now).await?.is_some() {
                    out.push(member);
                }
            }
            self.take_out_checked(&group, &out).await?;
        }
        let zone = self.accounts.zone(ids[0]).await?;
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            let mut current = locked(&mut tx, ids).await?;
            // Whoever changed the threshold meanwhile has said when it is asked.
            if current.settings.threshold == group.settings.threshold && !current.closed {
                current.check_time = current.settings.threshold.next_check(&zone, now);
                store::group::update(&mut tx, &current).await?;
                tx.commit().await?;
            }
            Ok(())
        })
        .await
    }

    /// Takes out who did not meet the threshold, where it is still the same.
    async fn take_out_checked(&self, asked: &Group, out: &[Member]) -> Result<(), Error> {
        if out.is_empty() {
            return Ok(());
        }
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let mut group = locked(&mut tx, [&asked.account_id, &asked.group_id]).await?;
            if group.settings.threshold != asked.settings.threshold {
                return Ok(());
            }
            let names = out.iter().map(|member| {
                [member.account_id.as_str(), member.group_id.as_str(), member.user_id.as_str()]
            });
            let mut still_in = store::member::find(&mut tx, names).await?;
            still_in.retain(|member| !member.role.keeps_order());
            self.take_out(&mut tx, &mut group, still_in, LeaveReason::Threshold, now).await?;
            tx.commit().await?;
            self.outbox.wake();
            Ok(())
        })
        .await
    }
}
