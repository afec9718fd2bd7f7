use siyu_clock::Micros;
use siyu_db::{DbError, Statement, Tx, on_db, rows, statements};

use crate::domain::message::{Content, Message};

statements! {
    INSERT = ["INSERT INTO message (account_id, group_id, sequence, user_id, author, client_message_id, content, \
               content_digest, create_time, change) \
               SELECT input.value->>0, input.value->>1, CAST(input.value->>2 AS BIGINT), input.value->>3, \
               input.value->>4, input.value->>5, input.value->>6, input.value->>7, CAST(input.value->>8 AS BIGINT), \
               CAST(input.value->>9 AS BIGINT) FROM ", rows(1), ""];
    BY_CLIENT_ID = ["SELECT message.* FROM ", rows(1),
                    " CROSS JOIN message WHERE message.account_id = input.value->>0 \
                     AND message.group_id = input.value->>1 AND message.user_id = input.value->>2 \
                     AND message.client_message_id = input.value->>3"];
    GET = "SELECT * FROM message WHERE account_id = $1 AND group_id = $2 AND sequence = $3";
    AFTER = "SELECT * FROM message WHERE account_id = $1 AND group_id = $2 AND sequence > $3 ORDER BY sequence LIMIT $4";
    BEFORE = "SELECT * FROM message WHERE account_id = $1 AND group_id = $2 AND sequence < $3 \
              ORDER BY sequence DESC LIMIT $4";
    CHANGED = "SELECT * FROM message WHERE account_id = $1 AND group_id = $2 AND change > $3 ORDER BY change LIMIT $4";
    RECALL = "UPDATE message SET content = '', recall_time = $4, change = $5 \
              WHERE account_id = $1 AND group_id = $2 AND sequence = $3";
}

#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    group_id: String,
    sequence: i64,
    user_id: String,
    author: String,
    client_message_id: String,
    content: String,
    content_digest: String,
    create_time: i64,
    recall_time: Option<i64>,
    change: i64,
}

impl TryFrom<Row> for Message {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let content = match row.content.as_str() {
            "" => None,
            json => Some(serde_json::from_str(json).map_err(|error| DbError::broken(error.to_string()))?),
        };
        Ok(Self {
            content,
            account_id: row.account_id,
            group_id: row.group_id,
            sequence: row.sequence,
            user_id: row.user_id,
            author: row.author,
            client_message_id: row.client_message_id,
            content_digest: row.content_digest,
            create_time: Micros(row.create_time),
            recall_time: row.recall_time.map(Micros),
            change: row.change,
        })
    }
}

fn messages(rows: Vec<Row>) -> Result<Vec<Message>, DbError> {
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
            &message.group_id,
            message.sequence,
            &message.user_id,
            &message.author,
            &message.client_message_id,
            json(message.content.as_ref())?,
            &message.content_digest,
            message.create_time.0,
            message.change,
        ))
    });
    let new = rows(new.collect::<Result<Vec<_>, DbError>>()?)?;
    on_db!(tx, |conn| sqlx::query(text).bind(new).execute(conn).await.map(drop))
}

/// The messages that have these ids, which are given as account, group, user and id; in no order.
pub(crate) async fn by_client_id<'a>(
    tx: &mut Tx,
    ids: impl IntoIterator<Item = [&'a str; 4]>,
) -> Result<Vec<Message>, DbError> {
    let text = tx.pick(BY_CLIENT_ID);
    let ids = rows(ids)?;
    messages(on_db!(tx, |conn| sqlx::query_as(text).bind(ids).fetch_all(conn).await)?)
}

pub(crate) async fn get(
    tx: &mut Tx,
    [account_id, group_id]: [&str; 2],
    sequence: i64,
) -> Result<Option<Message>, DbError> {
    let text = tx.pick(GET);
    let found: Option<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(group_id)
        .bind(sequence)
        .fetch_optional(conn)
        .await)?;
    found.map(Message::try_from).transpose()
}

/// Messages of a group after a sequence, oldest first.
pub(crate) async fn after(
    tx: &mut Tx,
    group: [&str; 2],
    sequence: i64,
    limit: i64,
) -> Result<Vec<Message>, DbError> {
    of_group(tx, AFTER, group, sequence, limit).await
}

/// Messages of a group before a sequence, newest first.
pub(crate) async fn before(
    tx: &mut Tx,
    group: [&str; 2],
    sequence: i64,
    limit: i64,
) -> Result<Vec<Message>, DbError> {
    of_group(tx, BEFORE, group, sequence, limit).await
}

/// Messages of a group that something happened to after a change, in the order of that.
pub(crate) async fn changed(
    tx: &mut Tx,
    group: [&str; 2],
    change: i64,
    limit: i64,
) -> Result<Vec<Message>, DbError> {
    of_group(tx, CHANGED, group, change, limit).await
}

async fn of_group(
    tx: &mut Tx,
    statement: Statement,
    [account_id, group_id]: [&str; 2],
    number: i64,
    limit: i64,
) -> Result<Vec<Message>, DbError> {
    let text = tx.pick(statement);
    messages(on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(group_id)
        .bind(number)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// Forgets the content of a message that was taken back.
pub(crate) async fn recall(tx: &mut Tx, message: &Message) -> Result<(), DbError> {
    let text = tx.pick(RECALL);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&message.account_id)
        .bind(&message.group_id)
        .bind(message.sequence)
        .bind(message.recall_time.map(|time| time.0))
        .bind(message.change)
        .execute(conn)
        .await
        .map(drop))
}
