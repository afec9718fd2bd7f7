use siyu_clock::Micros;
use siyu_db::{DbError, Statement, Tx, on_db, rows, statements};

use crate::domain::{
    conversation::ReadMarks,
    message::{Content, Message, Sender},
};

statements! {
    INSERT = ["INSERT INTO message (account_id, user_id, sequence, sender, author, client_message_id, content, \
               content_digest, create_time, account_change, user_change, causation_depth) \
               SELECT input.value->>0, input.value->>1, CAST(input.value->>2 AS BIGINT), input.value->>3, \
               input.value->>4, input.value->>5, input.value->>6, input.value->>7, CAST(input.value->>8 AS BIGINT), \
               CAST(input.value->>9 AS BIGINT), CAST(input.value->>10 AS BIGINT), CAST(input.value->>11 AS BIGINT) FROM ", rows(1), ""];
    BY_CLIENT_ID = ["SELECT message.* FROM ", rows(1),
                    " CROSS JOIN message WHERE message.account_id = input.value->>0 \
                     AND message.user_id = input.value->>1 AND message.sender = input.value->>2 \
                     AND message.client_message_id = input.value->>3"];
    FIND = ["SELECT message.* FROM ", rows(1),
               " CROSS JOIN message WHERE message.account_id = input.value->>0 AND message.user_id = input.value->>1 \
                AND message.sequence = CAST(input.value->>2 AS BIGINT)"];
    AFTER = "SELECT * FROM message WHERE account_id = $1 AND user_id = $2 AND sequence > $3 ORDER BY sequence LIMIT $4";
    BEFORE = "SELECT * FROM message WHERE account_id = $1 AND user_id = $2 AND sequence < $3 \
              ORDER BY sequence DESC LIMIT $4";
    RECALL = "UPDATE message SET content = '', recall_time = $4, account_change = $5, user_change = $6 \
              WHERE account_id = $1 AND user_id = $2 AND sequence = $3";
    UNREAD = "SELECT COUNT(*) FROM message WHERE account_id = $1 AND user_id = $2 AND sequence > $3 AND sender = $4 \
              AND recall_time IS NULL";
    RENUMBER = "UPDATE message SET account_change = $4, user_change = $5 \
                WHERE account_id = $1 AND user_id = $2 AND sequence = $3";
    OF_ACCOUNT_INBOX = "SELECT message.*, conversation.user_read_sequence, conversation.account_read_sequence \
                        FROM message JOIN conversation USING (account_id, user_id) \
                        WHERE message.account_id = $1 AND message.account_change > $2 \
                        ORDER BY message.account_change LIMIT $3";
    OF_USER_INBOX = "SELECT message.*, conversation.user_read_sequence, conversation.account_read_sequence \
                     FROM message JOIN conversation USING (account_id, user_id) \
                     WHERE message.user_id = $1 AND message.user_change > $2 ORDER BY message.user_change LIMIT $3";
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    account_id: String,
    user_id: String,
    sequence: i64,
    sender: String,
    author: String,
    client_message_id: String,
    content: String,
    content_digest: String,
    create_time: i64,
    recall_time: Option<i64>,
    forget_time: Option<i64>,
    account_change: i64,
    user_change: i64,
    causation_depth: i64,
}

/// A message, and how far both sides have read its conversation.
#[derive(sqlx::FromRow)]
struct InboxRow {
    #[sqlx(flatten)]
    message: Row,
    user_read_sequence: i64,
    account_read_sequence: i64,
}

impl TryFrom<Row> for Message {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let sender = Sender::named(&row.sender);
        let content = match row.content.as_str() {
            "" => None,
            json => Some(serde_json::from_str(json).map_err(|error| DbError::broken(error.to_string()))?),
        };
        Ok(Self {
            sender: sender.ok_or_else(|| DbError::broken(format!("message.sender {:?}", row.sender)))?,
            content,
            account_id: row.account_id,
            user_id: row.user_id,
            sequence: row.sequence,
            author: row.author,
            client_message_id: row.client_message_id,
            content_digest: row.content_digest,
            create_time: Micros(row.create_time),
            recall_time: row.recall_time.map(Micros),
            forget_time: row.forget_time.map(Micros),
            account_change: row.account_change,
            user_change: row.user_change,
            causation_depth: i32::try_from(row.causation_depth).unwrap_or(i32::MAX),
        })
    }
}

pub(super) fn messages(rows: Vec<Row>) -> Result<Vec<Message>, DbError> {
    rows.into_iter().map(Message::try_from).collect()
}

fn json(content: Option<&Content>) -> Result<String, DbError> {
    let json = content.map(serde_json::to_string).transpose();
    Ok(json.map_err(|error| DbError::broken(error.to_string()))?.unwrap_or_default())
}

