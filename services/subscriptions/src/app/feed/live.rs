//! Feeds as they happen: who reads one is sent what arrives in it.

use std::sync::Arc;

use siyu_outbox::{Hearer, StoredEvent};
use siyu_proto::{common::v1::ErrorReason, subscriptions::v1::PushPublished};
use siyu_rpc::Error;
use tokio::sync::broadcast;
use tonic::Code;

use super::{Item, newest};
use crate::{Subscriptions, store::push_wave::Place};

/// Publications that a slow reader may be behind.
const BACKLOG: usize = 1_024;
/// Items that are sent at once.
const MOST_ITEMS: usize = 100;

/// Tells of every wave that is delivered, by whichever process: the id of its account.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    sender: broadcast::Sender<Arc<str>>,
}

impl Published {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG) }
    }
}

/// Hears of it in the feed of events of the service.
pub(crate) struct PublishedHearer(pub(crate) Published);

impl Hearer for PublishedHearer {
    /// Readers look for themselves: an empty id stands for any account.
    fn start_over(&self) {
        let _ = self.0.sender.send("".into());
    }

    fn hear(&self, event: &StoredEvent) {
        if let Ok(Some(_)) = event.decode::<PushPublished>() {
            // Without readers there is nobody to tell.
            let _ = self.0.sender.send(event.event_key.trim_start_matches("accounts/").into());
        }
    }
}

/// What arrives in the feed of one user.
#[derive(Debug)]
pub(crate) struct Arrivals {
    subscriptions: Subscriptions,
    user_id: String,
    published: broadcast::Receiver<Arc<str>>,
    /// The newest item so far.
    last: Place,
}

impl Subscriptions {
    /// What arrives in the feed of a user from now on.
    pub(crate) async fn arrivals(&self, user_id: &str) -> Result<Arrivals, Error> {
        let published = self.published.sender.subscribe();
        self.learn_ordinals(user_id).await?;
        let now = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        let newest = self.collect(&mut tx, user_id, "", newest(), now, 1).await?.pop();
        let begin = || Place { deliver_time: i64::MIN, account_id: String::new(), push_id: String::new() };
        let last = newest.map_or_else(begin, |item| item.place());
        Ok(Arrivals { subscriptions: self.clone(), user_id: user_id.to_owned(), published, last })
    }
}

impl Arrivals {
    /// Waits for the next, and answers it, oldest first; it is seen by that.
    ///
    /// # Errors
    /// UNAVAILABLE where so much was published meanwhile that some may have been missed.
    pub(crate) async fn next(&mut self) -> Result<Vec<Item>, Error> {
        loop {
            let account_id = self.published.recv().await.map_err(|_| too_slow())?;
            let items = self.newer(&account_id).await?;
            if let Some(newest) = items.last() {
                self.last = newest.place();
                self.subscriptions.see(&items, self.subscriptions.clock.now()).await?;
                return Ok(items);
            }
        }
    }

    /// Items that are newer than the last, oldest first.
    async fn newer(&self, account_id: &str) -> Result<Vec<Item>, Error> {
        let Self { subscriptions, user_id, last, .. } = self;
        subscriptions.learn_ordinals(user_id).await?;
        let now = subscriptions.clock.now();
        let mut tx = subscriptions.db.begin_read().await?;
        let mut items =
            subscriptions.collect(&mut tx, user_id, account_id, newest(), now, MOST_ITEMS).await?;
        items.retain(|item| order(&item.place()) > order(last));
        items.reverse();
        Ok(items)
    }
}

fn order(place: &Place) -> (i64, &str, &str) {
    (place.deliver_time, &place.account_id, &place.push_id)
}

fn too_slow() -> Error {
    let message = "more was published than this reader could take; read the list, and listen again";
    Error::new(Code::Unavailable, ErrorReason::Overloaded, message)
}
