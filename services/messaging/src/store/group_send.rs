use serde::de::DeserializeOwned;
use siyu_clock::Micros;
use siyu_db::{DbError, Statement, Tx, on_db, rows, statements};

use crate::domain::group_send::{Chunk, GroupSend, Reason};

statements! {
    GET = "SELECT body FROM group_send WHERE account_id = $1 AND group_send_id = $2";
    LOCK = {
        sqlite: "SELECT body FROM group_send WHERE account_id = $1 AND group_send_id = $2",
        postgres: "SELECT body FROM group_send WHERE account_id = $1 AND group_send_id = $2 FOR UPDATE",
    };
    LIST = "SELECT body FROM group_send WHERE account_id = $1 AND group_send_id > $2 ORDER BY group_send_id LIMIT $3";
    INSERT = "INSERT INTO group_send (account_id, group_send_id, body, state, due_time) VALUES ($1, $2, $3, $4, $5) \
              ON CONFLICT DO NOTHING";
    UPDATE = "UPDATE group_send SET body = $3, state = $4, due_time = $5 WHERE account_id = $1 AND group_send_id = $2";
    DUE = "SELECT account_id, group_send_id FROM group_send WHERE due_time <= $1 \
           ORDER BY due_time, account_id, group_send_id LIMIT $2";
    INSERT_CHUNKS = ["INSERT INTO group_send_chunk (account_id, group_send_id, number, reason, deliver_time, recipients, \
                      outcomes, rest_count) \
                      SELECT $2, $3, CAST(input.value->>0 AS BIGINT), input.value->>1, CAST(input.value->>2 AS BIGINT), \
                      input.value->>3, '[]', CAST(input.value->>4 AS BIGINT) FROM ", rows(1), ""];
    NEXT_CHUNK = "SELECT * FROM group_send_chunk WHERE account_id = $1 AND group_send_id = $2 AND rest_count > 0 \
                  ORDER BY deliver_time, number LIMIT 1";
    CHUNKS = "SELECT * FROM group_send_chunk WHERE account_id = $1 AND group_send_id = $2 AND number >= $3 \
              ORDER BY number LIMIT $4";
    UPDATE_CHUNK = "UPDATE group_send_chunk SET outcomes = $4, rest_count = $5 \
                    WHERE account_id = $1 AND group_send_id = $2 AND number = $3";
    /// Those who may be sent it now, and those who may later.
    REST = ["SELECT chunk.group_send_id, \
             CAST(COALESCE(SUM(CASE WHEN chunk.deliver_time <= $3 THEN chunk.rest_count ELSE 0 END), 0) AS BIGINT), \
             CAST(COALESCE(SUM(CASE WHEN chunk.deliver_time > $3 THEN chunk.rest_count ELSE 0 END), 0) AS BIGINT) FROM ",
            rows(1), " CROSS JOIN group_send_chunk AS chunk WHERE chunk.account_id = $2 \
             AND chunk.group_send_id = input.value->>0 GROUP BY chunk.group_send_id"];
}

#[derive(sqlx::FromRow)]
struct ChunkRow {
    number: i64,
    reason: String,
    deliver_time: i64,
    recipients: String,
    outcomes: String,
}

impl TryFrom<ChunkRow> for Chunk {
    type Error = DbError;

    fn try_from(row: ChunkRow) -> Result<Self, DbError> {
        let reason: Option<Reason> = match row.reason.as_str() {
            "" => None,
            json => Some(from_json(json)?),
        };
        Ok(Self {
            number: row.number,
            reason,
            deliver_time: Micros(row.deliver_time),
            recipients: from_json(&row.recipients)?,
            outcomes: from_json(&row.outcomes)?,
        })
    }
}

