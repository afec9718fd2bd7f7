//! What was published.

use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};

use super::Document;

statements! {
    INSERT = "INSERT INTO homepage_version (account_id, number, document, author, note, publish_time, restored_number) \
              VALUES ($1, $2, $3, $4, $5, $6, $7)";
    GET = "SELECT account_id, number, author, note, publish_time, restored_number FROM homepage_version \
           WHERE account_id = $1 AND number = $2";
    DOCUMENT = "SELECT document FROM homepage_version WHERE account_id = $1 AND number = $2";
    LIST = "SELECT account_id, number, author, note, publish_time, restored_number FROM homepage_version \
            WHERE account_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3";
    PUBLISHED = "SELECT number, document FROM homepage_version WHERE account_id = $1 ORDER BY number DESC LIMIT 1";
    FORGET = "DELETE FROM homepage_version WHERE account_id = $1 AND number <= $2";
}

/// A version that was published, without what it shows.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) account_id: String,
    pub(crate) number: i64,
    pub(crate) author: String,
    pub(crate) note: String,
    pub(crate) publish_time: i64,
    /// The version whose document this is again; 0 where it came from the draft.
    pub(crate) restored_number: i64,
}

pub(crate) async fn insert(tx: &mut Tx, version: &Version, document: &Document) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&version.account_id)
        .bind(version.number)
        .bind(document)
        .bind(&version.author)
        .bind(&version.note)
        .bind(version.publish_time)
        .bind(version.restored_number)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, number: i64) -> Result<Option<Version>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(number).fetch_optional(conn).await)
}

/// What a version shows.
pub(crate) async fn document(
    tx: &mut Tx,
    account_id: &str,
    number: i64,
) -> Result<Option<Document>, DbError> {
    let text = tx.pick(DOCUMENT);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).bind(number).fetch_optional(conn).await)
}

/// Those before the number `before`, newest first.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    before: i64,
    limit: i64,
) -> Result<Vec<Version>, DbError> {
    let text = tx.pick(LIST);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(before).bind(limit).fetch_all(conn).await)
}

/// Number and document of what users see.
pub(crate) async fn published(tx: &mut Tx, account_id: &str) -> Result<Option<(i64, Document)>, DbError> {
    let text = tx.pick(PUBLISHED);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_optional(conn).await)
}

/// Removes those up to the number `last`.
pub(crate) async fn forget(tx: &mut Tx, account_id: &str, last: i64) -> Result<(), DbError> {
    let text = tx.pick(FORGET);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(last).execute(conn).await.map(drop))
}
