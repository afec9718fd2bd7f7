use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::retention::Retention;

statements! {
    GET = "SELECT * FROM retention WHERE account_id = $1";
    SAVE = "INSERT INTO retention (account_id, days, update_time, done_time, walk_time, walked_user, due_time) \
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account_id) DO UPDATE SET days = excluded.days, \
            update_time = excluded.update_time, done_time = excluded.done_time, walk_time = excluded.walk_time, \
            walked_user = excluded.walked_user, due_time = excluded.due_time";
    DUE = "SELECT account_id FROM retention WHERE due_time <= $1 ORDER BY due_time, account_id LIMIT $2";
}

#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    days: i64,
    update_time: i64,
    done_time: Option<i64>,
    walk_time: Option<i64>,
    walked_user: String,
    due_time: Option<i64>,
}

impl TryFrom<Row> for Retention {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let days = i32::try_from(row.days);
        Ok(Self {
            days: days.map_err(|_| DbError::broken(format!("retention.days {}", row.days)))?,
            account_id: row.account_id,
            update_time: Micros(row.update_time),
            done_time: row.done_time.map(Micros),
            walk_time: row.walk_time.map(Micros),
            walked_user: row.walked_user,
            due_time: row.due_time.map(Micros),
        })
    }
}

/// What an account has said; none where it never did.
pub(crate) async fn get(tx: &mut Tx, account_id: &str) -> Result<Option<Retention>, DbError> {
    let text = tx.pick(GET);
    let found: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_optional(conn).await)?;
    found.map(Retention::try_from).transpose()
}

pub(crate) async fn save(tx: &mut Tx, retention: &Retention) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&retention.account_id)
        .bind(i64::from(retention.days))
        .bind(retention.update_time.0)
        .bind(retention.done_time.map(|time| time.0))
        .bind(retention.walk_time.map(|time| time.0))
        .bind(&retention.walked_user)
        .bind(retention.due_time.map(|time| time.0))
        .execute(conn)
        .await
        .map(drop))
}

/// Accounts where something is due, longest due first.
pub(crate) async fn due(tx: &mut Tx, now: Micros, limit: i64) -> Result<Vec<String>, DbError> {
    let text = tx.pick(DUE);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(now.0).bind(limit).fetch_all(conn).await)
}
