use std::time::Duration;

use siyu_clock::Micros;
use siyu_db::{DbError, Statement, Tx, on_db, statements};

use crate::domain::push::{Push, State};

statements! {
    GET = "SELECT * FROM push WHERE account_id = $1 AND push_id = $2";
    /// An empty state is any.
    LIST = "SELECT * FROM push WHERE account_id = $1 AND push_id > $2 AND ($3 = '' OR state = $3) \
            ORDER BY push_id LIMIT $4";
    INSERT = "INSERT INTO push (account_id, push_id, state, content, audience, topic, service_message, time_to_live, \
              publish_time, planned_count, excluded, failure, corrects, due_time, owes_right, owes_reach, revision, \
              create_time, update_time, wanted_time) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)";
    UPDATE = "UPDATE push SET state = $3, content = $4, audience = $5, topic = $6, service_message = $7, \
              time_to_live = $8, publish_time = $9, planned_count = $10, excluded = $11, failure = $12, corrects = $13, \
              due_time = $14, owes_right = $15, owes_reach = $16, revision = $17, create_time = $18, update_time = $19, \
              wanted_time = $20 \
              WHERE account_id = $1 AND push_id = $2";
    DUE = "SELECT account_id, push_id FROM push WHERE due_time <= $1 ORDER BY due_time, account_id, push_id LIMIT $2";
    /// Whoever changes the row does the work; the others pass on.
    CLAIM = "UPDATE push SET due_time = $4 WHERE account_id = $1 AND push_id = $2 AND due_time <= $3";
}

/// A push as stored: content and excluded are JSON.
#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    push_id: String,
    state: String,
    content: String,
    audience: Vec<u8>,
    topic: String,
    service_message: i64,
    time_to_live: i64,
    publish_time: Option<i64>,
    wanted_time: Option<i64>,
    planned_count: i64,
    excluded: String,
    failure: String,
    corrects: String,
    due_time: Option<i64>,
    owes_right: i64,
    owes_reach: i64,
    revision: i64,
    create_time: i64,
    update_time: i64,
}

impl TryFrom<Row> for Push {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let broken =
            |what: &str| DbError::broken(format!("push.{what} of {}/{}", row.account_id, row.push_id));
        Ok(Self {
            state: State::named(&row.state).ok_or_else(|| broken("state"))?,
            content: serde_json::from_str(&row.content).map_err(|_| broken("content"))?,
            excluded: serde_json::from_str(&row.excluded).map_err(|_| broken("excluded"))?,
            time_to_live: Duration::from_micros(row.time_to_live.unsigned_abs()),
            account_id: row.account_id,
            push_id: row.push_id,
            audience: row.audience,
            topic: row.topic,
            service_message: row.service_message == 1,
            publish_time: row.publish_time.map(Micros),
            wanted_time: row.wanted_time.map(Micros),
            planned_count: row.planned_count,
            failure: row.failure,
            corrects: row.corrects,
            due_time: row.due_time.map(Micros),
            owes_right: row.owes_right == 1,
            owes_reach: row.owes_reach == 1,
            revision: row.revision,
            create_time: Micros(row.create_time),
            update_time: Micros(row.update_time),
        })
    }
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, push_id: &str) -> Result<Option<Push>, DbError> {
    let text = tx.pick(GET);
    let found: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(push_id).fetch_optional(conn).await)?;
    found.map(Push::try_from).transpose()
}

/// Those of an account after `after`, by id; of one state, or, where it is empty, of any.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    state: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Push>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(after)
        .bind(state)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Push::try_from).collect()
}

pub(crate) async fn insert(tx: &mut Tx, push: &Push) -> Result<(), DbError> {
    write(tx, INSERT, push).await
}

/// Stores all there is of a push.
pub(crate) async fn update(tx: &mut Tx, push: &Push) -> Result<(), DbError> {
    write(tx, UPDATE, push).await
}

async fn write(tx: &mut Tx, statement: Statement, push: &Push) -> Result<(), DbError> {
    let text = tx.pick(statement);
    let broken = |error: serde_json::Error| DbError::broken(error.to_string());
    let content = serde_json::to_string(&push.content).map_err(broken)?;
    let excluded = serde_json::to_string(&push.excluded).map_err(broken)?;
    let time_to_live = i64::try_from(push.time_to_live.as_micros()).unwrap_or(i64::MAX);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&push.account_id)
        .bind(&push.push_id)
        .bind(push.state.name())
        .bind(content)
        .bind(&push.audience)
        .bind(&push.topic)
        .bind(i64::from(push.service_message))
        .bind(time_to_live)
        .bind(push.publish_time.map(|time| time.0))
        .bind(push.planned_count)
        .bind(excluded)
        .bind(&push.failure)
        .bind(&push.corrects)
        .bind(push.due_time.map(|time| time.0))
        .bind(i64::from(push.owes_right))
        .bind(i64::from(push.owes_reach))
        .bind(push.revision)
        .bind(push.create_time.0)
        .bind(push.update_time.0)
        .bind(push.wanted_time.map(|time| time.0))
        .execute(conn)
        .await
        .map(drop))
}

/// Some for which there is something to do at `now`, longest due first: account ids and push ids.
pub(crate) async fn due(tx: &mut Tx, now: Micros, limit: i64) -> Result<Vec<(String, String)>, DbError> {
    let text = tx.pick(DUE);
    on_db!(tx, |conn| sqlx::query_as(text).bind(now.0).bind(limit).fetch_all(conn).await)
}

/// Whether the caller may do what is due for a push at `now`; nobody else may until `until`.
pub(crate) async fn claim(
    tx: &mut Tx,
    account_id: &str,
    push_id: &str,
    now: Micros,
    until: Micros,
) -> Result<bool, DbError> {
    let text = tx.pick(CLAIM);
    let changed = on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(push_id)
        .bind(now.0)
        .bind(until.0)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}
