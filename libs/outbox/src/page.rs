//! Reading what is published.

use siyu_clock::Micros;
use siyu_db::{DbError, Tx};
use siyu_proto::common::v1::{ErrorReason, Event, EventCursor, FeedPartition, StreamEventsResponse};
use siyu_rpc::{Error, time::to_proto};
use tonic::Code;

use crate::{Outbox, PARTITIONS, StoredEvent, store};

/// Where a reader is in each partition it reads.
#[derive(Debug, Clone)]
pub(crate) struct Cursors(Vec<(i64, i64)>);

impl Cursors {
    /// Reads cursors as a request has them: none at all means every partition from its beginning.
    pub(crate) fn read(cursors: &[EventCursor]) -> Result<Self, Error> {
        if cursors.is_empty() {
            return Ok(Self((0..PARTITIONS).map(|partition| (partition, 0)).collect()));
        }
        let mut read: Vec<(i64, i64)> = Vec::with_capacity(cursors.len());
        for (place, cursor) in cursors.iter().enumerate() {
            let partition = i64::from(cursor.partition);
            let field = format!("cursors[{place}]");
            if !(0..PARTITIONS).contains(&partition) {
                return Err(Error::invalid_field(
                    format!("{field}.partition"),
                    format!("must be 0 to {}", PARTITIONS - 1),
                ));
            }
            if cursor.position < 0 {
                return Err(Error::invalid_field(format!("{field}.position"), "must be at least 0"));
            }
            if read.iter().any(|(other, _)| *other == partition) {
                return Err(Error::invalid_field(
                    format!("{field}.partition"),
                    "must not name a partition twice",
                ));
            }
            read.push((partition, cursor.position));
        }
        Ok(Self(read))
    }
}

impl Outbox {
    /// What the feed holds, and the number of events that wait to be published.
    pub(crate) async fn describe(&self) -> Result<(Vec<FeedPartition>, i64), Error> {
        let mut tx = self.db.begin_read().await?;
        let partitions = store::event::partitions(&mut tx).await?;
        let unpublished = store::event::unpublished(&mut tx).await?;
        let partitions = partitions.into_iter().map(|partition| FeedPartition {
            partition: small(partition.partition_number),
            trimmed_position: partition.trimmed_position,
            last_position: partition.last_position,
        });
        Ok((partitions.collect(), unpublished))
    }

    /// The cursors that a snapshot read in the same transaction is valid at.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn cursors(tx: &mut Tx) -> Result<Vec<EventCursor>, DbError> {
        let partitions = store::event::partitions(tx).await?;
        let cursor = |partition: store::event::Partition| EventCursor {
            partition: small(partition.partition_number),
            position: partition.last_position,
        };
        Ok(partitions.into_iter().map(cursor).collect())
    }

    /// The next page of every partition that has news, and moves the cursors behind them. Empty: there is none.
    pub(crate) async fn next_pages(
        &self,
        cursors: &mut Cursors,
        page_size: i64,
    ) -> Result<Vec<StreamEventsResponse>, Error> {
        let mut tx = self.db.begin_read().await?;
        let partitions = store::event::partitions(&mut tx).await?;
        let mut pages = Vec::new();
        for (partition, position) in &mut cursors.0 {
            let Some(state) = partitions.iter().find(|state| state.partition_number == *partition) else {
                continue;
            };
            if *position < state.trimmed_position {
                return Err(expired(*partition, *position, state.trimmed_position));
            }
            if *position >= state.last_position {
                continue;
            }
            let events = store::event::read(&mut tx, *partition, *position, page_size).await?;
            let events = within_bytes(events);
            if let Some(last) = events.last() {
                *position = last.position;
            }
            pages.push(StreamEventsResponse {
                partition: small(*partition),
                events: events.into_iter().map(to_event).collect(),
                last_position: state.last_position,
            });
        }
        Ok(pages)
    }
}

/// As many of the first events as fit into one message; at least one.
fn within_bytes(mut events: Vec<StoredEvent>) -> Vec<StoredEvent> {
    const MOST_BYTES: usize = 1024 * 1024;
    let mut bytes = 0;
    let fit = events.iter().take_while(|event| {
        bytes += event.payload.len();
        bytes <= MOST_BYTES
    });
    let fit = fit.count().max(1);
    events.truncate(fit);
    events
}

fn expired(partition: i64, position: i64, trimmed: i64) -> Error {
    let message = format!(
        "partition {partition} begins after position {trimmed}, and the cursor is at {position}; take a snapshot"
    );
    Error::new(Code::OutOfRange, ErrorReason::CursorExpired, message)
        .with("partition", partition.to_string())
        .with("trimmed_position", trimmed.to_string())
}

/// A number of a partition: there are few.
fn small(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(crate) fn to_event(event: StoredEvent) -> Event {
    Event {
        event_id: event.event_id,
        key: event.event_key,
        partition: small(event.partition_number),
        position: event.position,
        payload: Some(prost_types::Any { type_url: event.type_url, value: event.payload }),
        create_time: Some(to_proto(Micros(event.create_time))),
        publish_time: event.publish_time.map(|time| to_proto(Micros(time))),
        trace_parent: event.trace_parent,
    }
}
