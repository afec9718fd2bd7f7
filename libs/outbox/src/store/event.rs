use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::outbox::{Draft, StoredEvent};

statements! {
    INSERT = {
        sqlite: "INSERT INTO event (event_id, event_key, partition_number, type_url, payload, trace_parent, create_time) \
                 SELECT input.value->>0, input.value->>1, CAST(input.value->>2 AS BIGINT), input.value->>3, \
                 unhex(input.value->>4), $2, $3 FROM json_each($1) AS input ORDER BY input.key",
        postgres: "INSERT INTO event (event_id, event_key, partition_number, type_url, payload, trace_parent, \
                   create_time) SELECT input.value->>0, input.value->>1, CAST(input.value->>2 AS BIGINT), \
                   input.value->>3, decode(input.value->>4, 'hex'), $2, $3 \
                   FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS input(value, place) ORDER BY input.place",
    };
    UNPUBLISHED = "SELECT COUNT(*) FROM event WHERE position IS NULL";
    HAS_UNPUBLISHED = "SELECT COUNT(*) FROM (SELECT 1 FROM event WHERE position IS NULL LIMIT 1) AS unpublished";
    LAST_PUBLISH_TIME = "SELECT MAX(publish_time) FROM event WHERE publish_time IS NOT NULL";
    /// Gives positions to the next events, in the order in which they were written.
    PUBLISH = "UPDATE event SET position = numbered.next_position, publish_time = $1 FROM \
               (SELECT unpublished.event_sequence, event_partition.last_position + \
                ROW_NUMBER() OVER (PARTITION BY unpublished.partition_number ORDER BY unpublished.event_sequence) \
                AS next_position FROM \
                (SELECT event_sequence, partition_number FROM event WHERE position IS NULL \
                 ORDER BY event_sequence LIMIT $2) AS unpublished \
                JOIN event_partition ON event_partition.partition_number = unpublished.partition_number) AS numbered \
               WHERE event.event_sequence = numbered.event_sequence";
    /// Never back: a position is given once, also after the events before it were removed.
    MOVE_ENDS = "UPDATE event_partition SET last_position = (SELECT MAX(event.position) FROM event \
                 WHERE event.partition_number = event_partition.partition_number AND event.position IS NOT NULL) \
                 WHERE EXISTS (SELECT 1 FROM event WHERE event.partition_number = event_partition.partition_number \
                 AND event.position > event_partition.last_position)";
    PARTITIONS = "SELECT partition_number, trimmed_position, last_position FROM event_partition \
                  ORDER BY partition_number";
    READ = "SELECT event_id, event_key, partition_number, position, type_url, payload, trace_parent, create_time, \
            publish_time FROM event WHERE partition_number = $1 AND position > $2 ORDER BY position LIMIT $3";
    REMOVE_OLD = "DELETE FROM event WHERE event_sequence IN (SELECT event_sequence FROM event \
                  WHERE publish_time < $1 ORDER BY publish_time, position LIMIT $2)";
    MOVE_BEGINNINGS = "UPDATE event_partition SET trimmed_position = COALESCE((SELECT MIN(event.position) FROM event \
                       WHERE event.partition_number = event_partition.partition_number \
                       AND event.position IS NOT NULL) - 1, last_position)";
}

/// Where a partition begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Partition {
    pub(crate) partition_number: i64,
    /// Position of the last event that was removed.
    pub(crate) trimmed_position: i64,
    pub(crate) last_position: i64,
}

/// Writes events that have no position yet.
pub(crate) async fn insert(
    tx: &mut Tx,
    events: &[(String, Draft)],
    trace_parent: &str,
    now: Micros,
) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    let events = rows(events.iter().map(|(id, draft)| {
        (id, &draft.key, draft.partition(), &draft.type_url, const_hex::encode(&draft.payload))
    }))?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(events)
        .bind(trace_parent)
        .bind(now.0)
        .execute(conn)
        .await
        .map(drop))
}

/// Number of events without a position.
pub(crate) async fn unpublished(tx: &mut Tx) -> Result<i64, DbError> {
    let text = tx.pick(UNPUBLISHED);
    on_db!(tx, |conn| sqlx::query_scalar(text).fetch_one(conn).await)
}

/// Whether there are events without a position.
pub(crate) async fn has_unpublished(tx: &mut Tx) -> Result<bool, DbError> {
    let text = tx.pick(HAS_UNPUBLISHED);
    let count: i64 = on_db!(tx, |conn| sqlx::query_scalar(text).fetch_one(conn).await)?;
    Ok(count > 0)
}

/// Gives positions to at most `limit` events; answers how many. Times of publishing never go back, so that age and
/// position agree.
pub(crate) async fn publish(tx: &mut Tx, now: Micros, limit: u64) -> Result<u64, DbError> {
    let text = tx.pick(LAST_PUBLISH_TIME);
    let last: Option<i64> = on_db!(&mut *tx, |conn| sqlx::query_scalar(text).fetch_one(conn).await)?;
    let publish_time = now.0.max(last.unwrap_or(i64::MIN));
    let text = tx.pick(PUBLISH);
    let published = on_db!(&mut *tx, |conn| sqlx::query(text)
        .bind(publish_time)
        .bind(limit.cast_signed())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    let text = tx.pick(MOVE_ENDS);
    on_db!(tx, |conn| sqlx::query(text).execute(conn).await.map(drop))?;
    Ok(published)
}

pub(crate) async fn partitions(tx: &mut Tx) -> Result<Vec<Partition>, DbError> {
    let text = tx.pick(PARTITIONS);
    on_db!(tx, |conn| sqlx::query_as(text).fetch_all(conn).await)
}

/// The events of a partition after a position.
pub(crate) async fn read(
    tx: &mut Tx,
    partition: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<StoredEvent>, DbError> {
    let text = tx.pick(READ);
    on_db!(tx, |conn| sqlx::query_as(text).bind(partition).bind(after).bind(limit).fetch_all(conn).await)
}

/// Removes events that were published before `before`, oldest first; answers how many.
pub(crate) async fn remove_old(tx: &mut Tx, before: Micros, limit: i64) -> Result<u64, DbError> {
    let text = tx.pick(REMOVE_OLD);
    let removed = on_db!(&mut *tx, |conn| sqlx::query(text)
        .bind(before.0)
        .bind(limit)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    if removed > 0 {
        let text = tx.pick(MOVE_BEGINNINGS);
        on_db!(tx, |conn| sqlx::query(text).execute(conn).await.map(drop))?;
    }
    Ok(removed)
}
