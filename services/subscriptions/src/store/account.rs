use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    ENSURE = "INSERT INTO account (account_id) VALUES ($1) ON CONFLICT (account_id) DO NOTHING";
    /// Takes the account's turn (SQLite has one writer anyway).
    LOCK = {
        sqlite: "SELECT account_id FROM account WHERE account_id = $1",
        postgres: "SELECT account_id FROM account WHERE account_id = $1 FOR UPDATE",
    };
    GET = "SELECT account_id FROM account WHERE account_id = $1";
}

/// Locks an account until the transaction ends: its writers take turns. Its row is made on first use.
pub(crate) async fn lock(tx: &mut Tx, account_id: &str) -> Result<(), DbError> {
    if found(tx, LOCK, account_id).await? {
        return Ok(());
    }
    let ensure = tx.pick(ENSURE);
    on_db!(&mut *tx, |conn| sqlx::query(ensure).bind(account_id).execute(conn).await.map(drop))?;
    found(tx, LOCK, account_id).await.map(drop)
}

/// Whether there is a row: then the account exists.
pub(crate) async fn is_known(tx: &mut Tx, account_id: &str) -> Result<bool, DbError> {
    found(tx, GET, account_id).await
}

async fn found(tx: &mut Tx, statement: siyu_db::Statement, account_id: &str) -> Result<bool, DbError> {
    let text = tx.pick(statement);
    let found: Option<String> =
        on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_optional(conn).await)?;
    Ok(found.is_some())
}
