//! Conversations and messages as they are searched, exported and forgotten.

use serde::Serialize;
use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use super::{conversation, message};
use crate::domain::{archive::Stretch, conversation::Conversation, message::Message, search::Place};

statements! {
    FROM_PLACE = "SELECT * FROM conversation WHERE account_id = $1 AND (last_time, user_id) <= ($2, $3) \
                  ORDER BY last_time DESC, user_id DESC LIMIT $4";
    AFTER_USER = "SELECT * FROM conversation WHERE account_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3";
    IN_STRETCHES = ["SELECT message.* FROM ", rows(1),
                    " CROSS JOIN message WHERE message.account_id = input.value->>0 \
                     AND message.user_id = input.value->>1 AND message.sequence > CAST(input.value->>2 AS BIGINT) \
                     AND message.sequence <= CAST(input.value->>3 AS BIGINT)"];
    EXPORT = "SELECT * FROM message WHERE account_id = $1 AND (user_id, sequence) > ($2, $3) \
              ORDER BY user_id, sequence LIMIT $4";
    /// How far the messages of a stretch are older.
    OLDER = ["SELECT input.value->>1, CAST(input.value->>2 AS BIGINT), MAX(message.sequence) FROM ", rows(1),
             " CROSS JOIN message WHERE message.account_id = input.value->>0 \
              AND message.user_id = input.value->>1 AND message.sequence > CAST(input.value->>2 AS BIGINT) \
              AND message.sequence <= CAST(input.value->>3 AS BIGINT) AND message.create_time < $2 \
              GROUP BY input.value->>1, input.value->>2 ORDER BY 1"];
    FORGET = ["UPDATE message SET content = '', forget_time = $2 FROM ", rows(1),
              " WHERE message.account_id = input.value->>0 AND message.user_id = input.value->>1 \
               AND message.sequence > CAST(input.value->>2 AS BIGINT) \
               AND message.sequence <= CAST(input.value->>3 AS BIGINT) AND message.content <> ''"];
    FORGOTTEN = ["UPDATE conversation SET forgotten_sequence = CAST(input.value->>3 AS BIGINT) FROM ", rows(1),
                 " WHERE conversation.account_id = input.value->>0 AND conversation.user_id = input.value->>1 \
                  AND conversation.forgotten_sequence < CAST(input.value->>3 AS BIGINT)"];
}

/// A stretch as statements read it.
fn row<'a>(account_id: &'a str, stretch: &'a Stretch) -> impl Serialize {
    (account_id, &stretch.user_id, stretch.after, stretch.to)
}

/// Conversations of an account from a place of a search on, those with the newest messages first.
pub(crate) async fn from_place(
    tx: &mut Tx,
    account_id: &str,
    place: &Place,
    limit: i64,
) -> Result<Vec<Conversation>, DbError> {
    let text = tx.pick(FROM_PLACE);
    conversation::conversations(on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(place.last_time)
        .bind(&place.user_id)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// Conversations of an account with users after one, in their order.
pub(crate) async fn after_user(
    tx: &mut Tx,
    account_id: &str,
    user_id: &str,
    limit: i64,
) -> Result<Vec<Conversation>, DbError> {
    let text = tx.pick(AFTER_USER);
    conversation::conversations(on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(user_id)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// The messages of stretches, in no order.
pub(crate) async fn in_stretches(
    tx: &mut Tx,
    account_id: &str,
    stretches: &[Stretch],
) -> Result<Vec<Message>, DbError> {
    let text = tx.pick(IN_STRETCHES);
    let stretches = rows(stretches.iter().map(|stretch| row(account_id, stretch)))?;
    message::messages(on_db!(tx, |conn| sqlx::query_as(text).bind(stretches).fetch_all(conn).await)?)
}

/// Messages of an account after a user and sequence, by user and sequence.
pub(crate) async fn export(
    tx: &mut Tx,
    account_id: &str,
    (user_id, sequence): (&str, i64),
    limit: i64,
) -> Result<Vec<Message>, DbError> {
    let text = tx.pick(EXPORT);
    message::messages(on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(user_id)
        .bind(sequence)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// What of stretches is older than a time, in the order of their users; their messages are in the order of their times.
pub(crate) async fn older(
    tx: &mut Tx,
    account_id: &str,
    stretches: &[Stretch],
    time: Micros,
) -> Result<Vec<Stretch>, DbError> {
    let text = tx.pick(OLDER);
    let stretches = rows(stretches.iter().map(|stretch| row(account_id, stretch)))?;
    let found: Vec<(String, i64, i64)> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(stretches).bind(time.0).fetch_all(conn).await)?;
    Ok(found.into_iter().map(|(user_id, after, to)| Stretch { user_id, after, to }).collect())
}

/// Forgets what the messages of stretches say, at the beginnings of conversations. Answers how many said anything.
pub(crate) async fn forget(
    tx: &mut Tx,
    account_id: &str,
    stretches: &[Stretch],
    now: Micros,
) -> Result<u64, DbError> {
    let (forget, forgotten) = (tx.pick(FORGET), tx.pick(FORGOTTEN));
    let stretches = rows(stretches.iter().map(|stretch| row(account_id, stretch)))?;
    let count = on_db!(&mut *tx, |conn| sqlx::query(forget)
        .bind(&stretches)
        .bind(now.0)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    on_db!(tx, |conn| sqlx::query(forgotten).bind(&stretches).execute(conn).await.map(drop))?;
    Ok(count)
}
