//! Which fans transactions have changed: by this the fans that are kept in memory are brought up to date.

use roaring::RoaringBitmap;
use siyu_db::{DbError, Tx, on_db, statements};

use super::bitmap::{from_bytes, from_ordinals, to_bytes};

statements! {
    INSERT = "INSERT INTO fan_change (account_id, sequence, ordinals) VALUES ($1, \
              (SELECT COALESCE(MAX(sequence), 0) + 1 FROM fan_change WHERE account_id = $1), $2) RETURNING sequence";
    LAST = "SELECT COALESCE(MAX(sequence), 0) FROM fan_change WHERE account_id = $1";
    RANGE = "SELECT ordinals FROM fan_change WHERE account_id = $1 AND sequence > $2 AND sequence <= $3";
    TRIM = "DELETE FROM fan_change WHERE account_id = $1 AND sequence <= $2";
}

/// So many rows of an account are kept; whoever is further behind reads all fans anew.
const KEPT: i64 = 10_000;
/// Old rows go whenever so many have come.
const TRIMMED_AT_ONCE: i64 = 256;

/// Notes that the transaction, which has the turn of the account, changes the fans with the ordinals: their rows, tags or
/// orders.
pub(crate) async fn note(
    tx: &mut Tx,
    account_id: &str,
    ordinals: impl IntoIterator<Item = i64>,
) -> Result<(), DbError> {
    let changed = from_ordinals(ordinals)?;
    if changed.is_empty() {
        return Ok(());
    }
    let text = tx.pick(INSERT);
    let sequence: i64 = on_db!(&mut *tx, |conn| sqlx::query_scalar(text)
        .bind(account_id)
        .bind(to_bytes(&changed))
        .fetch_one(conn)
        .await)?;
    if sequence % TRIMMED_AT_ONCE != 0 {
        return Ok(());
    }
    let text = tx.pick(TRIM);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(sequence - KEPT).execute(conn).await.map(drop))
}

/// Sequence of the last change of an account; 0 when there is none.
pub(crate) async fn last(tx: &mut Tx, account_id: &str) -> Result<i64, DbError> {
    let text = tx.pick(LAST);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_one(conn).await)
}

/// The fans changed after `after` and up to `last`; none when what was first of that is no longer kept.
pub(crate) async fn between(
    tx: &mut Tx,
    account_id: &str,
    after: i64,
    last: i64,
) -> Result<Option<RoaringBitmap>, DbError> {
    let text = tx.pick(RANGE);
    let rows: Vec<Vec<u8>> = on_db!(tx, |conn| sqlx::query_scalar(text)
        .bind(account_id)
        .bind(after)
        .bind(last)
        .fetch_all(conn)
        .await)?;
    if i64::try_from(rows.len()).ok() != Some(last - after) {
        return Ok(None);
    }
    let mut changed = RoaringBitmap::new();
    for row in rows {
        changed |= from_bytes(&row)?;
    }
    Ok(Some(changed))
}
