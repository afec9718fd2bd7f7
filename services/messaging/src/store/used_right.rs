use siyu_db::{DbError, Tx, on_db, rows, statements};

statements! {
    INSERT = ["INSERT INTO used_right (account_id, reservation_id) SELECT input.value->>0, input.value->>1 FROM ", rows(1),
              " WHERE TRUE ON CONFLICT (account_id, reservation_id) DO NOTHING"];
    LIST = "SELECT account_id, reservation_id FROM used_right ORDER BY account_id, reservation_id LIMIT $1";
    DELETE = "DELETE FROM used_right WHERE account_id = $1 AND reservation_id = $2";
}

/// A right that a message has used: the account, and the reservation in its wallet.
pub(crate) type UsedRight = (String, String);

pub(crate) async fn insert(tx: &mut Tx, used: &[UsedRight]) -> Result<(), DbError> {
    if used.is_empty() {
        return Ok(());
    }
    let text = tx.pick(INSERT);
    let used = rows(used)?;
    on_db!(tx, |conn| sqlx::query(text).bind(used).execute(conn).await.map(drop))
}

/// Some of those that the accounts service may not know yet.
pub(crate) async fn list(tx: &mut Tx, limit: i64) -> Result<Vec<UsedRight>, DbError> {
    let text = tx.pick(LIST);
    on_db!(tx, |conn| sqlx::query_as(text).bind(limit).fetch_all(conn).await)
}

/// The accounts service knows.
pub(crate) async fn delete(tx: &mut Tx, (account_id, reservation_id): &UsedRight) -> Result<(), DbError> {
    let text = tx.pick(DELETE);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(reservation_id).execute(conn).await.map(drop))
}
