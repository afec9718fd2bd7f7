//! Conversations by where they stand at the desk.

use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

use super::conversation::conversations;
use crate::domain::conversation::Conversation;

statements! {
    WAITING = "SELECT * FROM conversation WHERE account_id = $1 AND desk_status = 'queued' \
               AND (queue_time, user_id) > ($2, $3) ORDER BY queue_time, user_id LIMIT $4";
    OF_AGENT = "SELECT * FROM conversation WHERE account_id = $1 AND agent_id = $2 AND desk_status = 'assigned' \
                AND (queue_time, user_id) > ($3, $4) ORDER BY queue_time, user_id LIMIT $5";
    /// Accounts where somebody waits although somebody is there, who may or may not have room.
    WITH_BOTH = "SELECT DISTINCT account_id FROM agent WHERE presence = 'online' AND EXISTS (SELECT 1 FROM conversation \
                 WHERE conversation.account_id = agent.account_id AND desk_status = 'queued')";
    COUNT = "SELECT COUNT(*) FROM conversation WHERE desk_status = 'queued'";
    RINGING = "SELECT clock_time, account_id, user_id FROM conversation WHERE clock_time <= $1 \
               AND (clock_time, account_id, user_id) > ($2, $3, $4) \
               ORDER BY clock_time, account_id, user_id LIMIT $5";
    OPEN = "SELECT * FROM conversation WHERE account_id = $1 AND desk_status IN ('open', 'queued', 'assigned') \
            AND open_time >= $2 AND open_time < $3";
}

/// The place of a conversation among those that wait, or that an agent has.
pub(crate) type Place<'a> = (i64, &'a str);

/// Conversations of an account that wait, oldest first, after a place.
pub(crate) async fn waiting(
    tx: &mut Tx,
    account_id: &str,
    (time, user_id): Place<'_>,
    limit: i64,
) -> Result<Vec<Conversation>, DbError> {
    let text = tx.pick(WAITING);
    conversations(on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(time)
        .bind(user_id)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// Conversations that an agent has, oldest first, after a place.
pub(crate) async fn of_agent(
    tx: &mut Tx,
    account_id: &str,
    agent_id: &str,
    (time, user_id): Place<'_>,
    limit: i64,
) -> Result<Vec<Conversation>, DbError> {
    let text = tx.pick(OF_AGENT);
    conversations(on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(agent_id)
        .bind(time)
        .bind(user_id)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// Accounts where conversations wait and an agent is online.
pub(crate) async fn with_both(tx: &mut Tx) -> Result<Vec<String>, DbError> {
    let text = tx.pick(WITH_BOTH);
    on_db!(tx, |conn| sqlx::query_scalar(text).fetch_all(conn).await)
}

/// How many conversations wait, of all accounts.
pub(crate) async fn count(tx: &mut Tx) -> Result<i64, DbError> {
    let text = tx.pick(COUNT);
    on_db!(tx, |conn| sqlx::query_scalar(text).fetch_one(conn).await)
}

/// Next clock, account and user of a conversation.
pub(crate) type Ringing = (i64, String, String);

/// Conversations whose clocks have something to tell after another, longest due first.
pub(crate) async fn ringing(
    tx: &mut Tx,
    now: Micros,
    (time, account_id, user_id): &Ringing,
    limit: i64,
) -> Result<Vec<Ringing>, DbError> {
    let text = tx.pick(RINGING);
    on_db!(tx, |conn| sqlx::query_as(text)
        .bind(now.0)
        .bind(time)
        .bind(account_id)
        .bind(user_id)
        .bind(limit)
        .fetch_all(conn)
        .await)
}

/// Conversations of an account with an open case that was opened in a period.
pub(crate) async fn open(
    tx: &mut Tx,
    account_id: &str,
    [start, end]: [Micros; 2],
) -> Result<Vec<Conversation>, DbError> {
    let text = tx.pick(OPEN);
    conversations(on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(start.0)
        .bind(end.0)
        .fetch_all(conn)
        .await)?)
}
