//! Taking a message back: what it reached no longer counts. And forgetting those that count no longer anyway.

use std::time::Duration;

use roaring::RoaringBitmap;
use siyu_clock::Micros;
use siyu_rpc::{Error, Mutation, retrying};

use super::shared;
use crate::{
    Crm,
    domain::reach::{Channel, Set},
    store::{self, reach::Reach, shared_touch::Sender},
};

/// Messages are explained for so long: longer than the windows of caps.
const KEPT_FOR: Duration = Duration::from_secs(400 * 86_400);

impl Crm {
    /// Lets a message count for nobody but those who `keep` it; answers for how many it counts no longer. The first call
    /// decides; of a message that is not frozen there is nothing to take back.
    pub(crate) async fn release_reach(
        &self,
        mutation: &Mutation,
        account_id: &str,
        message: &str,
        keep: &RoaringBitmap,
    ) -> Result<i64, Error> {
        let info = self.directory.get(account_id).await?;
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            store::account::lock(&mut tx, account_id).await?;
            let Some(reach) = store::reach::get(&mut tx, account_id, message).await? else { return Ok(0) };
            let mut reached = store::reach::sets(&mut tx, account_id, message).await?;
            reached.retain(|set| set.verdict.is_reached());
            let reached_count = count(&reached);
            if reach.release_time.is_some() {
                let kept = store::reach::kept(&mut tx, account_id, message).await?;
                return Ok(reached_count - number(kept.len()));
            }
            for set in &mut reached {
                set.fans &= keep;
            }
            store::reach::release(&mut tx, account_id, message, &reached, now).await?;
            if reach.shared_version.is_some() {
                let sender = Sender { account_id, enterprise_id: &info.enterprise_id, message };
                shared::keep(&mut tx, sender, channel(&reach)?, &reached).await?;
            }
            mutation.finish(tx, &(), now).await?;
            Ok(reached_count - count(&reached))
        })
        .await
    }

    /// Forgets messages that were sent long ago.
    pub(crate) async fn forget_old_reaches(&self, now: Micros) -> Result<(), Error> {
        let mut tx = self.db.begin_read().await?;
        let old = store::reach::old(&mut tx, now.minus(KEPT_FOR)).await?;
        drop(tx);
        for (account_id, message) in old {
            let mut tx = self.db.begin().await?;
            store::reach::delete(&mut tx, &account_id, &message).await?;
            store::shared_touch::delete(&mut tx, &account_id, &message).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

fn channel(reach: &Reach) -> Result<Channel, Error> {
    Channel::named(&reach.channel).ok_or_else(|| Error::internal("a message was frozen for no channel"))
}

fn count(sets: &[Set]) -> i64 {
    sets.iter().map(|set| number(set.fans.len())).sum()
}

fn number(fans: u64) -> i64 {
    i64::try_from(fans).unwrap_or(i64::MAX)
}
