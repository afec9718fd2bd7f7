use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::member::{JoinRequest, Source};

statements! {
    SAVE = "INSERT INTO join_request (account_id, group_id, user_id, text, source, inviter, create_time) \
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account_id, group_id, user_id) DO UPDATE \
            SET text = excluded.text, source = excluded.source, inviter = excluded.inviter, \
            create_time = excluded.create_time";
    GET = "SELECT * FROM join_request WHERE account_id = $1 AND group_id = $2 AND user_id = $3";
    LIST = "SELECT * FROM join_request WHERE account_id = $1 AND group_id = $2 AND user_id > $3 ORDER BY user_id LIMIT $4";
    DELETE = "DELETE FROM join_request WHERE account_id = $1 AND group_id = $2 AND user_id = $3";
    DELETE_OF_USER = "DELETE FROM join_request WHERE account_id = $1 AND user_id = $2";
}

#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    group_id: String,
    user_id: String,
    text: String,
    source: String,
    inviter: String,
    create_time: i64,
}

impl TryFrom<Row> for JoinRequest {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        Ok(Self {
            source: Source::named(&row.source)
                .ok_or_else(|| DbError::broken("join_request.source".to_owned()))?,
            account_id: row.account_id,
            group_id: row.group_id,
            user_id: row.user_id,
            text: row.text,
            inviter: row.inviter,
            create_time: Micros(row.create_time),
        })
    }
}

/// Stores what a user wants, instead of what they wanted before.
pub(crate) async fn save(tx: &mut Tx, request: &JoinRequest) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&request.account_id)
        .bind(&request.group_id)
        .bind(&request.user_id)
        .bind(&request.text)
        .bind(request.source.name())
        .bind(&request.inviter)
        .bind(request.create_time.0)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn get(
    tx: &mut Tx,
    [account_id, group_id, user_id]: [&str; 3],
) -> Result<Option<JoinRequest>, DbError> {
    let text = tx.pick(GET);
    let found: Option<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(group_id)
        .bind(user_id)
        .fetch_optional(conn)
        .await)?;
    found.map(JoinRequest::try_from).transpose()
}

/// Those who want into a group, with users above `after`, in their order.
pub(crate) async fn list(
    tx: &mut Tx,
    [account_id, group_id]: [&str; 2],
    after: &str,
    limit: i64,
) -> Result<Vec<JoinRequest>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(group_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(JoinRequest::try_from).collect()
}

pub(crate) async fn delete(tx: &mut Tx, [account_id, group_id, user_id]: [&str; 3]) -> Result<(), DbError> {
    let text = tx.pick(DELETE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(group_id)
        .bind(user_id)
        .execute(conn)
        .await
        .map(drop))
}

/// Forgets all that a user wants of an account.
pub(crate) async fn delete_of_user(tx: &mut Tx, account_id: &str, user_id: &str) -> Result<(), DbError> {
    let text = tx.pick(DELETE_OF_USER);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(user_id).execute(conn).await.map(drop))
}
