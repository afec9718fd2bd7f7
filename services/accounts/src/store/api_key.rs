use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    INSERT = "INSERT INTO api_key (account_id, api_key_id, display_name, role, secret_digest, create_time, expire_time) \
              VALUES ($1, $2, $3, $4, $5, $6, $7)";
    GET = "SELECT * FROM api_key WHERE account_id = $1 AND api_key_id = $2";
    /// Reads it and keeps others from changing it until the transaction ends (SQLite has one writer anyway).
    GET_FOR_UPDATE = {
        sqlite: "SELECT * FROM api_key WHERE account_id = $1 AND api_key_id = $2",
        postgres: "SELECT * FROM api_key WHERE account_id = $1 AND api_key_id = $2 FOR UPDATE",
    };
    LIST = "SELECT * FROM api_key WHERE account_id = $1 AND api_key_id > $2 ORDER BY api_key_id LIMIT $3";
    NOTE_USE = "UPDATE api_key SET last_use_time = $3 WHERE account_id = $1 AND api_key_id = $2 \
                AND (last_use_time IS NULL OR last_use_time < $3)";
    REVOKE = "UPDATE api_key SET revoke_time = $3 WHERE account_id = $1 AND api_key_id = $2";
}

/// An API key, as stored.
#[derive(Debug, Clone, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct ApiKey {
    pub(crate) account_id: String,
    pub(crate) api_key_id: String,
    pub(crate) display_name: String,
    /// As `siyu_rpc::auth::role_name` writes it.
    pub(crate) role: String,
    /// Of no use in an answer that is remembered.
    #[serde(skip)]
    pub(crate) secret_digest: String,
    pub(crate) create_time: i64,
    pub(crate) expire_time: Option<i64>,
    pub(crate) last_use_time: Option<i64>,
    pub(crate) revoke_time: Option<i64>,
}

pub(crate) async fn insert(tx: &mut Tx, key: &ApiKey) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&key.account_id)
        .bind(&key.api_key_id)
        .bind(&key.display_name)
        .bind(&key.role)
        .bind(&key.secret_digest)
        .bind(key.create_time)
        .bind(key.expire_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, id: &str) -> Result<Option<ApiKey>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(id).fetch_optional(conn).await)
}

pub(crate) async fn get_for_update(
    tx: &mut Tx,
    account_id: &str,
    id: &str,
) -> Result<Option<ApiKey>, DbError> {
    let text = tx.pick(GET_FOR_UPDATE);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(id).fetch_optional(conn).await)
}

/// Those of an account after `after`, by id.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<ApiKey>, DbError> {
    let text = tx.pick(LIST);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(after).bind(limit).fetch_all(conn).await)
}

/// Notes that it was used at `now`.
pub(crate) async fn note_use(tx: &mut Tx, key: &ApiKey, now: i64) -> Result<(), DbError> {
    let text = tx.pick(NOTE_USE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&key.account_id)
        .bind(&key.api_key_id)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn revoke(tx: &mut Tx, key: &ApiKey) -> Result<(), DbError> {
    let text = tx.pick(REVOKE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&key.account_id)
        .bind(&key.api_key_id)
        .bind(key.revoke_time)
        .execute(conn)
        .await
        .map(drop))
}
