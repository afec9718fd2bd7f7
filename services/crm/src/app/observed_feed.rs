//! Learning from the events of other services what users did, and how accounts reached them: from subscriptions who follows, from
//! messaging who writes.

use std::{collections::BTreeSet, sync::Arc};

use siyu_clock::Clock;
use siyu_db::Tx;
use siyu_outbox::{Consumer, Outbox, StoredEvent, oldest_cursors};
use siyu_proto::{
    common::v1::EventCursor,
    crm::v1::{InteractionsObserved, TouchesObserved},
};
use siyu_rpc::{Error, name, peer::Peer};

use super::{directory::Directory, observed::take_in_observed, touches::take_in_touches};

/// Applies the events of one feed.
#[derive(Debug)]
pub(crate) struct ObservedFeed {
    clock: Clock,
    outbox: Outbox,
    directory: Arc<Directory>,
    /// What it is called, and who serves it.
    feed: &'static str,
    peer: Peer,
}

impl ObservedFeed {
    pub(crate) fn new(
        clock: Clock,
        outbox: Outbox,
        directory: Arc<Directory>,
        (feed, peer): (&'static str, Peer),
    ) -> Self {
        Self { clock, outbox, directory, feed, peer }
    }
}

#[tonic::async_trait]
impl Consumer for ObservedFeed {
    /// Somebody may do something with an account before the accounts service has told of it.
    async fn prepare(&self, events: &[StoredEvent]) -> Result<(), Error> {
        let keys: BTreeSet<&str> = events.iter().map(|event| event.event_key.as_str()).collect();
        for key in keys {
            self.directory.learn(name::id(key, "accounts", "key")?).await?;
        }
        Ok(())
    }

    async fn apply(&self, tx: &mut Tx, event: &StoredEvent) -> Result<(), Error> {
        self.apply_together(tx, &[event]).await
    }

    async fn apply_together(&self, tx: &mut Tx, events: &[&StoredEvent]) -> Result<(), Error> {
        let Some(first) = events.first() else { return Ok(()) };
        let account_id = name::id(&first.event_key, "accounts", "key")?;
        let (mut observed, mut touches) = (Vec::new(), Vec::new());
        for event in events {
            observed.extend(event.decode::<InteractionsObserved>().map_err(Error::internal)?);
            touches.extend(event.decode::<TouchesObserved>().map_err(Error::internal)?);
        }
        if !observed.is_empty() {
            take_in_observed(tx, &self.clock, &self.outbox, account_id, observed).await?;
        }
        take_in_touches(tx, account_id, touches).await
    }

    fn committed(&self) {
        self.outbox.wake();
    }

    /// What happened as far back as there are events: applying one again changes nothing.
    async fn bootstrap(&self) -> Result<Vec<EventCursor>, Error> {
        oldest_cursors(self.feed, &self.peer).await
    }
}
