use siyu_db::{DbError, Tx, on_db, rows, statements};

statements! {
    ALL = "SELECT partition_number, position FROM event_cursor WHERE consumer = $1 ORDER BY partition_number";
    /// Whoever else applies events of the partition waits until the transaction ends (SQLite has one writer anyway).
    LOCK = {
        sqlite: "SELECT position FROM event_cursor WHERE consumer = $1 AND partition_number = $2",
        postgres: "SELECT position FROM event_cursor WHERE consumer = $1 AND partition_number = $2 FOR UPDATE",
    };
    MOVE = "UPDATE event_cursor SET position = $3 WHERE consumer = $1 AND partition_number = $2";
    BEGIN = ["INSERT INTO event_cursor (consumer, partition_number, position) \
              SELECT $1, CAST(input.value->>0 AS BIGINT), CAST(input.value->>1 AS BIGINT) FROM ", rows(2),
             " WHERE TRUE ON CONFLICT (consumer, partition_number) DO NOTHING"];
    /// Only where it still stands: another process may have moved it meanwhile.
    RESET = "UPDATE event_cursor SET position = $4 WHERE consumer = $1 AND partition_number = $2 AND position = $3";
}

/// Partition and position of every cursor of a consumer.
pub(crate) async fn all(tx: &mut Tx, consumer: &str) -> Result<Vec<(i64, i64)>, DbError> {
    let text = tx.pick(ALL);
    on_db!(tx, |conn| sqlx::query_as(text).bind(consumer).fetch_all(conn).await)
}

/// Where a consumer is in a partition. Until the transaction ends nobody else moves it.
pub(crate) async fn lock(tx: &mut Tx, consumer: &str, partition: i64) -> Result<Option<i64>, DbError> {
    let text = tx.pick(LOCK);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(consumer).bind(partition).fetch_optional(conn).await)
}

pub(crate) async fn advance(
    tx: &mut Tx,
    consumer: &str,
    partition: i64,
    position: i64,
) -> Result<(), DbError> {
    let text = tx.pick(MOVE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(consumer)
        .bind(partition)
        .bind(position)
        .execute(conn)
        .await
        .map(drop))
}

/// Sets the first cursors, after the first snapshot.
pub(crate) async fn begin(tx: &mut Tx, consumer: &str, cursors: &[(i64, i64)]) -> Result<(), DbError> {
    let text = tx.pick(BEGIN);
    let cursors = rows(cursors)?;
    on_db!(tx, |conn| sqlx::query(text).bind(consumer).bind(cursors).execute(conn).await.map(drop))
}

/// Sets a cursor to where a snapshot is valid, unless it has moved since it stood at `from`.
pub(crate) async fn reset(
    tx: &mut Tx,
    consumer: &str,
    partition: i64,
    from: i64,
    to: i64,
) -> Result<(), DbError> {
    let text = tx.pick(RESET);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(consumer)
        .bind(partition)
        .bind(from)
        .bind(to)
        .execute(conn)
        .await
        .map(drop))
}
