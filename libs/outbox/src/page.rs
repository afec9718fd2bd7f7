//! Reading what is published.

use std::collections::BTreeMap;

use siyu_clock::Micros;
use siyu_db::{DbError, Tx};
use siyu_proto::common::v1::{ErrorReason, Event, EventCursor, FeedPartition, StreamEventsResponse};
use siyu_rpc::{Error, time::to_proto};
use tonic::Code;

use crate::{
    Outbox, PARTITIONS, StoredEvent,
    store::{self, event::Partition},
};

/// A page is full when its payloads together have so many bytes.
const PAGE_BYTES: usize = 512 * 1024;
/// Events read at once: of the largest that there may be, these are 4 MiB.
const STEP: usize = 64;

/// Where a reader is in each partition it reads.
#[derive(Debug, Clone)]
pub(crate) struct Cursors(BTreeMap<i64, i64>);

impl Cursors {
    /// Reads cursors as a request has them: none at all means every partition from its beginning.
    pub(crate) fn read(cursors: &[EventCursor]) -> Result<Self, Error> {
        if cursors.is_empty() {
            return Ok(Self((0..PARTITIONS).map(|partition| (partition, 0)).collect()));
        }
        let mut read = BTreeMap::new();
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
            if read.insert(partition, cursor.position).is_some() {
                return Err(Error::invalid_field(
                    format!("{field}.partition"),
                    "must not name a partition twice",
                ));
            }
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
        let cursor = |partition: Partition| EventCursor {
            partition: small(partition.partition_number),
            position: partition.last_position,
        };
        Ok(partitions.into_iter().map(cursor).collect())
    }

    /// The partitions of which there is more to read.
    pub(crate) async fn with_news(&self, cursors: &Cursors) -> Result<Vec<i64>, Error> {
        let mut tx = self.db.begin_read().await?;
        let states = store::event::partitions(&mut tx).await?;
        let mut with_news = Vec::new();
        for (partition, position) in &cursors.0 {
            let state = state_of(&states, *partition, *position)?;
            if *position < state.last_position {
                with_news.push(*partition);
            }
        }
        Ok(with_news)
    }

    /// The next page of a partition, and moves the cursor behind it.
    pub(crate) async fn next_page(
        &self,
        cursors: &mut Cursors,
        partition: i64,
        page_size: usize,
    ) -> Result<StreamEventsResponse, Error> {
        let mut tx = self.db.begin_read().await?;
        let states = store::event::partitions(&mut tx).await?;
        let mut position = cursors.0.get(&partition).copied().unwrap_or_default();
        let state = state_of(&states, partition, position)?;
        let mut events: Vec<StoredEvent> = Vec::new();
        let mut bytes = 0;
        while events.len() < page_size && bytes < PAGE_BYTES {
            let step = STEP.min(page_size - events.len());
            let read =
                store::event::read(&mut tx, partition, position, i64::try_from(step).unwrap_or(i64::MAX))
                    .await?;
            let Some(last) = read.last() else { break };
            position = last.position;
            bytes += read.iter().map(|event| event.payload.len()).sum::<usize>();
            events.extend(read);
        }
        cursors.0.insert(partition, position);
        Ok(StreamEventsResponse {
            partition: small(partition),
            events: events.into_iter().map(to_event).collect(),
            last_position: state.last_position,
        })
    }
}

/// The state of a partition, in which a cursor must lie.
fn state_of(states: &[Partition], partition: i64, position: i64) -> Result<Partition, Error> {
    let state = states.iter().find(|state| state.partition_number == partition).copied();
    let state = state.ok_or_else(|| Error::internal(format!("there is no partition {partition}")))?;
    if (state.trimmed_position..=state.last_position).contains(&position) {
        Ok(state)
    } else {
        Err(outside(&state, position))
    }
}

/// A cursor before the oldest event, or behind the newest: the feed was restored from an older copy.
fn outside(state: &Partition, position: i64) -> Error {
    let Partition { partition_number, trimmed_position, last_position } = state;
    let message = format!(
        "partition {partition_number} has positions {trimmed_position} to {last_position}, and the cursor is at \
         {position}; take a snapshot"
    );
    Error::new(Code::OutOfRange, ErrorReason::CursorExpired, message)
        .with("partition", partition_number.to_string())
        .with("trimmed_position", trimmed_position.to_string())
        .with("last_position", last_position.to_string())
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
