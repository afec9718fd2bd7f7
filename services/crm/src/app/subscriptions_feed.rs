//! Learning from the subscriptions service who follows, by its events.

use std::time::Duration;

use siyu_clock::{Clock, Micros};
use siyu_db::Tx;
use siyu_outbox::{Consumer, Outbox, StoredEvent, oldest_cursors};
use siyu_proto::{
    common::v1::{ErrorReason, EventCursor},
    crm::v1::InteractionsObserved,
};
use siyu_rpc::{Error, name, peer::Peer};
use tonic::Code;

use super::{directory::Directory, observed::take_in_observed};

/// How long events wait for their account.
const MOST_WAIT: Duration = Duration::from_secs(60);

/// Applies the events of `feeds/subscriptions`.
#[derive(Debug)]
pub(crate) struct SubscriptionsFeed {
    clock: Clock,
    outbox: Outbox,
    subscriptions: Peer,
}

impl SubscriptionsFeed {
    pub(crate) fn new(clock: Clock, outbox: Outbox, subscriptions: Peer) -> Self {
        Self { clock, outbox, subscriptions }
    }
}

impl SubscriptionsFeed {
    /// Somebody may follow an account before the accounts service has told of it: that is on the way, and waited for. If it
    /// does not come, something is wrong with the account, which must not hold up others.
    async fn wait_for_account(&self, tx: &mut Tx, account_id: &str, since: Micros) -> Result<(), Error> {
        let is_fresh = self.clock.now() < since.plus(MOST_WAIT);
        if !is_fresh || Directory::told(tx, account_id).await?.is_some() {
            return Ok(());
        }
        let message = format!("accounts/{account_id} is not known here yet");
        Err(Error::new(Code::Unavailable, ErrorReason::DependencyUnavailable, message))
    }
}

#[tonic::async_trait]
impl Consumer for SubscriptionsFeed {
    async fn apply(&self, tx: &mut Tx, event: &StoredEvent) -> Result<(), Error> {
        self.apply_together(tx, &[event]).await
    }

    async fn apply_together(&self, tx: &mut Tx, events: &[&StoredEvent]) -> Result<(), Error> {
        let mut observed = Vec::new();
        for event in events {
            observed.extend(event.decode::<InteractionsObserved>().map_err(Error::internal)?);
        }
        match events.first() {
            Some(first) if !observed.is_empty() => {
                let account_id = name::id(&first.event_key, "accounts", "key")?;
                self.wait_for_account(tx, account_id, Micros(first.create_time)).await?;
                take_in_observed(tx, &self.clock, &self.outbox, account_id, observed).await
            }
            _ => Ok(()),
        }
    }

    fn committed(&self) {
        self.outbox.wake();
    }

    /// What happened as far back as there are events: applying one again changes nothing.
    async fn bootstrap(&self) -> Result<Vec<EventCursor>, Error> {
        oldest_cursors("subscriptions", &self.subscriptions).await
    }
}
