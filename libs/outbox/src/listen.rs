//! Hearing what a service tells, from now on.

use std::sync::Arc;

use siyu_proto::common::v1::{
    EventCursor, FeedPartition, GetFeedRequest, StreamEventsRequest, StreamEventsResponse,
    event_feed_service_client::EventFeedServiceClient,
};
use siyu_rpc::{Error, peer::Peer};

use crate::{
    StoredEvent,
    follow::{PAUSES, ended, gap, stored, unanswered},
};

/// What is done with what is heard: what is kept in memory is thrown away, for example.
pub trait Hearer: Send + Sync + 'static {
    /// From now on events are heard. What happened before may have been missed. Called when listening begins, and again
    /// whenever it was interrupted.
    fn start_over(&self);

    /// Something happened.
    fn hear(&self, event: &StoredEvent);
}

/// Listens to the feed of a service from where it is now, and stores nothing: every process does it for itself. Whoever
/// must not miss an event is a [`crate::Follower`]. Clones share the work.
#[derive(Clone)]
pub struct Listener {
    feed: &'static str,
    feeds: EventFeedServiceClient<Peer>,
    hearer: Arc<dyn Hearer>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("feed", &self.feed).finish_non_exhaustive()
    }
}

impl Listener {
    /// Tells `hearer` of the events of `feed`, which the service behind `peer` serves.
    #[must_use]
    pub fn new(feed: &'static str, peer: Peer, hearer: Arc<dyn Hearer>) -> Self {
        Self { feed, feeds: EventFeedServiceClient::new(peer), hearer }
    }

    /// Listens until dropped.
    pub async fn run(self) {
        let mut failures = 0;
        loop {
            let mut heard = false;
            let error = match self.listen(&mut heard).await {
                Ok(()) => ended(),
                Err(error) => error,
            };
            if heard {
                failures = 0;
            }
            let pause = PAUSES[failures.min(PAUSES.len() - 1)];
            failures += 1;
            // The end of a stream is usual: the other side restarts, or asks to reconnect.
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::debug!(feed = self.feed, %error, cause, "listening will be tried again");
            tokio::time::sleep(pause).await;
        }
    }

    /// Listens until something is in the way; sets `heard` once it can hear.
    async fn listen(&self, heard: &mut bool) -> Result<(), Error> {
        let name = format!("feeds/{}", self.feed);
        let request = GetFeedRequest { name: name.clone() };
        let feed = self.feeds.clone().get_feed(request).await.map_err(unanswered)?.into_inner();
        let cursor = |partition: FeedPartition| EventCursor {
            partition: partition.partition,
            position: partition.last_position,
        };
        let mut cursors: Vec<EventCursor> = feed.partitions.into_iter().map(cursor).collect();
        let request = StreamEventsRequest {
            parent: name,
            cursors: cursors.clone(),
            follow: true,
            ..StreamEventsRequest::default()
        };
        let mut pages = self.feeds.clone().stream_events(request).await.map_err(unanswered)?.into_inner();
        // Only now: what is read after this is not older than where listening begins.
        self.hearer.start_over();
        *heard = true;
        while let Some(page) = pages.message().await.map_err(unanswered)? {
            self.hear_page(&mut cursors, page)?;
        }
        Ok(())
    }

    fn hear_page(&self, cursors: &mut [EventCursor], page: StreamEventsResponse) -> Result<(), Error> {
        let cursor = cursors.iter_mut().find(|cursor| cursor.partition == page.partition);
        let cursor = cursor.ok_or_else(|| gap(page.partition, 0, page.last_position))?;
        for event in page.events.into_iter().map(stored) {
            if event.position != cursor.position + 1 {
                return Err(gap(page.partition, cursor.position, event.position));
            }
            cursor.position = event.position;
            self.hearer.hear(&event);
        }
        Ok(())
    }
}
