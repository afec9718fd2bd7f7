use siyu_db::{DbError, Tx, on_db, rows, statements};

statements! {
    INSERT = ["INSERT INTO following (user_id, account_id) SELECT input.value->>0, $1 FROM ", rows(2),
              " WHERE TRUE ON CONFLICT (user_id, account_id) DO NOTHING"];
    DELETE = ["DELETE FROM following WHERE account_id = $1 AND user_id IN (SELECT input.value->>0 FROM ", rows(2), ")"];
}

/// These users follow the account from now on.
pub(crate) async fn insert<'a>(
    tx: &mut Tx,
    account_id: &str,
    user_ids: impl IntoIterator<Item = &'a str>,
) -> Result<(), DbError> {
    write(tx, INSERT, account_id, user_ids).await
}

/// These users follow the account no longer.
pub(crate) async fn delete<'a>(
    tx: &mut Tx,
    account_id: &str,
    user_ids: impl IntoIterator<Item = &'a str>,
) -> Result<(), DbError> {
    write(tx, DELETE, account_id, user_ids).await
}

async fn write<'a>(
    tx: &mut Tx,
    statement: siyu_db::Statement,
    account_id: &str,
    user_ids: impl IntoIterator<Item = &'a str>,
) -> Result<(), DbError> {
    let user_ids: Vec<_> = user_ids.into_iter().map(|id| [id]).collect();
    if user_ids.is_empty() {
        return Ok(());
    }
    let text = tx.pick(statement);
    let user_ids = rows(user_ids)?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(user_ids).execute(conn).await.map(drop))
}
