use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    INSERT = "INSERT INTO segment (account_id, segment_id, display_name, description, filter, revision, create_time, \
              update_time) VALUES ($1, $2, $3, $4, $5, 1, $6, $6)";
    GET = "SELECT * FROM segment WHERE account_id = $1 AND segment_id = $2";
    LIST = "SELECT * FROM segment WHERE account_id = $1 AND segment_id > $2 ORDER BY segment_id LIMIT $3";
    COUNT = "SELECT COUNT(*) FROM segment WHERE account_id = $1";
    UPDATE = "UPDATE segment SET display_name = $3, description = $4, filter = $5, revision = $6, update_time = $7 \
              WHERE account_id = $1 AND segment_id = $2";
    DELETE = "DELETE FROM segment WHERE account_id = $1 AND segment_id = $2";
}

/// A segment, as stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct Segment {
    pub(crate) segment_id: String,
    pub(crate) display_name: String,
    pub(crate) description: String,
    /// As it was written.
    pub(crate) filter: String,
    /// Grows with every change of the segment itself.
    pub(crate) revision: i64,
    pub(crate) create_time: i64,
    pub(crate) update_time: i64,
}

/// Stores a new segment, in its first revision.
pub(crate) async fn insert(tx: &mut Tx, account_id: &str, segment: &Segment) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(&segment.segment_id)
        .bind(&segment.display_name)
        .bind(&segment.description)
        .bind(&segment.filter)
        .bind(segment.create_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, segment_id: &str) -> Result<Option<Segment>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(segment_id).fetch_optional(conn).await)
}

/// Segments with ids above `after`, in their order.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Segment>, DbError> {
    let text = tx.pick(LIST);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(after).bind(limit).fetch_all(conn).await)
}

/// Number of segments of an account.
pub(crate) async fn count(tx: &mut Tx, account_id: &str) -> Result<i64, DbError> {
    let text = tx.pick(COUNT);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_one(conn).await)
}

/// Stores what may change of a segment.
pub(crate) async fn update(tx: &mut Tx, account_id: &str, segment: &Segment) -> Result<(), DbError> {
    let text = tx.pick(UPDATE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(&segment.segment_id)
        .bind(&segment.display_name)
        .bind(&segment.description)
        .bind(&segment.filter)
        .bind(segment.revision)
        .bind(segment.update_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn delete(tx: &mut Tx, account_id: &str, segment_id: &str) -> Result<(), DbError> {
    let text = tx.pick(DELETE);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(segment_id).execute(conn).await.map(drop))
}
