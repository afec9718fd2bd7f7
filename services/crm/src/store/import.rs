use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    GET = "SELECT import_id, shift_days, treatment, content_digest, order_digest, create_time FROM import \
           WHERE account_id = $1 AND import_id = $2";
    /// Another import of the account with the same rows.
    SAME_CONTENT = "SELECT import_id FROM import WHERE account_id = $1 AND content_digest = $2 AND content_digest <> '' \
                    AND import_id <> $3 ORDER BY create_time LIMIT 1";
    INSERT = "INSERT INTO import (account_id, import_id, shift_days, treatment, content_digest, order_digest, \
              create_time) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    UPDATE_DIGESTS = "UPDATE import SET content_digest = $3, order_digest = $4 WHERE account_id = $1 AND import_id = $2";
}

/// An import of historical interactions: shift and treatment as its first call fixed them.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Import {
    pub(crate) import_id: String,
    pub(crate) shift_days: i64,
    pub(crate) treatment: String,
    pub(crate) content_digest: String,
    pub(crate) order_digest: String,
    pub(crate) create_time: i64,
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, import_id: &str) -> Result<Option<Import>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(import_id).fetch_optional(conn).await)
}

/// The id of another import of the account that has the same rows.
pub(crate) async fn same_content(
    tx: &mut Tx,
    account_id: &str,
    import: &Import,
) -> Result<Option<String>, DbError> {
    let text = tx.pick(SAME_CONTENT);
    on_db!(tx, |conn| sqlx::query_scalar(text)
        .bind(account_id)
        .bind(&import.content_digest)
        .bind(&import.import_id)
        .fetch_optional(conn)
        .await)
}

pub(crate) async fn insert(tx: &mut Tx, account_id: &str, import: &Import) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(&import.import_id)
        .bind(import.shift_days)
        .bind(&import.treatment)
        .bind(&import.content_digest)
        .bind(&import.order_digest)
        .bind(import.create_time)
        .execute(conn)
        .await
        .map(drop))
}

/// Stores the digests of the rows as they are now.
pub(crate) async fn update_digests(tx: &mut Tx, account_id: &str, import: &Import) -> Result<(), DbError> {
    let text = tx.pick(UPDATE_DIGESTS);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(&import.import_id)
        .bind(&import.content_digest)
        .bind(&import.order_digest)
        .execute(conn)
        .await
        .map(drop))
}
