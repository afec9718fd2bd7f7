use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    INSERT = "INSERT INTO canned_reply (account_id, reply_id, text, revision, create_time, update_time) \
              VALUES ($1, $2, $3, $4, $5, $6)";
    GET = "SELECT * FROM canned_reply WHERE account_id = $1 AND reply_id = $2";
    LIST = "SELECT * FROM canned_reply WHERE account_id = $1 AND reply_id > $2 ORDER BY reply_id LIMIT $3";
    COUNT = "SELECT COUNT(*) FROM canned_reply WHERE account_id = $1";
    UPDATE = "UPDATE canned_reply SET text = $3, revision = $4, update_time = $5 \
              WHERE account_id = $1 AND reply_id = $2";
    DELETE = "DELETE FROM canned_reply WHERE account_id = $1 AND reply_id = $2";
}

/// A reply that agents have at hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub(crate) struct CannedReply {
    pub(crate) account_id: String,
    pub(crate) reply_id: String,
    pub(crate) text: String,
    pub(crate) revision: i64,
    pub(crate) create_time: i64,
    pub(crate) update_time: i64,
}

impl CannedReply {
    pub(crate) fn name(&self) -> String {
        name(&self.account_id, &self.reply_id)
    }
}

/// `accounts/{account}/cannedReplies/{canned_reply}`
pub(crate) fn name(account_id: &str, reply_id: &str) -> String {
    format!("accounts/{account_id}/cannedReplies/{reply_id}")
}

pub(crate) async fn insert(tx: &mut Tx, reply: &CannedReply) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&reply.account_id)
        .bind(&reply.reply_id)
        .bind(&reply.text)
        .bind(reply.revision)
        .bind(reply.create_time)
        .bind(reply.update_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn get(
    tx: &mut Tx,
    account_id: &str,
    reply_id: &str,
) -> Result<Option<CannedReply>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(reply_id).fetch_optional(conn).await)
}

/// Replies with ids above `after`, in their order.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<CannedReply>, DbError> {
    let text = tx.pick(LIST);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(after).bind(limit).fetch_all(conn).await)
}

pub(crate) async fn count(tx: &mut Tx, account_id: &str) -> Result<i64, DbError> {
    let text = tx.pick(COUNT);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_one(conn).await)
}

/// Stores the text of a reply, as it is now.
pub(crate) async fn update(tx: &mut Tx, reply: &CannedReply) -> Result<(), DbError> {
    let text = tx.pick(UPDATE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&reply.account_id)
        .bind(&reply.reply_id)
        .bind(&reply.text)
        .bind(reply.revision)
        .bind(reply.update_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn delete(tx: &mut Tx, account_id: &str, reply_id: &str) -> Result<(), DbError> {
    let text = tx.pick(DELETE);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(reply_id).execute(conn).await.map(drop))
}
