use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    LAST_NUMBER = "SELECT COALESCE(MAX(number), 0) FROM note WHERE account_id = $1 AND user_id = $2";
    INSERT = "INSERT INTO note (account_id, user_id, number, author, text, create_time) VALUES ($1, $2, $3, $4, $5, $6)";
    LIST = "SELECT account_id, user_id, number, author, text, create_time, forget_time FROM note WHERE account_id = $1 \
            AND user_id = $2 AND number > $3 ORDER BY number LIMIT $4";
    FORGET = "UPDATE note SET text = '', forget_time = $5 WHERE account_id = $1 AND user_id BETWEEN $2 AND $3 \
              AND create_time < $4 AND forget_time IS NULL";
}

/// What an agent wrote about a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub(crate) struct Note {
    pub(crate) account_id: String,
    pub(crate) user_id: String,
    /// 1 for the first of the conversation.
    pub(crate) number: i64,
    pub(crate) author: String,
    /// Empty once it is forgotten.
    pub(crate) text: String,
    pub(crate) create_time: i64,
    #[serde(default)]
    pub(crate) forget_time: Option<i64>,
}

/// Number of the last note on a conversation; 0 without any.
pub(crate) async fn last_number(tx: &mut Tx, [account_id, user_id]: [&str; 2]) -> Result<i64, DbError> {
    let text = tx.pick(LAST_NUMBER);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).bind(user_id).fetch_one(conn).await)
}

pub(crate) async fn insert(tx: &mut Tx, note: &Note) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&note.account_id)
        .bind(&note.user_id)
        .bind(note.number)
        .bind(&note.author)
        .bind(&note.text)
        .bind(note.create_time)
        .execute(conn)
        .await
        .map(drop))
}

/// Notes on a conversation after a number, in order.
pub(crate) async fn list(
    tx: &mut Tx,
    [account_id, user_id]: [&str; 2],
    after: i64,
    limit: i64,
) -> Result<Vec<Note>, DbError> {
    let text = tx.pick(LIST);
    on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(user_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)
}

/// Forgets what notes say that are older than a time, on conversations with users from one to another.
pub(crate) async fn forget(
    tx: &mut Tx,
    account_id: &str,
    [first, last]: [&str; 2],
    before: Micros,
    now: Micros,
) -> Result<(), DbError> {
    let text = tx.pick(FORGET);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(first)
        .bind(last)
        .bind(before.0)
        .bind(now.0)
        .execute(conn)
        .await
        .map(drop))
}
