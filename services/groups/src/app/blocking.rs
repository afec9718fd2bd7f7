//! Users whom an account wants in none of its groups (G3).

use serde::{Deserialize, Serialize};
use siyu_rpc::{Error, Mutation, Page, retrying};

use super::locked;
use crate::{
    Groups,
    domain::member::LeaveReason,
    store::{self, blocked::Blocked},
};

/// A user who is blocked now.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NowBlocked {
    pub(crate) blocked: Blocked,
    /// In how many groups they were.
    pub(crate) removed_count: i32,
}

impl Groups {
    /// Takes a user out of all groups of an account, and lets them into none.
    pub(crate) async fn block(
        &self,
        mutation: &Mutation,
        [account_id, user_id]: [&str; 2],
        reason: &str,
    ) -> Result<NowBlocked, Error> {
        self.accounts.check(account_id).await?;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let (account_id, user_id) = (account_id.to_owned(), user_id.to_owned());
            let blocked = Blocked { account_id, user_id, reason: reason.to_owned(), create_time: now.0 };
            let Blocked { account_id, user_id, .. } = &blocked;
            store::blocked::save(&mut tx, &blocked).await?;
            store::join_request::delete_of_user(&mut tx, account_id, user_id).await?;
            let memberships = store::member::of_user_in_account(&mut tx, user_id, account_id).await?;
            let removed_count = i32::try_from(memberships.len()).unwrap_or(i32::MAX);
            for membership in memberships {
                let mut group = locked(&mut tx, [account_id, &membership.group_id]).await?;
                // They may have left while the group was waited for.
                let still_in = [account_id.as_str(), &membership.group_id, user_id];
                let member = store::member::find(&mut tx, [still_in]).await?;
                self.take_out(&mut tx, &mut group, member, LeaveReason::Blocked, now).await?;
            }
            let now_blocked = NowBlocked { blocked, removed_count };
            mutation.finish(tx, &now_blocked, now).await?;
            self.outbox.wake();
            Ok(now_blocked)
        })
        .await
    }

    /// Lets a user into groups again.
    pub(crate) async fn unblock(
        &self,
        mutation: &Mutation,
        [account_id, user_id]: [&str; 2],
    ) -> Result<(), Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            if !store::blocked::delete(&mut tx, account_id, user_id).await? {
                return Err(Error::not_found(&format!("accounts/{account_id}/blockedMembers/{user_id}")));
            }
            mutation.finish(tx, &(), now).await
        })
        .await
    }

    /// A page of the blocked by user, and the token of the next.
    pub(crate) async fn list_blocked(
        &self,
        account_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<Blocked>, String), Error> {
        self.accounts.check(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut blocked = store::blocked::list(&mut tx, account_id, after, page.limit()).await?;
        let next = page.finish(&mut blocked, |last| last.user_id.clone())?;
        Ok((blocked, next))
    }
}
