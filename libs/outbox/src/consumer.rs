use siyu_db::Tx;
use siyu_proto::common::v1::EventCursor;
use siyu_rpc::Error;

use crate::StoredEvent;

/// What a service does with the events of another.
#[tonic::async_trait]
pub trait Consumer: Send + Sync + 'static {
    /// Called before the events of a page are applied, while no transaction is open: brings in what they need of other
    /// services. It may be called again for the same events.
    ///
    /// # Errors
    /// When another service does not answer; the page is tried again later.
    async fn prepare(&self, _events: &[StoredEvent]) -> Result<(), Error> {
        Ok(())
    }

    /// Applies one event, in the transaction that also moves the cursor: exactly once in effect. Events of types it
    /// does not know it passes over. It calls no other service, since a transaction is open.
    ///
    /// # Errors
    /// UNAVAILABLE, ABORTED and DEADLINE_EXCEEDED are tried again; any other error parks the key of the event.
    async fn apply(&self, tx: &mut Tx, event: &StoredEvent) -> Result<(), Error>;

    /// Applies events of one key and one type that follow each other, oldest first: one after the other, unless a consumer
    /// has a faster way.
    ///
    /// # Errors
    /// As [`Consumer::apply`].
    async fn apply_together(&self, tx: &mut Tx, events: &[&StoredEvent]) -> Result<(), Error> {
        for event in events {
            self.apply(tx, event).await?;
        }
        Ok(())
    }

    /// Called when a transaction with applied events has been committed.
    fn committed(&self) {}

    /// Called when there is no cursor yet, or when it is older than what the feed keeps: brings in the present state of
    /// the other service, and answers the cursors to follow from. It may be called again after a failure, and what it
    /// brings in may be ahead of its cursors.
    ///
    /// # Errors
    /// When the other service does not answer; it is called again later.
    async fn bootstrap(&self) -> Result<Vec<EventCursor>, Error>;
}
