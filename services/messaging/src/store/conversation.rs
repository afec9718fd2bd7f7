use serde::Deserialize;
use siyu_clock::Micros;
use siyu_db::{DbError, Tx, from_rows, on_db, rows, statements};

use crate::domain::{
    conversation::Conversation,
    desk::{Desk, Status},
};

statements! {
    /// As the fields of `Row` stand.
    FIND = {
        sqlite: "SELECT json_group_array(json_array(account_id, user_id, last_sequence, last_time, unanswered_count, \
                 user_read_sequence, account_read_sequence, user_unread_count, account_unread_count, \
                 forgotten_sequence, desk, replies)) FROM json_each($1) AS input \
                 CROSS JOIN conversation WHERE account_id = input.value->>0 AND user_id = input.value->>1",
        postgres: "SELECT CAST(COALESCE(json_agg(json_build_array(account_id, user_id, last_sequence, last_time, \
                   unanswered_count, user_read_sequence, account_read_sequence, user_unread_count, \
                   account_unread_count, forgotten_sequence, desk, replies)), '[]') AS TEXT) \
                   FROM jsonb_array_elements($1::jsonb) AS input(value) \
                   CROSS JOIN conversation WHERE account_id = input.value->>0 AND user_id = input.value->>1",
    };
    SAVE = ["INSERT INTO conversation (account_id, user_id, last_sequence, last_time, unanswered_count, \
             user_read_sequence, account_read_sequence, user_unread_count, account_unread_count, desk, desk_status, \
             agent_id, queue_time, open_time, clock_time, replies) \
             SELECT input.value->>0, input.value->>1, CAST(input.value->>2 AS BIGINT), CAST(input.value->>3 AS BIGINT), \
             CAST(input.value->>4 AS BIGINT), CAST(input.value->>5 AS BIGINT), CAST(input.value->>6 AS BIGINT), \
             CAST(input.value->>7 AS BIGINT), CAST(input.value->>8 AS BIGINT), input.value->>9, input.value->>10, \
             input.value->>11, CAST(input.value->>12 AS BIGINT), CAST(input.value->>13 AS BIGINT), \
             CAST(input.value->>14 AS BIGINT), input.value->>15 FROM ", rows(1),
            " WHERE TRUE ON CONFLICT (account_id, user_id) DO UPDATE SET last_sequence = excluded.last_sequence, \
             last_time = excluded.last_time, unanswered_count = excluded.unanswered_count, \
             user_read_sequence = excluded.user_read_sequence, \
             account_read_sequence = excluded.account_read_sequence, \
             user_unread_count = excluded.user_unread_count, account_unread_count = excluded.account_unread_count, \
             desk = excluded.desk, desk_status = excluded.desk_status, agent_id = excluded.agent_id, \
             queue_time = excluded.queue_time, open_time = excluded.open_time, clock_time = excluded.clock_time, \
             replies = excluded.replies"];
    LIST_OF_ACCOUNT = "SELECT * FROM conversation WHERE account_id = $1 AND (last_time, user_id) < ($2, $3) \
                       ORDER BY last_time DESC, user_id DESC LIMIT $4";
    LIST_OF_USER = "SELECT * FROM conversation WHERE user_id = $1 AND (last_time, account_id) < ($2, $3) \
                    ORDER BY last_time DESC, account_id DESC LIMIT $4";
}

/// JSON, status, agent, and the times of queue, opening and next clock.
type DeskColumns<'a> = (String, &'static str, &'a str, i64, i64, Option<i64>);

#[derive(sqlx::FromRow, Deserialize)]
pub(super) struct Row {
    account_id: String,
    user_id: String,
    last_sequence: i64,
    last_time: i64,
    unanswered_count: i64,
    user_read_sequence: i64,
    account_read_sequence: i64,
    user_unread_count: i64,
    account_unread_count: i64,
    forgotten_sequence: i64,
    desk: String,
    replies: String,
}

