use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::touch::Tally;

statements! {
    GET = "SELECT seen, opened, clicked, liked, collected, commented, converted FROM push_tally \
           WHERE account_id = $1 AND push_id = $2";
    ADD = "INSERT INTO push_tally (account_id, push_id, seen, opened, clicked, liked, collected, commented, converted) \
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (account_id, push_id) DO UPDATE SET \
           seen = push_tally.seen + excluded.seen, opened = push_tally.opened + excluded.opened, \
           clicked = push_tally.clicked + excluded.clicked, liked = push_tally.liked + excluded.liked, \
           collected = push_tally.collected + excluded.collected, \
           commented = push_tally.commented + excluded.commented, \
           converted = push_tally.converted + excluded.converted";
}

/// How many fans did what with a push.
pub(crate) async fn get(tx: &mut Tx, account_id: &str, push_id: &str) -> Result<Tally, DbError> {
    let text = tx.pick(GET);
    let found =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(push_id).fetch_optional(conn).await)?;
    Ok(found.unwrap_or_default())
}

/// So many more fans did something with a push.
pub(crate) async fn add(tx: &mut Tx, account_id: &str, push_id: &str, tally: &Tally) -> Result<(), DbError> {
    let text = tx.pick(ADD);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(push_id)
        .bind(tally.seen)
        .bind(tally.opened)
        .bind(tally.clicked)
        .bind(tally.liked)
        .bind(tally.collected)
        .bind(tally.commented)
        .bind(tally.converted)
        .execute(conn)
        .await
        .map(drop))
}
