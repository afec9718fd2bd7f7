//! Reading who follows whom.

use siyu_rpc::{Error, Page};

use crate::{Subscriptions, domain::follow::Follow, store};

impl Subscriptions {
    /// How a user follows an account, or did.
    pub(crate) async fn get_follow(&self, account_id: &str, user_id: &str) -> Result<Follow, Error> {
        self.directory.check(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let found = store::follow::find(&mut tx, account_id, [user_id]).await?.pop();
        found.ok_or_else(|| Error::not_found(&format!("accounts/{account_id}/followers/{user_id}")))
    }

    /// A page of who follows an account, and the token of the next.
    pub(crate) async fn list_followers(
        &self,
        account_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<Follow>, String), Error> {
        self.directory.check(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut found = store::follow::followers(&mut tx, account_id, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.user_id.clone())?;
        Ok((found, next))
    }

    /// A page of what a user follows, with account ids, and the token of the next.
    pub(crate) async fn list_following(
        &self,
        user_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<(String, Follow)>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut found = store::follow::following(&mut tx, user_id, after, page.limit()).await?;
        let next = page.finish(&mut found, |(account_id, _)| account_id.clone())?;
        Ok((found, next))
    }
}
