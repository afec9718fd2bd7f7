use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    INSERT = "INSERT INTO coupon (account_id, card_id, stock, claimed, redeemed) VALUES ($1, $2, $3, 0, 0)";
    /// Not below what is claimed.
    SET_STOCK = "UPDATE coupon SET stock = $3 WHERE account_id = $1 AND card_id = $2 AND claimed <= $3";
}

pub(crate) async fn insert(tx: &mut Tx, account_id: &str, card_id: &str, stock: i64) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(card_id)
        .bind(stock)
        .execute(conn)
        .await
        .map(drop))
}

/// Changes how many there are in all; whether it was done: not where more are claimed.
pub(crate) async fn set_stock(
    tx: &mut Tx,
    account_id: &str,
    card_id: &str,
    stock: i64,
) -> Result<bool, DbError> {
    let text = tx.pick(SET_STOCK);
    let changed = on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(card_id)
        .bind(stock)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}
