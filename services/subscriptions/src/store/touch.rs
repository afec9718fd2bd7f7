use std::collections::HashMap;

use siyu_clock::Micros;
use siyu_db::{DbError, Statement, Tx, on_db, rows, statements};

use crate::domain::touch::{Action, Touch};

statements! {
    /// Whoever has seen it keeps the time.
    SEE = ["INSERT INTO touch (account_id, push_id, ordinal, seen_time) \
            SELECT $1, $2, CAST(input.value->>0 AS BIGINT), CAST(input.value->>1 AS BIGINT) FROM ", rows(3),
           " WHERE TRUE ON CONFLICT (account_id, push_id, ordinal) DO NOTHING"];
    /// The row is there. An upsert looks up the rows that are sent; an update of the same would go through all of the push.
    OPEN = ["INSERT INTO touch (account_id, push_id, ordinal, seen_time, open_time) \
            SELECT $1, $2, CAST(input.value->>0 AS BIGINT), CAST(input.value->>1 AS BIGINT), \
            CAST(input.value->>1 AS BIGINT) FROM ", rows(3),
            " WHERE TRUE ON CONFLICT (account_id, push_id, ordinal) DO UPDATE SET open_time = excluded.open_time \
             WHERE touch.open_time IS NULL"];
    CLICK = ["INSERT INTO touch (account_id, push_id, ordinal, seen_time, click_time) \
            SELECT $1, $2, CAST(input.value->>0 AS BIGINT), CAST(input.value->>1 AS BIGINT), \
            CAST(input.value->>1 AS BIGINT) FROM ", rows(3),
            " WHERE TRUE ON CONFLICT (account_id, push_id, ordinal) DO UPDATE SET click_time = excluded.click_time \
             WHERE touch.click_time IS NULL"];
    LIKE = ["INSERT INTO touch (account_id, push_id, ordinal, seen_time, like_time) \
            SELECT $1, $2, CAST(input.value->>0 AS BIGINT), CAST(input.value->>1 AS BIGINT), \
            CAST(input.value->>1 AS BIGINT) FROM ", rows(3),
            " WHERE TRUE ON CONFLICT (account_id, push_id, ordinal) DO UPDATE SET like_time = excluded.like_time \
             WHERE touch.like_time IS NULL"];
    COLLECT = ["INSERT INTO touch (account_id, push_id, ordinal, seen_time, collect_time) \
            SELECT $1, $2, CAST(input.value->>0 AS BIGINT), CAST(input.value->>1 AS BIGINT), \
            CAST(input.value->>1 AS BIGINT) FROM ", rows(3),
            " WHERE TRUE ON CONFLICT (account_id, push_id, ordinal) DO UPDATE SET collect_time = excluded.collect_time \
             WHERE touch.collect_time IS NULL"];
    COMMENT = ["INSERT INTO touch (account_id, push_id, ordinal, seen_time, comment_time) \
            SELECT $1, $2, CAST(input.value->>0 AS BIGINT), CAST(input.value->>1 AS BIGINT), \
            CAST(input.value->>1 AS BIGINT) FROM ", rows(3),
            " WHERE TRUE ON CONFLICT (account_id, push_id, ordinal) DO UPDATE SET comment_time = excluded.comment_time \
             WHERE touch.comment_time IS NULL"];
    CONVERT = ["INSERT INTO touch (account_id, push_id, ordinal, seen_time, convert_time) \
            SELECT $1, $2, CAST(input.value->>0 AS BIGINT), CAST(input.value->>1 AS BIGINT), \
            CAST(input.value->>1 AS BIGINT) FROM ", rows(3),
            " WHERE TRUE ON CONFLICT (account_id, push_id, ordinal) DO UPDATE SET convert_time = excluded.convert_time \
             WHERE touch.convert_time IS NULL"];
    GET = "SELECT seen_time, open_time, click_time, convert_time FROM touch \
           WHERE account_id = $1 AND push_id = $2 AND ordinal = $3";
    FIND = ["SELECT touch.account_id, touch.push_id, seen_time, open_time, click_time, convert_time FROM ", rows(1),
            " CROSS JOIN touch WHERE touch.account_id = input.value->>0 AND touch.push_id = input.value->>1 \
             AND touch.ordinal = CAST(input.value->>2 AS BIGINT)"];
    SEEN_BY = "SELECT ordinal FROM touch WHERE account_id = $1 AND push_id = $2 AND ordinal > $3 ORDER BY ordinal LIMIT $4";
}

