use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, rows, statements};

statements! {
    INSERT = "INSERT INTO tag (account_id, tag_id, number, display_name, category, description, fan_count, revision, \
              create_time, update_time) VALUES ($1, $2, $3, $4, $5, $6, 0, 1, $7, $7)";
    GET = "SELECT * FROM tag WHERE account_id = $1 AND tag_id = $2";
    FIND = ["SELECT tag.* FROM ", lookup("tag", "tag_id", "TEXT", 2), " AND tag.account_id = $1"];
    LIST = "SELECT * FROM tag WHERE account_id = $1 AND tag_id > $2 ORDER BY tag_id LIMIT $3";
    COUNT = "SELECT COUNT(*) FROM tag WHERE account_id = $1";
    UPDATE = "UPDATE tag SET display_name = $3, category = $4, description = $5, revision = $6, update_time = $7 \
              WHERE account_id = $1 AND tag_id = $2";
    /// Adds to the numbers of fans; a tag at most once.
    COUNT_FANS = ["UPDATE tag SET fan_count = tag.fan_count + changed.fans FROM (SELECT \
                   CAST(input.value->>0 AS BIGINT) AS number, CAST(input.value->>1 AS BIGINT) AS fans FROM ",
                  rows(2),
                  ") AS changed WHERE tag.account_id = $1 AND tag.number = changed.number"];
    DELETE = "DELETE FROM tag WHERE account_id = $1 AND tag_id = $2";
    INSERT_DELETED = "INSERT INTO deleted_tag (account_id, number) VALUES ($1, $2)";
    DELETED = "SELECT account_id, number FROM deleted_tag ORDER BY account_id, number LIMIT 100";
    FORGET = "DELETE FROM deleted_tag WHERE account_id = $1 AND number = $2";
}

/// A tag, as stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct Tag {
    pub(crate) tag_id: String,
    /// Dense number of the tag within the account, never given twice.
    pub(crate) number: i64,
    pub(crate) display_name: String,
    pub(crate) category: String,
    pub(crate) description: String,
    /// Number of fans who have it.
    pub(crate) fan_count: i64,
    /// Grows with every change of the tag itself.
    pub(crate) revision: i64,
    pub(crate) create_time: i64,
    pub(crate) update_time: i64,
}

/// Stores a new tag, which no fan has yet, in its first revision.
pub(crate) async fn insert(tx: &mut Tx, account_id: &str, tag: &Tag) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(&tag.tag_id)
        .bind(tag.number)
        .bind(&tag.display_name)
        .bind(&tag.category)
        .bind(&tag.description)
        .bind(tag.create_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, tag_id: &str) -> Result<Option<Tag>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(tag_id).fetch_optional(conn).await)
}

/// Those of the tags that exist, in no order.
pub(crate) async fn find<'a>(
    tx: &mut Tx,
    account_id: &str,
    tag_ids: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Tag>, DbError> {
    let text = tx.pick(FIND);
    let ids = rows(tag_ids.into_iter().map(|id| [id]))?;
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(ids).fetch_all(conn).await)
}

/// Tags with ids above `after`, in their order.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Tag>, DbError> {
    let text = tx.pick(LIST);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(after).bind(limit).fetch_all(conn).await)
}

/// Number of tags of an account.
pub(crate) async fn count(tx: &mut Tx, account_id: &str) -> Result<i64, DbError> {
    let text = tx.pick(COUNT);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_one(conn).await)
}

/// Stores what may change of a tag.
pub(crate) async fn update(tx: &mut Tx, account_id: &str, tag: &Tag) -> Result<(), DbError> {
    let text = tx.pick(UPDATE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(&tag.tag_id)
        .bind(&tag.display_name)
        .bind(&tag.category)
        .bind(&tag.description)
        .bind(tag.revision)
        .bind(tag.update_time)
        .execute(conn)
        .await
        .map(drop))
}

/// Adds to the numbers of fans who have tags: (number of the tag, change), a tag at most once.
pub(crate) async fn count_fans(tx: &mut Tx, account_id: &str, changes: &[(i64, i64)]) -> Result<(), DbError> {
    if changes.is_empty() {
        return Ok(());
    }
    let text = tx.pick(COUNT_FANS);
    let changes = rows(changes)?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(changes).execute(conn).await.map(drop))
}

/// Deletes a tag; its number is noted until no row of `fan_tag` has it any more.
pub(crate) async fn delete(tx: &mut Tx, account_id: &str, tag: &Tag) -> Result<(), DbError> {
    let text = tx.pick(DELETE);
    on_db!(&mut *tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(&tag.tag_id)
        .execute(conn)
        .await
        .map(drop))?;
    let text = tx.pick(INSERT_DELETED);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(tag.number).execute(conn).await.map(drop))
}

/// Account and number of some deleted tags that rows of `fan_tag` may still have.
pub(crate) async fn deleted(tx: &mut Tx) -> Result<Vec<(String, i64)>, DbError> {
    let text = tx.pick(DELETED);
    on_db!(tx, |conn| sqlx::query_as(text).fetch_all(conn).await)
}

/// Forgets a deleted tag that no row of `fan_tag` has any more.
pub(crate) async fn forget(tx: &mut Tx, account_id: &str, number: i64) -> Result<(), DbError> {
    let text = tx.pick(FORGET);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(number).execute(conn).await.map(drop))
}
