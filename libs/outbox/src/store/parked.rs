use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::outbox::StoredEvent;

statements! {
    /// Which of some keys are parked. Nobody replays them until the transaction ends.
    AMONG = {
        sqlite: "SELECT event_parked_key.event_key FROM json_each($2) AS input CROSS JOIN event_parked_key \
                 WHERE event_parked_key.consumer = $1 AND event_parked_key.event_key = input.value->>0",
        postgres: "SELECT event_key FROM event_parked_key WHERE consumer = $1 AND event_key = ANY(ARRAY(\
                   SELECT value->>0 FROM jsonb_array_elements($2::jsonb) AS input(value))) ORDER BY event_key FOR UPDATE",
    };
    PARK_KEY = "INSERT INTO event_parked_key (consumer, event_key, reason, attempt_count, park_time) \
                VALUES ($1, $2, $3, 1, $4)";
    PARK_EVENT = "INSERT INTO event_parked (consumer, event_key, position, partition_number, event_id, type_url, payload, \
                  trace_parent, create_time, publish_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    LIST = "SELECT event_key, reason, attempt_count, park_time, (SELECT COUNT(*) FROM event_parked \
            WHERE event_parked.consumer = event_parked_key.consumer \
            AND event_parked.event_key = event_parked_key.event_key) AS event_count \
            FROM event_parked_key WHERE consumer = $1 AND event_key > $2 ORDER BY event_key LIMIT $3";
    COUNT = "SELECT COUNT(*) FROM event_parked_key WHERE consumer = $1";
    LOCK = {
        sqlite: "SELECT attempt_count FROM event_parked_key WHERE consumer = $1 AND event_key = $2",
        postgres: "SELECT attempt_count FROM event_parked_key WHERE consumer = $1 AND event_key = $2 FOR UPDATE",
    };
    GET = "SELECT event_key, reason, attempt_count, park_time, (SELECT COUNT(*) FROM event_parked \
           WHERE event_parked.consumer = event_parked_key.consumer \
           AND event_parked.event_key = event_parked_key.event_key) AS event_count \
           FROM event_parked_key WHERE consumer = $1 AND event_key = $2";
    EVENTS = "SELECT event_id, event_key, partition_number, position, type_url, payload, trace_parent, create_time, \
              publish_time FROM event_parked WHERE consumer = $1 AND event_key = $2 ORDER BY position LIMIT $3";
    REMOVE_EVENTS = "DELETE FROM event_parked WHERE consumer = $1 AND event_key = $2 AND position <= $3";
    REMOVE_KEY = "DELETE FROM event_parked_key WHERE consumer = $1 AND event_key = $2";
    FAILED_AGAIN = "UPDATE event_parked_key SET reason = $3, attempt_count = attempt_count + 1 \
                    WHERE consumer = $1 AND event_key = $2";
}

/// A key whose events wait.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct ParkedKey {
    pub(crate) event_key: String,
    pub(crate) reason: String,
    pub(crate) attempt_count: i64,
    pub(crate) park_time: i64,
    pub(crate) event_count: i64,
}

/// Those of the keys that are parked.
pub(crate) async fn among<'a>(
    tx: &mut Tx,
    consumer: &str,
    keys: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<String>, DbError> {
    let text = tx.pick(AMONG);
    let keys = rows(keys.into_iter().map(|key| [key]))?;
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(consumer).bind(keys).fetch_all(conn).await)
}

pub(crate) async fn park_key(
    tx: &mut Tx,
    consumer: &str,
    key: &str,
    reason: &str,
    now: Micros,
) -> Result<(), DbError> {
    let text = tx.pick(PARK_KEY);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(consumer)
        .bind(key)
        .bind(reason)
        .bind(now.0)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn park_event(tx: &mut Tx, consumer: &str, event: &StoredEvent) -> Result<(), DbError> {
    let text = tx.pick(PARK_EVENT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(consumer)
        .bind(&event.event_key)
        .bind(event.position)
        .bind(event.partition_number)
        .bind(&event.event_id)
        .bind(&event.type_url)
        .bind(&event.payload)
        .bind(&event.trace_parent)
        .bind(event.create_time)
        .bind(event.publish_time)
        .execute(conn)
        .await
        .map(drop))
}

/// The parked keys after `after`, by key.
pub(crate) async fn list(
    tx: &mut Tx,
    consumer: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<ParkedKey>, DbError> {
    let text = tx.pick(LIST);
    on_db!(tx, |conn| sqlx::query_as(text).bind(consumer).bind(after).bind(limit).fetch_all(conn).await)
}

/// Number of parked keys.
pub(crate) async fn count(tx: &mut Tx, consumer: &str) -> Result<i64, DbError> {
    let text = tx.pick(COUNT);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(consumer).fetch_one(conn).await)
}

/// Whether a key is parked. Until the transaction ends no further events join those that wait.
pub(crate) async fn lock(tx: &mut Tx, consumer: &str, key: &str) -> Result<bool, DbError> {
    let text = tx.pick(LOCK);
    let found: Option<i64> =
        on_db!(tx, |conn| sqlx::query_scalar(text).bind(consumer).bind(key).fetch_optional(conn).await)?;
    Ok(found.is_some())
}

pub(crate) async fn get(tx: &mut Tx, consumer: &str, key: &str) -> Result<Option<ParkedKey>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(consumer).bind(key).fetch_optional(conn).await)
}

/// The first events of a parked key, in their order.
pub(crate) async fn events(
    tx: &mut Tx,
    consumer: &str,
    key: &str,
    limit: i64,
) -> Result<Vec<StoredEvent>, DbError> {
    let text = tx.pick(EVENTS);
    on_db!(tx, |conn| sqlx::query_as(text).bind(consumer).bind(key).bind(limit).fetch_all(conn).await)
}

/// Removes the events of a key up to a position.
pub(crate) async fn remove_events(tx: &mut Tx, consumer: &str, key: &str, last: i64) -> Result<(), DbError> {
    let text = tx.pick(REMOVE_EVENTS);
    on_db!(tx, |conn| sqlx::query(text).bind(consumer).bind(key).bind(last).execute(conn).await.map(drop))
}

/// Lets a key go.
pub(crate) async fn remove_key(tx: &mut Tx, consumer: &str, key: &str) -> Result<(), DbError> {
    let text = tx.pick(REMOVE_KEY);
    on_db!(tx, |conn| sqlx::query(text).bind(consumer).bind(key).execute(conn).await.map(drop))
}

pub(crate) async fn failed_again(
    tx: &mut Tx,
    consumer: &str,
    key: &str,
    reason: &str,
) -> Result<(), DbError> {
    let text = tx.pick(FAILED_AGAIN);
    on_db!(tx, |conn| sqlx::query(text).bind(consumer).bind(key).bind(reason).execute(conn).await.map(drop))
}
