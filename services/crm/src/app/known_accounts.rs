//! Keeping up with the accounts service by its events: what the CRM must know of an account it then knows without
//! asking, also while the accounts service is away.

use siyu_db::{Db, Tx};
use siyu_outbox::{Consumer, StoredEvent};
use siyu_proto::{
    accounts::v1::{
        self as pb, AccountCreated, AccountUpdated, SnapshotAccountsRequest,
        accounts_service_client::AccountsServiceClient,
    },
    common::v1::EventCursor,
};
use siyu_rpc::{
    Error, name,
    peer::{Peer, unanswered},
    time::from_proto,
};

use crate::store::{self, known_account::KnownAccount};

/// Applies the events of `feeds/accounts`.
#[derive(Debug)]
pub(crate) struct KnownAccounts {
    db: Db,
    accounts: AccountsServiceClient<Peer>,
}

impl KnownAccounts {
    pub(crate) fn new(db: Db, accounts: Peer) -> Self {
        Self { db, accounts: AccountsServiceClient::new(accounts) }
    }
}

#[tonic::async_trait]
impl Consumer for KnownAccounts {
    async fn apply(&self, tx: &mut Tx, event: &StoredEvent) -> Result<(), Error> {
        let created = event.decode::<AccountCreated>().map_err(Error::internal)?;
        let updated = event.decode::<AccountUpdated>().map_err(Error::internal)?;
        let account = created.and_then(|event| event.account).or(updated.and_then(|event| event.account));
        match account {
            Some(account) => Ok(store::known_account::save(tx, &[known(account)?]).await?),
            None => Ok(()),
        }
    }

    async fn bootstrap(&self) -> Result<Vec<EventCursor>, Error> {
        let no_snapshot = |status| unanswered(status, "accounts", "accounts");
        let answer = self.accounts.clone().snapshot_accounts(SnapshotAccountsRequest {}).await;
        let mut parts = answer.map_err(no_snapshot)?.into_inner();
        let mut cursors = Vec::new();
        while let Some(part) = parts.message().await.map_err(no_snapshot)? {
            cursors.extend(part.cursors);
            let accounts = part.accounts.into_iter().map(known).collect::<Result<Vec<_>, _>>()?;
            let mut tx = self.db.begin().await?;
            store::known_account::save(&mut tx, &accounts).await?;
            tx.commit().await?;
        }
        Ok(cursors)
    }
}

fn known(account: pb::Account) -> Result<KnownAccount, Error> {
    let update_time = account.update_time.as_ref().and_then(from_proto).unwrap_or_default();
    Ok(KnownAccount {
        account_id: name::id(&account.name, "accounts", "name")?.to_owned(),
        enterprise_id: name::id(&account.enterprise, "enterprises", "enterprise")?.to_owned(),
        time_zone: account.time_zone,
        currency_code: account.currency_code,
        update_time: update_time.0,
    })
}
