use std::collections::BTreeMap;

use siyu_db::{DbError, Engine, Tx, from_rows, on_db, rows, statements};

statements! {
    ENSURE = ["INSERT INTO inbox (owner, last_change) SELECT input.value->>0, 0 FROM ", rows(1),
              " WHERE TRUE ORDER BY 1 ON CONFLICT (owner) DO NOTHING"];
    /// In the order of their names everywhere: no two transactions wait for each other in a circle.
    LOCK = {
        sqlite: "SELECT json_group_array(json_array(owner, last_change, settings_version)) FROM json_each($1) AS input \
                 CROSS JOIN inbox WHERE owner = input.value->>0",
        postgres: "SELECT CAST(COALESCE(json_agg(json_build_array(owner, last_change, settings_version)), '[]') AS TEXT) \
                   FROM (SELECT owner, last_change, settings_version FROM inbox \
                   WHERE owner = ANY(ARRAY(SELECT value->>0 FROM jsonb_array_elements($1::jsonb))) \
                   ORDER BY owner FOR UPDATE) AS locked",
    };
    GET = "SELECT last_change FROM inbox WHERE owner = $1";
    GET_ALL = ["SELECT inbox.owner, inbox.last_change FROM ", rows(1),
               " CROSS JOIN inbox WHERE inbox.owner = input.value->>0"];
    SAVE = ["INSERT INTO inbox (owner, last_change) SELECT input.value->>0, CAST(input.value->>1 AS BIGINT) FROM ", rows(1),
            " WHERE TRUE ON CONFLICT (owner) DO UPDATE SET last_change = excluded.last_change"];
    SETTINGS_VERSION = "SELECT settings_version FROM inbox WHERE owner = $1";
    SETTINGS_CHANGED = "INSERT INTO inbox (owner, last_change, settings_version) VALUES ($1, 0, 1) \
                        ON CONFLICT (owner) DO UPDATE SET settings_version = inbox.settings_version + 1";
}

/// Where an inbox stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Number of the last change in it.
    pub(crate) last_change: i64,
    /// Version of what its account has set up.
    pub(crate) settings_version: i64,
}

/// Locks inboxes until the transaction ends, those of accounts before those of users: who changes the conversations of an owner
/// takes turns with the others. Those that nothing happened in yet are left out.
pub(crate) async fn lock<'a>(
    tx: &mut Tx,
    owners: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<String, Standing>, DbError> {
    let ids = rows(owners.into_iter().map(|id| [id]))?;
    let (ensure, text) = (tx.pick(ENSURE), tx.pick(LOCK));
    // SQLite has one writer, and needs no row to lock.
    if tx.engine() == Engine::Postgres {
        on_db!(&mut *tx, |conn| sqlx::query(ensure).bind(&ids).execute(conn).await.map(drop))?;
    }
    let found: String = on_db!(tx, |conn| sqlx::query_scalar(text).bind(&ids).fetch_one(conn).await)?;
    let standing =
        |(owner, last_change, settings_version)| (owner, Standing { last_change, settings_version });
    Ok(from_rows::<(String, i64, i64)>(&found)?.into_iter().map(standing).collect())
}

/// The number of the last change in an inbox.
pub(crate) async fn last_change(tx: &mut Tx, owner: &str) -> Result<i64, DbError> {
    let text = tx.pick(GET);
    let found: Option<i64> =
        on_db!(tx, |conn| sqlx::query_scalar(text).bind(owner).fetch_optional(conn).await)?;
    Ok(found.unwrap_or_default())
}

/// The numbers of the last changes in inboxes, as far as there are any; in no order.
pub(crate) async fn last_changes(
    tx: &mut Tx,
    owners: &[impl AsRef<str>],
) -> Result<Vec<(String, i64)>, DbError> {
    let text = tx.pick(GET_ALL);
    let owners = rows(owners.iter().map(|owner| [owner.as_ref()]))?;
    on_db!(tx, |conn| sqlx::query_as(text).bind(&owners).fetch_all(conn).await)
}

/// Stores the numbers of the last changes.
pub(crate) async fn save(tx: &mut Tx, inboxes: &BTreeMap<String, Standing>) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    let last_changes = rows(inboxes.iter().map(|(owner, standing)| (owner, standing.last_change)))?;
    on_db!(tx, |conn| sqlx::query(text).bind(last_changes).execute(conn).await.map(drop))
}

/// Version of what an owner has set up; 0 where that is nothing.
pub(crate) async fn settings_version(tx: &mut Tx, owner: &str) -> Result<i64, DbError> {
    let text = tx.pick(SETTINGS_VERSION);
    let found: Option<i64> =
        on_db!(tx, |conn| sqlx::query_scalar(text).bind(owner).fetch_optional(conn).await)?;
    Ok(found.unwrap_or_default())
}

/// What an account has set up is changed by this transaction, which has locked its inbox: from here on messages are stored by it.
pub(crate) async fn settings_changed(tx: &mut Tx, owner: &str) -> Result<(), DbError> {
    let text = tx.pick(SETTINGS_CHANGED);
    on_db!(tx, |conn| sqlx::query(text).bind(owner).execute(conn).await.map(drop))
}
