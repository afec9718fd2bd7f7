use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    INSERT = "INSERT INTO enterprise (enterprise_id, display_name, create_time) VALUES ($1, $2, $3)";
    GET = "SELECT enterprise_id, display_name, create_time FROM enterprise WHERE enterprise_id = $1";
    /// Keeps others from changing what belongs to it until the transaction ends (SQLite has one writer anyway).
    LOCK = {
        sqlite: "SELECT enterprise_id FROM enterprise WHERE enterprise_id = $1",
        postgres: "SELECT enterprise_id FROM enterprise WHERE enterprise_id = $1 FOR UPDATE",
    };
    LIST = "SELECT enterprise_id, display_name, create_time FROM enterprise \
            WHERE enterprise_id > $1 ORDER BY enterprise_id LIMIT $2";
}

/// A company, as stored.
#[derive(Debug, Clone, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct Enterprise {
    pub(crate) enterprise_id: String,
    pub(crate) display_name: String,
    pub(crate) create_time: i64,
}

pub(crate) async fn insert(tx: &mut Tx, enterprise: &Enterprise) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&enterprise.enterprise_id)
        .bind(&enterprise.display_name)
        .bind(enterprise.create_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn get(tx: &mut Tx, enterprise_id: &str) -> Result<Option<Enterprise>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(enterprise_id).fetch_optional(conn).await)
}

/// Takes the lock on a company; answers whether there is one.
pub(crate) async fn lock(tx: &mut Tx, enterprise_id: &str) -> Result<bool, DbError> {
    let text = tx.pick(LOCK);
    let found: Option<String> =
        on_db!(tx, |conn| sqlx::query_scalar(text).bind(enterprise_id).fetch_optional(conn).await)?;
    Ok(found.is_some())
}

/// Those after `after`, by id.
pub(crate) async fn list(tx: &mut Tx, after: &str, limit: i64) -> Result<Vec<Enterprise>, DbError> {
    let text = tx.pick(LIST);
    on_db!(tx, |conn| sqlx::query_as(text).bind(after).bind(limit).fetch_all(conn).await)
}
