//! What the CRM must know of accounts: that they exist, and their time zone and currency.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use jiff::tz::TimeZone;
use siyu_clock::{Clock, Micros};
use siyu_proto::{
    accounts::v1::{
        self as pb, GetAccountRequest, ListAccountsRequest, accounts_service_client::AccountsServiceClient,
    },
    common::v1::ErrorReason,
};
use siyu_rpc::{Error, peer::Peer};
use tonic::{Code, Status};

/// What does not change in the life of an account.
#[derive(Debug, Clone)]
pub(crate) struct AccountInfo {
    pub(crate) zone: TimeZone,
    pub(crate) currency_code: String,
}

/// Asks the accounts service, and remembers answers for a while.
pub(crate) struct Directory {
    accounts: AccountsServiceClient<Peer>,
    clock: Clock,
    ttl: Duration,
    /// By account id, with the time each answer is good until.
    known: RwLock<HashMap<String, (Micros, AccountInfo)>>,
}

/// More answers than this are not remembered: the oldest memory is the cheapest to lose, so all of it goes.
const MOST_KNOWN: usize = 100_000;

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory").field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

impl Directory {
    pub(crate) fn new(accounts: Peer, clock: Clock, ttl: Duration) -> Self {
        Self { accounts: AccountsServiceClient::new(accounts), clock, ttl, known: RwLock::default() }
    }

    /// What is known of an account; NOT_FOUND when there is none.
    pub(crate) async fn get(&self, account_id: &str) -> Result<AccountInfo, Error> {
        let now = self.clock.now();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(account_id).cloned();
        if let Some((good_until, info)) = known
            && now < good_until
        {
            return Ok(info);
        }
        let name = format!("accounts/{account_id}");
        let request = GetAccountRequest { name: name.clone() };
        let answer =
            self.accounts.clone().get_account(request).await.map_err(|status| unanswered(status, &name))?;
        let info = info(answer.into_inner().account.unwrap_or_default())?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(account_id.to_owned(), (now.plus(self.ttl), info.clone()));
        Ok(info)
    }

    /// The accounts of an enterprise, by id; NOT_FOUND when there is no such enterprise.
    pub(crate) async fn of_enterprise(&self, enterprise: &str) -> Result<Vec<(String, AccountInfo)>, Error> {
        let mut found = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListAccountsRequest { parent: enterprise.to_owned(), page_size: 1_000, page_token };
            let answer = self.accounts.clone().list_accounts(request).await;
            let page = answer.map_err(|status| unanswered(status, enterprise))?.into_inner();
            for account in page.accounts {
                found.push((account.name.trim_start_matches("accounts/").to_owned(), info(account)?));
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(found);
            }
        }
    }
}

fn info(account: pb::Account) -> Result<AccountInfo, Error> {
    let zone = TimeZone::get(&account.time_zone).map_err(Error::internal)?;
    Ok(AccountInfo { zone, currency_code: account.currency_code })
}

fn unanswered(status: Status, name: &str) -> Error {
    match status.code() {
        Code::NotFound => Error::not_found(name),
        Code::DeadlineExceeded => Error::new(
            Code::DeadlineExceeded,
            ErrorReason::DeadlineExceeded,
            "the time allowed for the call ran out",
        ),
        // Trying again will not help: the token of this service is at fault.
        Code::Unauthenticated | Code::PermissionDenied => Error::internal(status),
        _ => Error::new(
            Code::Unavailable,
            ErrorReason::DependencyUnavailable,
            "the accounts service does not answer; try again",
        )
        .caused_by(status),
    }
}