/// Stores new messages.
pub(crate) async fn insert<'a>(
    tx: &mut Tx,
    new: impl IntoIterator<Item = &'a Message>,
) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    let new = new.into_iter().map(|message| {
        Ok((
            &message.account_id,
            &message.user_id,
            message.sequence,
            message.sender.name(),
            &message.author,
            &message.client_message_id,
            json(message.content.as_ref())?,
            &message.content_digest,
            message.create_time.0,
            message.account_change,
            message.user_change,
            message.causation_depth,
        ))
    });
    let new = rows(new.collect::<Result<Vec<_>, DbError>>()?)?;
    on_db!(tx, |conn| sqlx::query(text).bind(new).execute(conn).await.map(drop))
}

/// The messages that have these ids, which are given as account, user, side and id; in no order.
pub(crate) async fn by_client_id<'a>(
    tx: &mut Tx,
    ids: impl IntoIterator<Item = (&'a str, &'a str, &'a str, &'a str)>,
) -> Result<Vec<Message>, DbError> {
    let text = tx.pick(BY_CLIENT_ID);
    let ids = rows(ids)?;
    messages(on_db!(tx, |conn| sqlx::query_as(text).bind(ids).fetch_all(conn).await)?)
}

/// Messages that are given as account, user and sequence; in no order.
pub(crate) async fn find(tx: &mut Tx, names: &[(&str, &str, i64)]) -> Result<Vec<Message>, DbError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let text = tx.pick(FIND);
    let names = rows(names)?;
    messages(on_db!(tx, |conn| sqlx::query_as(text).bind(names).fetch_all(conn).await)?)
}

/// Messages of a conversation after a sequence, oldest first.
pub(crate) async fn after(
    tx: &mut Tx,
    conversation: [&str; 2],
    sequence: i64,
    limit: i64,
) -> Result<Vec<Message>, DbError> {
    of_conversation(tx, AFTER, conversation, sequence, limit).await
}

/// Messages of a conversation before a sequence, newest first.
pub(crate) async fn before(
    tx: &mut Tx,
    conversation: [&str; 2],
    sequence: i64,
    limit: i64,
) -> Result<Vec<Message>, DbError> {
    of_conversation(tx, BEFORE, conversation, sequence, limit).await
}

async fn of_conversation(
    tx: &mut Tx,
    statement: Statement,
    [account_id, user_id]: [&str; 2],
    sequence: i64,
    limit: i64,
) -> Result<Vec<Message>, DbError> {
    let text = tx.pick(statement);
    messages(on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(user_id)
        .bind(sequence)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// Forgets the content of a message that was taken back.
pub(crate) async fn recall(tx: &mut Tx, message: &Message) -> Result<(), DbError> {
    let text = tx.pick(RECALL);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&message.account_id)
        .bind(&message.user_id)
        .bind(message.sequence)
        .bind(message.recall_time.map(|time| time.0))
        .bind(message.account_change)
        .bind(message.user_change)
        .execute(conn)
        .await
        .map(drop))
}

/// A message is told of once more, under the numbers that it has.
pub(crate) async fn renumber(tx: &mut Tx, message: &Message) -> Result<(), DbError> {
    let text = tx.pick(RENUMBER);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&message.account_id)
        .bind(&message.user_id)
        .bind(message.sequence)
        .bind(message.account_change)
        .bind(message.user_change)
        .execute(conn)
        .await
        .map(drop))
}

/// How many messages of `sender` there are after a sequence, without those that were recalled.
pub(crate) async fn unread(
    tx: &mut Tx,
    [account_id, user_id]: [&str; 2],
    sequence: i64,
    sender: Sender,
) -> Result<i64, DbError> {
    let text = tx.pick(UNREAD);
    on_db!(tx, |conn| sqlx::query_scalar(text)
        .bind(account_id)
        .bind(user_id)
        .bind(sequence)
        .bind(sender.name())
        .fetch_one(conn)
        .await)
}

/// What changed in the inbox of an account after a change, in order, with how far its conversation is read now.
pub(crate) async fn of_account_inbox(
    tx: &mut Tx,
    account_id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<(Message, ReadMarks)>, DbError> {
    of_inbox(tx, OF_ACCOUNT_INBOX, account_id, after, limit).await
}

/// What changed in the inbox of a user after a change, in order, with how far its conversation is read now.
pub(crate) async fn of_user_inbox(
    tx: &mut Tx,
    user_id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<(Message, ReadMarks)>, DbError> {
    of_inbox(tx, OF_USER_INBOX, user_id, after, limit).await
}

async fn of_inbox(
    tx: &mut Tx,
    statement: Statement,
    id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<(Message, ReadMarks)>, DbError> {
    let text = tx.pick(statement);
    let found: Vec<InboxRow> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(id).bind(after).bind(limit).fetch_all(conn).await)?;
    let marked = |row: InboxRow| {
        let read_marks = ReadMarks { user: row.user_read_sequence, account: row.account_read_sequence };
        Ok((Message::try_from(row.message)?, read_marks))
    };
    found.into_iter().map(marked).collect()
}
