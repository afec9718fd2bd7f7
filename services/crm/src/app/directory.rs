//! What the CRM must know of accounts: that they exist, and their time zone and currency.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use jiff::tz::TimeZone;
use siyu_db::{Db, Tx};
use siyu_proto::accounts::v1::{
    Account, GetAccountRequest, ListAccountsRequest, accounts_service_client::AccountsServiceClient,
};
use siyu_rpc::{
    Error,
    peer::{Peer, unanswered},
};
use tonic::Code;

use super::accounts_feed::known;
use crate::store::{self, known_account::KnownAccount};

/// What does not change in the life of an account.
#[derive(Debug, Clone)]
pub(crate) struct AccountInfo {
    pub(crate) enterprise_id: String,
    pub(crate) zone: TimeZone,
    pub(crate) currency_code: String,
}

/// Knows accounts: from memory, from what their events have told, or by asking the accounts service.
pub(crate) struct Directory {
    db: Db,
    accounts: AccountsServiceClient<Peer>,
    /// By account id. Nothing of it ever changes.
    known: RwLock<HashMap<String, AccountInfo>>,
}

/// More than this are not remembered: the oldest memory is the cheapest to lose, so all of it goes.
const MOST_KNOWN: usize = 100_000;

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}

impl Directory {
    pub(crate) fn new(db: Db, accounts: Peer) -> Self {
        Self { db, accounts: AccountsServiceClient::new(accounts), known: RwLock::default() }
    }

    /// What is known of an account; NOT_FOUND when there is none.
    pub(crate) async fn get(&self, account_id: &str) -> Result<AccountInfo, Error> {
        let remembered = self.known.read().unwrap_or_else(PoisonError::into_inner).get(account_id).cloned();
        if let Some(info) = remembered {
            return Ok(info);
        }
        let mut tx = self.db.begin_read().await?;
        let told = Self::told(&mut tx, account_id).await?;
        drop(tx);
        let info = match told {
            Some(info) => info,
            // An account that was just made: its event is on the way.
            None => info(known(self.ask(account_id).await?)?)?,
        };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(account_id.to_owned(), info.clone());
        Ok(info)
    }

    /// What the events have told of it.
    pub(super) async fn told(tx: &mut Tx, account_id: &str) -> Result<Option<AccountInfo>, Error> {
        let known = store::known_account::get(tx, account_id).await?;
        known.map(info).transpose()
    }

    /// Asks for what the events have not told yet, and stores it as if they had. An account that there is not stays unknown.
    pub(super) async fn learn(&self, account_id: &str) -> Result<(), Error> {
        let mut tx = self.db.begin_read().await?;
        let told = store::known_account::get(&mut tx, account_id).await?;
        drop(tx);
        if told.is_some() {
            return Ok(());
        }
        let account = match self.ask(account_id).await {
            Err(error) if error.code() == Code::NotFound => return Ok(()),
            answered => known(answered?)?,
        };
        let mut tx = self.db.begin().await?;
        store::known_account::save(&mut tx, &[account]).await?;
        Ok(tx.commit().await?)
    }

    async fn ask(&self, account_id: &str) -> Result<Account, Error> {
        let name = format!("accounts/{account_id}");
        let request = GetAccountRequest { name: name.clone() };
        let answer = self.accounts.clone().get_account(request).await;
        let account = answer.map_err(|status| unanswered(status, "accounts", &name))?.into_inner().account;
        Ok(account.unwrap_or_default())
    }

    /// The accounts of an enterprise, by id; NOT_FOUND when there is no such enterprise.
    pub(crate) async fn of_enterprise(&self, enterprise: &str) -> Result<Vec<(String, AccountInfo)>, Error> {
        let mut found = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListAccountsRequest { parent: enterprise.to_owned(), page_size: 1_000, page_token };
            let answer = self.accounts.clone().list_accounts(request).await;
            let page = answer.map_err(|status| unanswered(status, "accounts", enterprise))?.into_inner();
            for account in page.accounts {
                let account = known(account)?;
                found.push((account.account_id.clone(), info(account)?));
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(found);
            }
        }
    }
}

fn info(account: KnownAccount) -> Result<AccountInfo, Error> {
    let KnownAccount { enterprise_id, currency_code, time_zone, .. } = account;
    let zone = TimeZone::get(&time_zone).map_err(Error::internal)?;
    Ok(AccountInfo { enterprise_id, zone, currency_code })
}
