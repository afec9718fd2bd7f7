use siyu_db::{DbError, Tx, on_db, rows, statements};

statements! {
    INSERT = "INSERT INTO coupon (account_id, card_id, stock, claimed, redeemed) VALUES ($1, $2, $3, 0, 0)";
    /// Not below what is claimed.
    SET_STOCK = "UPDATE coupon SET stock = $3 WHERE account_id = $1 AND card_id = $2 AND claimed <= $3";
    /// In one order everywhere, so that no two transactions wait for each other in a circle (SQLite has one writer anyway).
    LOCK = {
        sqlite: "SELECT card_id FROM coupon WHERE account_id = $1 \
                 AND card_id IN (SELECT value->>0 FROM json_each($2)) ORDER BY card_id",
        postgres: "SELECT card_id FROM coupon WHERE account_id = $1 \
                   AND card_id = ANY(ARRAY(SELECT value->>0 FROM jsonb_array_elements($2::jsonb) AS input(value))) \
                   ORDER BY card_id FOR NO KEY UPDATE",
    };
    ADD_CLAIMED = ["UPDATE coupon SET claimed = coupon.claimed + CAST(input.value->>1 AS BIGINT) FROM ", rows(2),
                   " WHERE coupon.account_id = $1 AND coupon.card_id = input.value->>0"];
    ADD_REDEEMED = "UPDATE coupon SET redeemed = redeemed + 1 WHERE account_id = $1 AND card_id = $2";
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

/// Keeps others from claiming these until the transaction ends.
pub(crate) async fn lock<'a>(
    tx: &mut Tx,
    account_id: &str,
    card_ids: impl IntoIterator<Item = &'a str>,
) -> Result<(), DbError> {
    let text = tx.pick(LOCK);
    let ids = rows(card_ids.into_iter().map(|id| [id]))?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(&ids).execute(conn).await.map(drop))
}

/// Counts claims: of each card so many more.
pub(crate) async fn add_claimed(
    tx: &mut Tx,
    account_id: &str,
    counts: &[(&str, i64)],
) -> Result<(), DbError> {
    let text = tx.pick(ADD_CLAIMED);
    let counts = rows(counts)?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(&counts).execute(conn).await.map(drop))
}

/// Counts one that was redeemed.
pub(crate) async fn add_redeemed(tx: &mut Tx, account_id: &str, card_id: &str) -> Result<(), DbError> {
    let text = tx.pick(ADD_REDEEMED);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(card_id).execute(conn).await.map(drop))
}
