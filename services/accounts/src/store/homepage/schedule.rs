//! What will be published at a time.

use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};

use super::Document;

statements! {
    GET = "SELECT account_id, author, note, publish_time, create_time FROM homepage_schedule WHERE account_id = $1";
    DOCUMENT = "SELECT document FROM homepage_schedule WHERE account_id = $1";
    INSERT = "INSERT INTO homepage_schedule (account_id, document, author, note, publish_time, create_time) \
              VALUES ($1, $2, $3, $4, $5, $6)";
    DELETE = "DELETE FROM homepage_schedule WHERE account_id = $1";
    DUE = "SELECT account_id FROM homepage_schedule WHERE publish_time <= $1 ORDER BY publish_time, account_id LIMIT $2";
}

/// What is scheduled, without what it shows.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) account_id: String,
    pub(crate) author: String,
    pub(crate) note: String,
    pub(crate) publish_time: i64,
    pub(crate) create_time: i64,
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str) -> Result<Option<Schedule>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_optional(conn).await)
}

/// What the scheduled version shows.
pub(crate) async fn document(tx: &mut Tx, account_id: &str) -> Result<Option<Document>, DbError> {
    let text = tx.pick(DOCUMENT);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_optional(conn).await)
}

pub(crate) async fn insert(tx: &mut Tx, schedule: &Schedule, document: &Document) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&schedule.account_id)
        .bind(document)
        .bind(&schedule.author)
        .bind(&schedule.note)
        .bind(schedule.publish_time)
        .bind(schedule.create_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn delete(tx: &mut Tx, account_id: &str) -> Result<(), DbError> {
    let text = tx.pick(DELETE);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).execute(conn).await.map(drop))
}

/// The accounts whose schedules are due at `now`, the oldest first.
pub(crate) async fn due(tx: &mut Tx, now: i64, limit: i64) -> Result<Vec<String>, DbError> {
    let text = tx.pick(DUE);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(now).bind(limit).fetch_all(conn).await)
}
