use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    SAVE = "INSERT INTO blocked_member (account_id, user_id, reason, create_time) VALUES ($1, $2, $3, $4) \
            ON CONFLICT (account_id, user_id) DO UPDATE SET reason = excluded.reason";
    GET = "SELECT * FROM blocked_member WHERE account_id = $1 AND user_id = $2";
    LIST = "SELECT * FROM blocked_member WHERE account_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3";
    DELETE = "DELETE FROM blocked_member WHERE account_id = $1 AND user_id = $2";
}

/// A user whom an account wants in none of its groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub(crate) struct Blocked {
    pub(crate) account_id: String,
    pub(crate) user_id: String,
    pub(crate) reason: String,
    pub(crate) create_time: i64,
}

/// Blocks a user; one who is blocked since before keeps the time of that.
pub(crate) async fn save(tx: &mut Tx, blocked: &Blocked) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&blocked.account_id)
        .bind(&blocked.user_id)
        .bind(&blocked.reason)
        .bind(blocked.create_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, user_id: &str) -> Result<Option<Blocked>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(user_id).fetch_optional(conn).await)
}

/// The blocked with ids above `after`, in their order.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Blocked>, DbError> {
    let text = tx.pick(LIST);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(after).bind(limit).fetch_all(conn).await)
}

/// Whether there was something to unblock.
pub(crate) async fn delete(tx: &mut Tx, account_id: &str, user_id: &str) -> Result<bool, DbError> {
    let text = tx.pick(DELETE);
    let count: u64 = on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(user_id)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(count == 1)
}
