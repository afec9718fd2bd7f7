use siyu_db::{DbError, Tx, on_db, rows, statements};

statements! {
    INSERT = ["INSERT INTO following (user_id, account_id) SELECT input.value->>0, $1 FROM ", rows(2),
              " WHERE TRUE ON CONFLICT (user_id, account_id) DO NOTHING"];
    WITHOUT_ORDINAL = "SELECT account_id FROM following WHERE user_id = $1 AND ordinal IS NULL ORDER BY account_id LIMIT $2";
    SET_ORDINALS = ["UPDATE following SET ordinal = CAST(input.value->>1 AS BIGINT) FROM ", rows(2),
                    " WHERE following.user_id = $1 AND following.account_id = input.value->>0"];
    IS_FOLLOWING = "SELECT account_id FROM following WHERE user_id = $1 AND account_id = $2";
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

/// Accounts that a user follows without their ordinal there being known.
pub(crate) async fn without_ordinal(tx: &mut Tx, user_id: &str, limit: i64) -> Result<Vec<String>, DbError> {
    let text = tx.pick(WITHOUT_ORDINAL);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(user_id).bind(limit).fetch_all(conn).await)
}

/// Stores the ordinals of a user: account ids and ordinals.
pub(crate) async fn set_ordinals(
    tx: &mut Tx,
    user_id: &str,
    ordinals: &[(String, i64)],
) -> Result<(), DbError> {
    let text = tx.pick(SET_ORDINALS);
    let ordinals = rows(ordinals)?;
    on_db!(tx, |conn| sqlx::query(text).bind(user_id).bind(ordinals).execute(conn).await.map(drop))
}

/// Whether a user follows an account now.
pub(crate) async fn is_following(tx: &mut Tx, user_id: &str, account_id: &str) -> Result<bool, DbError> {
    let text = tx.pick(IS_FOLLOWING);
    let found: Option<String> = on_db!(tx, |conn| sqlx::query_scalar(text)
        .bind(user_id)
        .bind(account_id)
        .fetch_optional(conn)
        .await)?;
    Ok(found.is_some())
}
