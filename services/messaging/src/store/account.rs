use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    ENSURE = "INSERT INTO account (account_id, last_change) VALUES ($1, 0) ON CONFLICT (account_id) DO NOTHING";
    /// Takes the account's turn (SQLite has one writer anyway).
    LOCK = {
        sqlite: "SELECT last_change FROM account WHERE account_id = $1",
        postgres: "SELECT last_change FROM account WHERE account_id = $1 FOR UPDATE",
    };
    GET = "SELECT last_change FROM account WHERE account_id = $1";
    SAVE = "UPDATE account SET last_change = $2 WHERE account_id = $1";
}

/// Locks an account until the transaction ends: its writers take turns. Its row is made on first use. Answers the number of
/// the last change in its inbox.
pub(crate) async fn lock(tx: &mut Tx, account_id: &str) -> Result<i64, DbError> {
    if let Some(last_change) = found(tx, LOCK, account_id).await? {
        return Ok(last_change);
    }
    let ensure = tx.pick(ENSURE);
    on_db!(&mut *tx, |conn| sqlx::query(ensure).bind(account_id).execute(conn).await.map(drop))?;
    Ok(found(tx, LOCK, account_id).await?.unwrap_or_default())
}

/// The number of the last change in the inbox of an account; none where it has no row.
pub(crate) async fn last_change(tx: &mut Tx, account_id: &str) -> Result<Option<i64>, DbError> {
    found(tx, GET, account_id).await
}

pub(crate) async fn save(tx: &mut Tx, account_id: &str, last_change: i64) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(last_change).execute(conn).await.map(drop))
}

async fn found(tx: &mut Tx, statement: siyu_db::Statement, account_id: &str) -> Result<Option<i64>, DbError> {
    let text = tx.pick(statement);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_optional(conn).await)
}
