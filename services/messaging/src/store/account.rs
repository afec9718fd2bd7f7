use std::collections::BTreeMap;

use siyu_db::{DbError, Tx, on_db, rows, statements};

statements! {
    ENSURE = ["INSERT INTO account (account_id, last_change) SELECT input.value->>0, 0 FROM ", rows(1),
              " WHERE TRUE ORDER BY 1 ON CONFLICT (account_id) DO NOTHING"];
    /// Takes the turns of the accounts, in one order everywhere (SQLite has one writer anyway).
    LOCK = {
        sqlite: "SELECT account_id, last_change FROM json_each($1) AS input \
                 CROSS JOIN account WHERE account_id = input.value->>0",
        postgres: "SELECT account_id, last_change FROM account \
                   WHERE account_id = ANY(ARRAY(SELECT value->>0 FROM jsonb_array_elements($1::jsonb))) \
                   ORDER BY account_id FOR UPDATE",
    };
    GET = "SELECT last_change FROM account WHERE account_id = $1";
    SAVE = ["UPDATE account SET last_change = CAST(input.value->>1 AS BIGINT) FROM ", rows(1),
            " WHERE account.account_id = input.value->>0"];
}

/// Locks accounts until the transaction ends: their writers take turns. Rows are made on first use. Answers the number of the
/// last change in the inbox of each.
pub(crate) async fn lock<'a>(
    tx: &mut Tx,
    account_ids: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<String, i64>, DbError> {
    let ids = rows(account_ids.into_iter().map(|id| [id]))?;
    let (ensure, text) = (tx.pick(ENSURE), tx.pick(LOCK));
    on_db!(&mut *tx, |conn| sqlx::query(ensure).bind(&ids).execute(conn).await.map(drop))?;
    let found: Vec<(String, i64)> = on_db!(tx, |conn| sqlx::query_as(text).bind(&ids).fetch_all(conn).await)?;
    Ok(found.into_iter().collect())
}

/// The number of the last change in the inbox of an account.
pub(crate) async fn last_change(tx: &mut Tx, account_id: &str) -> Result<i64, DbError> {
    let text = tx.pick(GET);
    let found: Option<i64> =
        on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_optional(conn).await)?;
    Ok(found.unwrap_or_default())
}

/// Stores the numbers of the last changes.
pub(crate) async fn save(tx: &mut Tx, last_changes: &BTreeMap<String, i64>) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    let last_changes = rows(last_changes)?;
    on_db!(tx, |conn| sqlx::query(text).bind(last_changes).execute(conn).await.map(drop))
}
