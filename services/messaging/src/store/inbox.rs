use std::collections::BTreeMap;

use siyu_db::{DbError, Tx, on_db, rows, statements};

statements! {
    ENSURE = ["INSERT INTO inbox (owner, last_change) SELECT input.value->>0, 0 FROM ", rows(1),
              " WHERE TRUE ORDER BY 1 ON CONFLICT (owner) DO NOTHING"];
    /// In the order of their names everywhere: no two transactions wait for each other in a circle.
    LOCK = {
        sqlite: "SELECT owner, last_change FROM json_each($1) AS input \
                 CROSS JOIN inbox WHERE owner = input.value->>0",
        postgres: "SELECT owner, last_change FROM inbox \
                   WHERE owner = ANY(ARRAY(SELECT value->>0 FROM jsonb_array_elements($1::jsonb))) \
                   ORDER BY owner FOR UPDATE",
    };
    GET = "SELECT last_change FROM inbox WHERE owner = $1";
    SAVE = ["UPDATE inbox SET last_change = CAST(input.value->>1 AS BIGINT) FROM ", rows(1),
            " WHERE inbox.owner = input.value->>0"];
}

/// Locks inboxes until the transaction ends, those of accounts before those of users: who changes the conversations of an owner
/// takes turns with the others. Rows are made on first use. Answers the number of the last change in each.
pub(crate) async fn lock<'a>(
    tx: &mut Tx,
    owners: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<String, i64>, DbError> {
    let ids = rows(owners.into_iter().map(|id| [id]))?;
    let (ensure, text) = (tx.pick(ENSURE), tx.pick(LOCK));
    on_db!(&mut *tx, |conn| sqlx::query(ensure).bind(&ids).execute(conn).await.map(drop))?;
    let found: Vec<(String, i64)> = on_db!(tx, |conn| sqlx::query_as(text).bind(&ids).fetch_all(conn).await)?;
    Ok(found.into_iter().collect())
}

/// The number of the last change in an inbox.
pub(crate) async fn last_change(tx: &mut Tx, owner: &str) -> Result<i64, DbError> {
    let text = tx.pick(GET);
    let found: Option<i64> =
        on_db!(tx, |conn| sqlx::query_scalar(text).bind(owner).fetch_optional(conn).await)?;
    Ok(found.unwrap_or_default())
}

/// Stores the numbers of the last changes.
pub(crate) async fn save(tx: &mut Tx, last_changes: &BTreeMap<String, i64>) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    let last_changes = rows(last_changes)?;
    on_db!(tx, |conn| sqlx::query(text).bind(last_changes).execute(conn).await.map(drop))
}
