//! Bringing in who follows an account already (S1).

use siyu_clock::Micros;
use siyu_observed::Origin;
use siyu_rpc::{Error, retrying};

use super::following::Book;
use crate::{
    Subscriptions,
    domain::follow::{Follow, Wish},
    store,
};

/// Somebody who follows already.
#[derive(Debug, Clone)]
pub(crate) struct Imported {
    pub(crate) user_id: String,
    /// Since when; now where that is not known.
    pub(crate) follow_time: Option<Micros>,
    pub(crate) origin: Origin,
}

/// Why somebody was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unusable {
    pub(crate) field: &'static str,
    pub(crate) message: String,
}

impl Subscriptions {
    /// Stores those who do not follow yet, and did not stop since; answers how many these are.
    pub(crate) async fn import_followers(
        &self,
        account_id: &str,
        followers: &[Imported],
    ) -> Result<usize, Error> {
        self.directory.check(account_id).await?;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            store::account::lock(&mut tx, account_id).await?;
            let user_ids = followers.iter().map(|follower| follower.user_id.as_str());
            let mut book = Book::open(&mut tx, account_id, user_ids).await?;
            let mut imported = 0;
            for Imported { user_id, follow_time, origin } in followers {
                let since = follow_time.unwrap_or(now);
                let is_newer = |follow: &Follow| follow.following || follow.unfollow_time > Some(since);
                if book.get(user_id).is_some_and(is_newer) {
                    continue;
                }
                book.apply(user_id, &Wish::Follow(origin.clone()), &self.ids, since);
                imported += 1;
            }
            book.close(&mut tx, &self.outbox).await?;
            tx.commit().await?;
            self.outbox.wake();
            Ok(imported)
        })
        .await
    }
}
