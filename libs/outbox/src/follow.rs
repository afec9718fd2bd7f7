//! Following the feed of another service.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use siyu_clock::Clock;
use siyu_db::{Db, Tx};
use siyu_proto::common::v1::{
    ErrorReason, Event, EventCursor, StreamEventsRequest, StreamEventsResponse,
    event_feed_service_client::EventFeedServiceClient,
};
use siyu_rpc::{Error, peer::Peer, time::from_proto};
use siyu_telemetry::{context, names};
use tonic::{Code, Status};
use tracing::Instrument;

use crate::{Consumer, StoredEvent, store};

/// Wait after a failure: longer each time, up to the last.
pub(crate) const PAUSES: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// One service on the feed of another. Clones share the work.
#[derive(Clone)]
pub struct Follower {
    pub(crate) name: String,
    feed: &'static str,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    feeds: EventFeedServiceClient<Peer>,
    pub(crate) consumer: Arc<dyn Consumer>,
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Follower {
    /// `service` follows `feed`, which the service behind `peer` serves, and applies its events to `db`, which has
    /// [`crate::migrations`].
    #[must_use]
    pub fn new(
        service: &str,
        feed: &'static str,
        peer: Peer,
        db: Db,
        clock: Clock,
        consumer: Arc<dyn Consumer>,
    ) -> Self {
        let feeds = EventFeedServiceClient::new(peer);
        Self { name: format!("{service}-{feed}"), feed, db, clock, feeds, consumer }
    }

    /// Follows until dropped. Every process of a service runs it; they apply each event once together.
    pub async fn run(self) {
        let mut failures = 0;
        loop {
            let before = self.progress().await;
            let Err(error) = self.follow(true).await else {
                // After a snapshot. Should it not help, then not in a tight loop.
                tokio::time::sleep(PAUSES[0]).await;
                continue;
            };
            if self.progress().await != before {
                failures = 0;
            }
            let pause = PAUSES[failures.min(PAUSES.len() - 1)];
            failures += 1;
            // The end of a stream is usual: the other side restarts, or asks to reconnect.
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::info!(consumer = self.name, %error, cause, "following will be tried again");
            tokio::time::sleep(pause).await;
        }
    }

    /// Applies all events that are published now.
    ///
    /// # Errors
    /// When the other service or the storage does not answer; what was applied until then stays applied.
    pub async fn catch_up(&self) -> Result<(), Error> {
        self.follow(false).await
    }

    async fn progress(&self) -> Option<Vec<(i64, i64)>> {
        let mut tx = self.db.begin_read().await.ok()?;
        store::cursor::all(&mut tx, &self.name).await.ok()
    }

    async fn follow(&self, follow: bool) -> Result<(), Error> {
        let cursors = self.cursors().await?;
        let mut positions: BTreeMap<i32, i64> =
            cursors.iter().map(|cursor| (cursor.partition, cursor.position)).collect();
        let mut ends = positions.clone();
        let parent = format!("feeds/{}", self.feed);
        let request = StreamEventsRequest { parent, cursors, page_size: 0, follow };
        let answer = self.feeds.clone().stream_events(request).await;
        let mut pages = match answer {
            Ok(answer) => answer.into_inner(),
            Err(status) => return Err(unanswered(status)),
        };
        loop {
            let page = match pages.message().await {
                Ok(Some(page)) => page,
                Ok(None) if follow => return Err(ended()),
                Ok(None) => return Ok(()),
                Err(status) if status.code() == Code::OutOfRange => return self.bootstrap().await,
                Err(status) => return Err(unanswered(status)),
            };
            ends.insert(page.partition, page.last_position);
            let reached = self.apply_page(page).await?;
            positions.insert(reached.0, reached.1);
            self.measure_lag(&positions, &ends);
        }
    }

    /// Where this consumer is; after a snapshot, if it has never begun.
    async fn cursors(&self) -> Result<Vec<EventCursor>, Error> {
        if let Some(found) = self.stored_cursors().await? {
            return Ok(found);
        }
        self.bootstrap().await?;
        self.stored_cursors().await?.ok_or_else(|| Error::internal("a snapshot came without cursors"))
    }

    async fn stored_cursors(&self) -> Result<Option<Vec<EventCursor>>, Error> {
        let mut tx = self.db.begin_read().await?;
        let stored = store::cursor::all(&mut tx, &self.name).await?;
        let cursor = |(partition, position): (i64, i64)| {
            i32::try_from(partition).ok().map(|partition| EventCursor { partition, position })
        };
        Ok((!stored.is_empty()).then(|| stored.into_iter().filter_map(cursor).collect()))
    }

    /// Takes a snapshot, then sets the cursors to where it is valid.
    async fn bootstrap(&self) -> Result<(), Error> {
        tracing::info!(consumer = self.name, "takes a snapshot");
        let mut tx = self.db.begin_read().await?;
        let before = store::cursor::all(&mut tx, &self.name).await?;
        drop(tx);
        let cursors = self.consumer.bootstrap().await?;
        let cursors: BTreeMap<i64, i64> =
            cursors.iter().map(|cursor| (cursor.partition.into(), cursor.position)).collect();
        let mut tx = self.db.begin().await?;
        for (partition, from) in before {
            if let Some(to) = cursors.get(&partition) {
                store::cursor::reset(&mut tx, &self.name, partition, from, *to).await?;
            }
        }
        let cursors: Vec<(i64, i64)> = cursors.into_iter().collect();
        store::cursor::begin(&mut tx, &self.name, &cursors).await?;
        Ok(tx.commit().await?)
    }

    /// Applies a page in one transaction. When an event cannot be applied, its key is parked and the page begins anew.
    /// Answers the partition and the position reached.
    async fn apply_page(&self, page: StreamEventsResponse) -> Result<(i32, i64), Error> {
        let partition = page.partition;
        let events: Vec<StoredEvent> = page.events.into_iter().map(stored).collect();
        self.consumer.prepare(&events).await?;
        let mut poisoned: HashMap<String, String> = HashMap::new();
        loop {
            match self.try_page(partition, &events, &poisoned).await? {
                Attempt::Reached(position) => return Ok((partition, position)),
                Attempt::Poisoned { key, reason } => {
                    tracing::error!(
                        consumer = self.name,
                        key,
                        reason,
                        "an event cannot be applied; its key is parked"
                    );
                    poisoned.insert(key, reason);
                }
            }
        }
    }

    async fn try_page(
        &self,
        partition: i32,
        events: &[StoredEvent],
        poisoned: &HashMap<String, String>,
    ) -> Result<Attempt, Error> {
        let mut tx = self.db.begin().await?;
        let at = store::cursor::lock(&mut tx, &self.name, partition.into()).await?.unwrap_or_default();
        // Another process of this service may have applied some of them.
        let fresh: Vec<&StoredEvent> = events.iter().filter(|event| event.position > at).collect();
        let Some((first, last)) = fresh.first().zip(fresh.last()) else { return Ok(Attempt::Reached(at)) };
        if first.position != at + 1 {
            return Err(gap(partition, at, first.position));
        }
        let keys: HashSet<&str> = fresh.iter().map(|event| event.event_key.as_str()).collect();
        let mut parked: HashSet<String> =
            store::parked::among(&mut tx, &self.name, keys).await?.into_iter().collect();
        for (key, events) in by_key(&fresh) {
            if let Some(reason) = poisoned.get(key)
                && parked.insert(key.to_owned())
            {
                store::parked::park_key(&mut tx, &self.name, key, reason, self.clock.now()).await?;
            }
            if parked.contains(key) {
                for event in events {
                    store::parked::park_event(&mut tx, &self.name, event).await?;
                }
            } else if let Err(reason) = self.apply_in_order(&mut tx, &events).await? {
                return Ok(Attempt::Poisoned { key: key.to_owned(), reason });
            }
        }
        store::cursor::advance(&mut tx, &self.name, partition.into(), last.position).await?;
        tx.commit().await?;
        self.consumer.committed();
        let count = u64::try_from(fresh.len()).unwrap_or(u64::MAX);
        metrics::counter!(names::EVENTS_CONSUMED_TOTAL, "consumer" => self.name.clone()).increment(count);
        Ok(Attempt::Reached(last.position))
    }

    /// Applies events of one key, oldest first: those of one type that follow each other together. Within: why one cannot
    /// be applied.
    pub(crate) async fn apply_in_order(
        &self,
        tx: &mut Tx,
        events: &[&StoredEvent],
    ) -> Result<Result<(), String>, Error> {
        for run in events.chunk_by(|event, next| event.type_url == next.type_url) {
            match self.apply_run(tx, run).await {
                Ok(()) => {}
                Err(error) if is_passing(&error) => return Err(error),
                Err(error) => return Ok(Err(reason(run, &error))),
            }
        }
        Ok(Ok(()))
    }

    /// Applies events in the trace that the first happened in, linked to those of the others. A panic is an error like any
    /// other.
    async fn apply_run(&self, tx: &mut Tx, run: &[&StoredEvent]) -> Result<(), Error> {
        let Some((first, others)) = run.split_first() else { return Ok(()) };
        let span = tracing::info_span!(
            "consume",
            otel.name = format!("{} {}", self.name, type_name(first)),
            otel.kind = "consumer",
            event.id = first.event_id,
            event.key = first.event_key,
            event.count = run.len(),
        );
        context::continue_trace(&span, &first.trace_parent);
        for other in others {
            context::link_trace(&span, &other.trace_parent);
        }
        let applied = std::panic::AssertUnwindSafe(self.consumer.apply_together(tx, run)).catch_unwind();
        applied.instrument(span).await.unwrap_or_else(|_| Err(Error::internal("the consumer panicked")))
    }

    fn measure_lag(&self, positions: &BTreeMap<i32, i64>, ends: &BTreeMap<i32, i64>) {
        let behind = |(partition, end): (&i32, &i64)| (end - positions.get(partition).unwrap_or(end)).max(0);
        let lag: i64 = ends.iter().map(behind).sum();
        let lag = f64::from(u32::try_from(lag).unwrap_or(u32::MAX));
        metrics::gauge!(names::EVENT_CONSUMER_LAG, "consumer" => self.name.clone()).set(lag);
    }
}

/// What came of trying to apply a page.
enum Attempt {
    /// The cursor is here now.
    Reached(i64),
    /// An event cannot be applied; nothing was.
    Poisoned { key: String, reason: String },
}

/// The events of each key in their order, and the keys in theirs: transactions that lock what keys name in this order never
/// wait for each other in a circle.
fn by_key<'a>(events: &[&'a StoredEvent]) -> BTreeMap<&'a str, Vec<&'a StoredEvent>> {
    let mut keys: BTreeMap<&str, Vec<&StoredEvent>> = BTreeMap::new();
    for event in events {
        keys.entry(&event.event_key).or_default().push(event);
    }
    keys
}

