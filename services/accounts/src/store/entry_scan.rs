use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

statements! {
    FIND = ["SELECT entry_scan.event_id, entry_scan.user_id FROM ", lookup("entry_scan", "event_id", "TEXT", 2),
            " AND entry_scan.account_id = $1"];
    INSERT = ["INSERT INTO entry_scan (account_id, event_id, user_id, scan_time) \
               SELECT $1, input.value->>0, input.value->>1, $2 FROM ",
              rows(3),
              ""];
    PURGE = "DELETE FROM entry_scan WHERE (account_id, event_id) IN \
             (SELECT account_id, event_id FROM entry_scan WHERE scan_time < $1 ORDER BY scan_time LIMIT $2)";
}

/// Who made the scans of these interactions, for those that are stored: event ids and user ids, in no order.
pub(crate) async fn find<'a>(
    tx: &mut Tx,
    account_id: &str,
    event_ids: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<(String, String)>, DbError> {
    let text = tx.pick(FIND);
    let event_ids = rows(event_ids.into_iter().map(|id| [id]))?;
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(event_ids).fetch_all(conn).await)
}

/// Stores scans of an account: event ids and user ids.
pub(crate) async fn insert(
    tx: &mut Tx,
    account_id: &str,
    now: Micros,
    scans: &[(String, String)],
) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    let scans = rows(scans)?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(now.0)
        .bind(scans)
        .execute(conn)
        .await
        .map(drop))
}

/// Forgets up to `limit` scans that were made before `before`; answers how many.
pub(crate) async fn purge(tx: &mut Tx, before: Micros, limit: i64) -> Result<u64, DbError> {
    let text = tx.pick(PURGE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(before.0)
        .bind(limit)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))
}
