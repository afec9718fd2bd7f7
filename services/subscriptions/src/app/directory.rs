//! Which accounts there are: the accounts service knows, and it is asked once.

use quick_cache::sync::Cache;
use siyu_db::Db;
use siyu_proto::accounts::v1::{GetAccountRequest, accounts_service_client::AccountsServiceClient};
use siyu_rpc::{
    Error,
    peer::{Peer, unanswered},
};

use crate::store;

/// Accounts that are remembered.
const MOST_KNOWN: usize = 100_000;

/// Knows accounts: from memory, from storage, or by asking.
pub(crate) struct Directory {
    db: Db,
    accounts: AccountsServiceClient<Peer>,
    /// An account never ceases to exist.
    known: Cache<String, ()>,
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}

impl Directory {
    pub(crate) fn new(db: Db, accounts: Peer) -> Self {
        Self { db, accounts: AccountsServiceClient::new(accounts), known: Cache::new(MOST_KNOWN) }
    }

    /// That there is such an account.
    ///
    /// # Errors
    /// NOT_FOUND when there is none; UNAVAILABLE when nobody here has met it and the accounts service does not answer.
    pub(crate) async fn check(&self, account_id: &str) -> Result<(), Error> {
        if self.known.get(account_id).is_some() {
            return Ok(());
        }
        let mut tx = self.db.begin_read().await?;
        let is_known = store::account::is_known(&mut tx, account_id).await?;
        drop(tx);
        if !is_known {
            let name = format!("accounts/{account_id}");
            let answer = self.accounts.clone().get_account(GetAccountRequest { name: name.clone() }).await;
            answer.map_err(|status| unanswered(status, "accounts", &name))?;
        }
        self.known.insert(account_id.to_owned(), ());
        Ok(())
    }
}