#[derive(sqlx::FromRow)]
struct Row {
    seen_time: i64,
    open_time: Option<i64>,
    click_time: Option<i64>,
    convert_time: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct PushRow {
    account_id: String,
    push_id: String,
    #[sqlx(flatten)]
    times: Row,
}

impl From<Row> for Touch {
    fn from(row: Row) -> Self {
        Self {
            seen_time: Micros(row.seen_time),
            open_time: row.open_time.map(Micros),
            click_time: row.click_time.map(Micros),
            convert_time: row.convert_time.map(Micros),
        }
    }
}

/// Fans with the ordinals were shown a push at these times, each once. Answers for how many it was the first time.
pub(crate) async fn see(
    tx: &mut Tx,
    account_id: &str,
    push_id: &str,
    fans: &[(u32, i64)],
) -> Result<i64, DbError> {
    write(tx, SEE, account_id, push_id, fans).await
}

/// Fans with the ordinals, who have seen it, did something with a push at these times, each once. Answers for how many it
/// was the first time.
pub(crate) async fn act(
    tx: &mut Tx,
    account_id: &str,
    push_id: &str,
    action: Action,
    fans: &[(u32, i64)],
) -> Result<i64, DbError> {
    let statement = match action {
        Action::Open => OPEN,
        Action::Click => CLICK,
        Action::Like => LIKE,
        Action::Collect => COLLECT,
        Action::Comment => COMMENT,
        Action::Convert => CONVERT,
    };
    write(tx, statement, account_id, push_id, fans).await
}

async fn write(
    tx: &mut Tx,
    statement: Statement,
    account_id: &str,
    push_id: &str,
    fans: &[(u32, i64)],
) -> Result<i64, DbError> {
    let text = tx.pick(statement);
    let fans = rows(fans)?;
    let changed = on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(push_id)
        .bind(fans)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(i64::try_from(changed).unwrap_or(i64::MAX))
}

/// What happened to a fan by a push; nothing where they have not seen it.
pub(crate) async fn get(
    tx: &mut Tx,
    account_id: &str,
    push_id: &str,
    ordinal: u32,
) -> Result<Option<Touch>, DbError> {
    let text = tx.pick(GET);
    let found: Option<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(push_id)
        .bind(i64::from(ordinal))
        .fetch_optional(conn)
        .await)?;
    Ok(found.map(Touch::from))
}

/// What happened to a fan by pushes, which are given as account, push, and the fan's ordinal there: by account and push, where
/// the fan has seen it.
pub(crate) async fn find(
    tx: &mut Tx,
    keys: &[(&str, &str, u32)],
) -> Result<HashMap<(String, String), Touch>, DbError> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let text = tx.pick(FIND);
    let keys = rows(keys)?;
    let found: Vec<PushRow> = on_db!(tx, |conn| sqlx::query_as(text).bind(keys).fetch_all(conn).await)?;
    Ok(found.into_iter().map(|row| ((row.account_id, row.push_id), row.times.into())).collect())
}

/// Some fans who have seen a push, by ordinal, after `after`.
pub(crate) async fn seen_by(
    tx: &mut Tx,
    account_id: &str,
    push_id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<i64>, DbError> {
    let text = tx.pick(SEEN_BY);
    on_db!(tx, |conn| sqlx::query_scalar(text)
        .bind(account_id)
        .bind(push_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)
}