impl TryFrom<Row> for Conversation {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let desk = match row.desk.as_str() {
            "" => None,
            json => Some(serde_json::from_str(json).map_err(|error| DbError::broken(error.to_string()))?),
        };
        let automation = serde_json::from_str(&row.replies);
        Ok(Self {
            automation: automation
                .map_err(|error| DbError::broken(format!("conversation.replies: {error}")))?,
            account_id: row.account_id,
            user_id: row.user_id,
            last_sequence: row.last_sequence,
            last_time: Micros(row.last_time),
            unanswered_count: row.unanswered_count,
            user_read_sequence: row.user_read_sequence,
            account_read_sequence: row.account_read_sequence,
            user_unread_count: row.user_unread_count,
            account_unread_count: row.account_unread_count,
            forgotten_sequence: row.forgotten_sequence,
            desk,
        })
    }
}

pub(super) fn conversations(rows: Vec<Row>) -> Result<Vec<Conversation>, DbError> {
    rows.into_iter().map(Conversation::try_from).collect()
}

/// What is stored of where a conversation stands at the desk: all of it, and what is looked for.
fn desk_columns(desk: Option<&Desk>) -> Result<DeskColumns<'_>, DbError> {
    let Some(desk) = desk else { return Ok((String::new(), Status::Idle.name(), "", 0, 0, None)) };
    let json = serde_json::to_string(desk).map_err(|error| DbError::broken(error.to_string()))?;
    let clock_time = desk.clocks.next_time().map(|time| time.0);
    let (queue_time, open_time) = (desk.queue_time.0, desk.open_time.0);
    Ok((json, desk.status.name(), &desk.agent_id, queue_time, open_time, clock_time))
}

/// Conversations that are given as account and user, as far as there are any; in no order, and as often as they are given.
pub(crate) async fn find<'a>(
    tx: &mut Tx,
    names: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Conversation>, DbError> {
    let text = tx.pick(FIND);
    let names = rows(names)?;
    let found: String = on_db!(tx, |conn| sqlx::query_scalar(text).bind(names).fetch_one(conn).await)?;
    conversations(from_rows(&found)?)
}

/// Stores conversations as they are now, each once.
pub(crate) async fn save<'a>(
    tx: &mut Tx,
    conversations: impl IntoIterator<Item = &'a Conversation>,
) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    let conversations = conversations.into_iter().map(|conversation| {
        let (desk, status, agent_id, queue_time, open_time, clock_time) =
            desk_columns(conversation.desk.as_deref())?;
        let automation = serde_json::to_string(&conversation.automation);
        Ok((
            &conversation.account_id,
            &conversation.user_id,
            conversation.last_sequence,
            conversation.last_time.0,
            conversation.unanswered_count,
            conversation.user_read_sequence,
            conversation.account_read_sequence,
            conversation.user_unread_count,
            conversation.account_unread_count,
            desk,
            status,
            agent_id,
            queue_time,
            open_time,
            clock_time,
            automation.map_err(|error| DbError::broken(error.to_string()))?,
        ))
    });
    let conversations = rows(conversations.collect::<Result<Vec<_>, DbError>>()?)?;
    on_db!(tx, |conn| sqlx::query(text).bind(conversations).execute(conn).await.map(drop))
}

/// Conversations of an account before a time and user, newest first.
pub(crate) async fn of_account(
    tx: &mut Tx,
    account_id: &str,
    before: (i64, &str),
    limit: i64,
) -> Result<Vec<Conversation>, DbError> {
    list(tx, LIST_OF_ACCOUNT, account_id, before, limit).await
}

/// Conversations of a user before a time and account, newest first.
pub(crate) async fn of_user(
    tx: &mut Tx,
    user_id: &str,
    before: (i64, &str),
    limit: i64,
) -> Result<Vec<Conversation>, DbError> {
    list(tx, LIST_OF_USER, user_id, before, limit).await
}

async fn list(
    tx: &mut Tx,
    statement: siyu_db::Statement,
    id: &str,
    (time, other_id): (i64, &str),
    limit: i64,
) -> Result<Vec<Conversation>, DbError> {
    let text = tx.pick(statement);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(id)
        .bind(time)
        .bind(other_id)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    conversations(found)
}