fn from_json<T: DeserializeOwned>(json: &str) -> Result<T, DbError> {
    serde_json::from_str(json).map_err(|error| DbError::broken(format!("group_send: {error}")))
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<String, DbError> {
    serde_json::to_string(value).map_err(|error| DbError::broken(error.to_string()))
}

fn count(recipients: &[(u32, String)]) -> i64 {
    i64::try_from(recipients.len()).unwrap_or(i64::MAX)
}

pub(crate) async fn get(
    tx: &mut Tx,
    account_id: &str,
    group_send_id: &str,
) -> Result<Option<GroupSend>, DbError> {
    found(tx, GET, account_id, group_send_id).await
}

/// Locks a group sending until the transaction ends.
pub(crate) async fn lock(
    tx: &mut Tx,
    account_id: &str,
    group_send_id: &str,
) -> Result<Option<GroupSend>, DbError> {
    found(tx, LOCK, account_id, group_send_id).await
}

async fn found(
    tx: &mut Tx,
    statement: Statement,
    account_id: &str,
    group_send_id: &str,
) -> Result<Option<GroupSend>, DbError> {
    let text = tx.pick(statement);
    let body: Option<String> = on_db!(tx, |conn| sqlx::query_scalar(text)
        .bind(account_id)
        .bind(group_send_id)
        .fetch_optional(conn)
        .await)?;
    body.map(|body| from_json(&body)).transpose()
}

/// Group sendings of an account with ids above `after`, in their order.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<GroupSend>, DbError> {
    let text = tx.pick(LIST);
    let bodies: Vec<String> = on_db!(tx, |conn| sqlx::query_scalar(text)
        .bind(account_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    bodies.iter().map(|body| from_json(body)).collect()
}

/// Stores a new one; answers whether there was none of its name.
pub(crate) async fn insert(tx: &mut Tx, new: &GroupSend) -> Result<bool, DbError> {
    Ok(write(tx, INSERT, new).await? == 1)
}

pub(crate) async fn update(tx: &mut Tx, changed: &GroupSend) -> Result<(), DbError> {
    write(tx, UPDATE, changed).await.map(drop)
}

async fn write(tx: &mut Tx, statement: Statement, group_send: &GroupSend) -> Result<u64, DbError> {
    let text = tx.pick(statement);
    let body = to_json(group_send)?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&group_send.account_id)
        .bind(&group_send.group_send_id)
        .bind(body)
        .bind(group_send.state.name())
        .bind(group_send.due_time.map(|time| time.0))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))
}

/// Account and id of those for which there is something to do, longest due first.
pub(crate) async fn due(tx: &mut Tx, now: Micros, limit: i64) -> Result<Vec<(String, String)>, DbError> {
    let text = tx.pick(DUE);
    on_db!(tx, |conn| sqlx::query_as(text).bind(now.0).bind(limit).fetch_all(conn).await)
}

/// Stores the recipients.
pub(crate) async fn insert_chunks(
    tx: &mut Tx,
    group_send: &GroupSend,
    chunks: &[Chunk],
) -> Result<(), DbError> {
    let text = tx.pick(INSERT_CHUNKS);
    let chunks = chunks.iter().map(|chunk| {
        let reason = chunk.reason.as_ref().map(to_json).transpose()?.unwrap_or_default();
        let recipients = to_json(&chunk.recipients)?;
        Ok((chunk.number, reason, chunk.deliver_time.0, recipients, count(chunk.rest())))
    });
    let chunks = rows(chunks.collect::<Result<Vec<_>, DbError>>()?)?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(chunks)
        .bind(&group_send.account_id)
        .bind(&group_send.group_send_id)
        .execute(conn)
        .await
        .map(drop))
}

/// The recipients who are to be sent it next.
pub(crate) async fn next_chunk(tx: &mut Tx, group_send: &GroupSend) -> Result<Option<Chunk>, DbError> {
    let text = tx.pick(NEXT_CHUNK);
    let row: Option<ChunkRow> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(&group_send.account_id)
        .bind(&group_send.group_send_id)
        .fetch_optional(conn)
        .await)?;
    row.map(Chunk::try_from).transpose()
}

/// Recipients from a chunk on, in order.
pub(crate) async fn chunks(
    tx: &mut Tx,
    account_id: &str,
    group_send_id: &str,
    from: i64,
    limit: i64,
) -> Result<Vec<Chunk>, DbError> {
    let text = tx.pick(CHUNKS);
    let found: Vec<ChunkRow> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(group_send_id)
        .bind(from)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Chunk::try_from).collect()
}

/// Stores what became of recipients.
pub(crate) async fn update_chunk(tx: &mut Tx, group_send: &GroupSend, chunk: &Chunk) -> Result<(), DbError> {
    let text = tx.pick(UPDATE_CHUNK);
    let outcomes = to_json(&chunk.outcomes)?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&group_send.account_id)
        .bind(&group_send.group_send_id)
        .bind(chunk.number)
        .bind(outcomes)
        .bind(count(chunk.rest()))
        .execute(conn)
        .await
        .map(drop))
}

/// How many recipients of each of some group sendings may be sent it at `now`, and how many later.
pub(crate) async fn rest(
    tx: &mut Tx,
    account_id: &str,
    group_send_ids: &[&str],
    now: Micros,
) -> Result<Vec<(String, i64, i64)>, DbError> {
    let text = tx.pick(REST);
    let ids = rows(group_send_ids.iter().map(|id| [id]))?;
    on_db!(tx, |conn| sqlx::query_as(text).bind(ids).bind(account_id).bind(now.0).fetch_all(conn).await)
}
