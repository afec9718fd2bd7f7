use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    /// A concurrent call with the same key waits here until the first transaction ends.
    CLAIM = "INSERT INTO request (request_id, method, caller, on_behalf_of, payload_digest, answer, create_time) \
             VALUES ($1, $2, $3, $4, $5, '', $6) ON CONFLICT DO NOTHING";
    FIRST = "SELECT payload_digest, answer FROM request \
             WHERE request_id = $1 AND method = $2 AND caller = $3 AND on_behalf_of = $4";
    REMEMBER = "UPDATE request SET answer = $5 \
                WHERE request_id = $1 AND method = $2 AND caller = $3 AND on_behalf_of = $4";
    PURGE = "DELETE FROM request WHERE (request_id, method, caller, on_behalf_of) IN \
             (SELECT request_id, method, caller, on_behalf_of FROM request WHERE create_time < $1 \
              ORDER BY create_time LIMIT $2)";
    INSERT_ENTRY = "INSERT INTO audit_entry (parent, resource, method, caller, on_behalf_of, request_id, request, \
                    trace_id, create_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    LIST_ENTRIES = "SELECT entry_id, resource, method, caller, on_behalf_of, request_id, request, trace_id, create_time \
                    FROM audit_entry WHERE parent = $1 AND create_time >= $2 AND create_time < $3 \
                    AND (create_time, entry_id) < ($4, $5) ORDER BY create_time DESC, entry_id DESC LIMIT $6";
}

/// What a repeat is recognized by.
#[derive(Debug)]
pub(super) struct Key<'a> {
    pub(super) request_id: &'a str,
    pub(super) method: &'a str,
    pub(super) caller: &'a str,
    pub(super) on_behalf_of: &'a str,
}

/// What is remembered of the first call.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct First {
    pub(super) payload_digest: String,
    pub(super) answer: String,
}

/// Whether this is the first call with the key.
pub(super) async fn claim(
    tx: &mut Tx,
    key: &Key<'_>,
    payload_digest: &str,
    now: i64,
) -> Result<bool, DbError> {
    let text = tx.pick(CLAIM);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(key.request_id)
        .bind(key.method)
        .bind(key.caller)
        .bind(key.on_behalf_of)
        .bind(payload_digest)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() == 1))
}

pub(super) async fn first(tx: &mut Tx, key: &Key<'_>) -> Result<Option<First>, DbError> {
    let text = tx.pick(FIRST);
    on_db!(tx, |conn| sqlx::query_as(text)
        .bind(key.request_id)
        .bind(key.method)
        .bind(key.caller)
        .bind(key.on_behalf_of)
        .fetch_optional(conn)
        .await)
}

pub(super) async fn remember(tx: &mut Tx, key: &Key<'_>, answer: &str) -> Result<(), DbError> {
    let text = tx.pick(REMEMBER);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(key.request_id)
        .bind(key.method)
        .bind(key.caller)
        .bind(key.on_behalf_of)
        .bind(answer)
        .execute(conn)
        .await
        .map(drop))
}

/// Deletes the oldest of those carried out before `end`, at most `most`; answers how many.
pub(super) async fn purge(tx: &mut Tx, end: i64, most: i64) -> Result<u64, DbError> {
    let text = tx.pick(PURGE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(end)
        .bind(most)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))
}

/// An audit entry to be written.
#[derive(Debug)]
pub(super) struct NewEntry<'a> {
    pub(super) parent: &'a str,
    pub(super) resource: &'a str,
    pub(super) method: &'a str,
    pub(super) caller: &'a str,
    pub(super) on_behalf_of: &'a str,
    pub(super) request_id: &'a str,
    pub(super) request: &'a str,
    pub(super) trace_id: &'a str,
    pub(super) create_time: i64,
}

/// An audit entry, as stored.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Entry {
    pub(super) entry_id: i64,
    pub(super) resource: String,
    pub(super) method: String,
    pub(super) caller: String,
    pub(super) on_behalf_of: String,
    pub(super) request_id: String,
    pub(super) request: String,
    pub(super) trace_id: String,
    pub(super) create_time: i64,
}

pub(super) async fn insert_entry(tx: &mut Tx, entry: &NewEntry<'_>) -> Result<(), DbError> {
    let text = tx.pick(INSERT_ENTRY);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(entry.parent)
        .bind(entry.resource)
        .bind(entry.method)
        .bind(entry.caller)
        .bind(entry.on_behalf_of)
        .bind(entry.request_id)
        .bind(entry.request)
        .bind(entry.trace_id)
        .bind(entry.create_time)
        .execute(conn)
        .await
        .map(drop))
}

/// Entries of `parent` with `start <= create_time < end`, newest first, those before `(time, id)`.
pub(super) async fn list_entries(
    tx: &mut Tx,
    parent: &str,
    (start, end): (i64, i64),
    (before_time, before_id): (i64, i64),
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    let text = tx.pick(LIST_ENTRIES);
    on_db!(tx, |conn| sqlx::query_as(text)
        .bind(parent)
        .bind(start)
        .bind(end)
        .bind(before_time)
        .bind(before_id)
        .bind(limit)
        .fetch_all(conn)
        .await)
}
