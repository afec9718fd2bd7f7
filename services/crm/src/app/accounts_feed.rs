//! Keeping up with the accounts service by its events: what the CRM must know of an account it then knows without
//! asking, also while the accounts service is away; and what users did there is taken in.

use siyu_clock::Clock;
use siyu_db::{Db, Tx};
use siyu_outbox::{Consumer, Outbox, StoredEvent, oldest_cursors};
use siyu_proto::{
    accounts::v1::{
        self as pb, AccountCreated, AccountUpdated, ContentPublished, ContentUpdated, LiveScheduled,
        SnapshotAccountsRequest, accounts_service_client::AccountsServiceClient,
    },
    common::v1::EventCursor,
    crm::v1::InteractionsObserved,
};
use siyu_rpc::{
    Error, name,
    peer::{Peer, unanswered},
    time::from_proto,
};

use super::{behaviours::take_in_topics, observed::take_in_observed};
use crate::store::{self, known_account::KnownAccount};

/// Applies the events of `feeds/accounts`.
#[derive(Debug)]
pub(crate) struct AccountsFeed {
    db: Db,
    clock: Clock,
    outbox: Outbox,
    accounts: AccountsServiceClient<Peer>,
    peer: Peer,
}

impl AccountsFeed {
    pub(crate) fn new(db: Db, clock: Clock, outbox: Outbox, accounts: Peer) -> Self {
        let client = AccountsServiceClient::new(accounts.clone());
        Self { db, clock, outbox, accounts: client, peer: accounts }
    }
}

#[tonic::async_trait]
impl Consumer for AccountsFeed {
    async fn apply(&self, tx: &mut Tx, event: &StoredEvent) -> Result<(), Error> {
        self.apply_together(tx, &[event]).await
    }

    async fn apply_together(&self, tx: &mut Tx, events: &[&StoredEvent]) -> Result<(), Error> {
        let mut observed = Vec::new();
        for event in events {
            if let Some(account) = account_of(event)? {
                store::known_account::save(tx, &[known(account)?]).await?;
            }
            if let Some(content) = content_of(event)? {
                let account_id = name::id(&event.event_key, "accounts", "key")?;
                take_in_topics(tx, account_id, &content.name, &content.topics, self.clock.now()).await?;
            }
            observed.extend(event.decode::<InteractionsObserved>().map_err(Error::internal)?);
        }
        match events.first() {
            Some(first) if !observed.is_empty() => {
                let account_id = name::id(&first.event_key, "accounts", "key")?;
                take_in_observed(tx, &self.clock, &self.outbox, account_id, observed).await
            }
            _ => Ok(()),
        }
    }

    fn committed(&self) {
        self.outbox.wake();
    }

    /// Accounts as they are now; and from the events, as far back as there are any, what their users did: applying an
    /// event again changes nothing.
    async fn bootstrap(&self) -> Result<Vec<EventCursor>, Error> {
        let no_snapshot = |status| unanswered(status, "accounts", "accounts");
        let oldest = oldest_cursors("accounts", &self.peer).await?;
        let answer = self.accounts.clone().snapshot_accounts(SnapshotAccountsRequest {}).await;
        let mut parts = answer.map_err(no_snapshot)?.into_inner();
        while let Some(part) = parts.message().await.map_err(no_snapshot)? {
            let accounts = part.accounts.into_iter().map(known).collect::<Result<Vec<_>, _>>()?;
            let mut tx = self.db.begin().await?;
            store::known_account::save(&mut tx, &accounts).await?;
            tx.commit().await?;
        }
        Ok(oldest)
    }
}

/// The account that an event tells of, as it is since.
fn account_of(event: &StoredEvent) -> Result<Option<pb::Account>, Error> {
    let created = event.decode::<AccountCreated>().map_err(Error::internal)?;
    let updated = event.decode::<AccountUpdated>().map_err(Error::internal)?;
    Ok(created.and_then(|event| event.account).or(updated.and_then(|event| event.account)))
}

/// The content that an event tells of, as it is since.
fn content_of(event: &StoredEvent) -> Result<Option<pb::Content>, Error> {
    let published = event.decode::<ContentPublished>().map_err(Error::internal)?;
    let scheduled = event.decode::<LiveScheduled>().map_err(Error::internal)?;
    let updated = event.decode::<ContentUpdated>().map_err(Error::internal)?;
    Ok(published
        .and_then(|event| event.content)
        .or(scheduled.and_then(|event| event.content))
        .or(updated.and_then(|event| event.content)))
}

/// What is stored of an account.
pub(super) fn known(account: pb::Account) -> Result<KnownAccount, Error> {
    let update_time = account.update_time.as_ref().and_then(from_proto).unwrap_or_default();
    Ok(KnownAccount {
        account_id: name::id(&account.name, "accounts", "name")?.to_owned(),
        enterprise_id: name::id(&account.enterprise, "enterprises", "enterprise")?.to_owned(),
        time_zone: account.time_zone,
        currency_code: account.currency_code,
        update_time: update_time.0,
    })
}