/// Whether trying again may help, so that nobody needs to be parked.
fn is_passing(error: &Error) -> bool {
    matches!(error.code(), Code::Unavailable | Code::Aborted | Code::DeadlineExceeded)
}

/// Why an event, or one of several that were applied together, could not be, for whoever looks at the parked key.
fn reason(run: &[&StoredEvent], error: &Error) -> String {
    const MOST: usize = 1_000;
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    let place = match run {
        [] => String::new(),
        [event] => format!("{} {} at {}", type_name(event), event.event_id, event.position),
        [first, .., last] => {
            format!("{} {} at {} to {}", type_name(first), first.event_id, first.position, last.position)
        }
    };
    let text = format!("{place}: {error}{cause}");
    text.chars().take(MOST).collect()
}

/// `siyu.accounts.v1.AccountUpdated`
fn type_name(event: &StoredEvent) -> &str {
    event.type_url.rsplit('/').next().unwrap_or_default()
}

pub(crate) fn stored(event: Event) -> StoredEvent {
    let payload = event.payload.unwrap_or_default();
    let micros =
        |time: Option<prost_types::Timestamp>| time.and_then(|time| from_proto(&time)).map(|time| time.0);
    StoredEvent {
        event_id: event.event_id,
        event_key: event.key,
        partition_number: event.partition.into(),
        position: event.position,
        type_url: payload.type_url,
        payload: payload.value,
        trace_parent: event.trace_parent,
        create_time: micros(event.create_time).unwrap_or_default(),
        publish_time: micros(event.publish_time),
    }
}

pub(crate) fn gap(partition: i32, at: i64, next: i64) -> Error {
    // Positions are dense: this page is not what follows the cursor. Reading from the cursor again mends it.
    Error::new(
        Code::Aborted,
        ErrorReason::Contention,
        format!("partition {partition}: the cursor is at {at} and the page begins at {next}"),
    )
}

pub(crate) fn ended() -> Error {
    Error::new(Code::Unavailable, ErrorReason::DependencyUnavailable, "the stream of events has ended")
}

pub(crate) fn unanswered(status: Status) -> Error {
    Error::new(Code::Unavailable, ErrorReason::DependencyUnavailable, "the feed does not answer")
        .caused_by(status)
}
