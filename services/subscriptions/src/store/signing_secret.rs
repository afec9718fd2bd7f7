use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    GET = "SELECT secret FROM signing_secret";
    INSERT = "INSERT INTO signing_secret (secret_id, secret) VALUES (1, $1) ON CONFLICT (secret_id) DO NOTHING";
}

/// What plans are signed with; `fresh` becomes that where there is none yet.
pub(crate) async fn get_or_insert(tx: &mut Tx, fresh: &[u8]) -> Result<Vec<u8>, DbError> {
    let (get, insert) = (tx.pick(GET), tx.pick(INSERT));
    on_db!(&mut *tx, |conn| sqlx::query(insert).bind(fresh).execute(conn).await.map(drop))?;
    on_db!(tx, |conn| sqlx::query_scalar(get).fetch_one(conn).await)
}
