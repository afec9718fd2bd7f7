use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::{
    message::Sender,
    moderation::WordAction,
    review::{Cause, ReviewItem, State},
};

statements! {
    INSERT_HITS = ["INSERT INTO moderation_hit (account_id, hit_id, user_id, sender, client_message_id, content_digest, \
                    sequence, action, words, create_time) \
                    SELECT input.value->>0, input.value->>1, input.value->>2, input.value->>3, input.value->>4, \
                    input.value->>5, CAST(input.value->>6 AS BIGINT), input.value->>7, input.value->>8, \
                    CAST(input.value->>9 AS BIGINT) FROM ", rows(1), " WHERE TRUE ON CONFLICT DO NOTHING"];
    LIST_HITS = "SELECT * FROM moderation_hit WHERE account_id = $1 AND hit_id < $2 ORDER BY hit_id DESC LIMIT $3";
    INSERT_ITEMS = ["INSERT INTO review_item (account_id, user_id, sequence, cause, words, comment, state, create_time, \
                     decider) \
                     SELECT input.value->>0, input.value->>1, CAST(input.value->>2 AS BIGINT), input.value->>3, \
                     input.value->>4, input.value->>5, 'open', CAST(input.value->>6 AS BIGINT), '' FROM ", rows(1),
                    " WHERE TRUE ON CONFLICT DO NOTHING"];
    GET_ITEM = "SELECT * FROM review_item WHERE account_id = $1 AND user_id = $2 AND sequence = $3 AND cause = $4";
    DECIDE_ITEM = "UPDATE review_item SET state = $5, decide_time = $6, decider = $7 \
                   WHERE account_id = $1 AND user_id = $2 AND sequence = $3 AND cause = $4";
    FORGET_COMMENTS = "UPDATE review_item SET comment = '' WHERE account_id = $1 AND user_id BETWEEN $2 AND $3 \
                       AND create_time < $4 AND comment <> ''";
    LIST_ITEMS = "SELECT * FROM review_item WHERE account_id = $1 \
                  AND (create_time, user_id, sequence, cause) > ($2, $3, $4, $5) \
                  ORDER BY create_time, user_id, sequence, cause LIMIT $6";
    LIST_ITEMS_IN = "SELECT * FROM review_item WHERE account_id = $1 \
                     AND (create_time, user_id, sequence, cause) > ($2, $3, $4, $5) AND state = $7 \
                     ORDER BY create_time, user_id, sequence, cause LIMIT $6";
}

/// What sorts after every id.
pub(crate) const LAST_ID: &str = "~";

/// Words that were found in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) account_id: String,
    pub(crate) hit_id: String,
    pub(crate) user_id: String,
    pub(crate) sender: Sender,
    pub(crate) client_message_id: String,
    pub(crate) content_digest: String,
    /// 0 where it was refused.
    pub(crate) sequence: i64,
    pub(crate) action: WordAction,
    pub(crate) words: Vec<String>,
    pub(crate) create_time: Micros,
}

#[derive(sqlx::FromRow)]
struct HitRow {
    account_id: String,
    hit_id: String,
    user_id: String,
    sender: String,
    client_message_id: String,
    content_digest: String,
    sequence: i64,
    action: String,
    words: String,
    create_time: i64,
}

impl TryFrom<HitRow> for Hit {
    type Error = DbError;

    fn try_from(row: HitRow) -> Result<Self, DbError> {
        let sender = Sender::named(&row.sender);
        let action = WordAction::named(&row.action);
        Ok(Self {
            sender: sender.ok_or_else(|| broken("moderation_hit.sender", &row.sender))?,
            action: action.ok_or_else(|| broken("moderation_hit.action", &row.action))?,
            words: words(&row.words)?,
            account_id: row.account_id,
            hit_id: row.hit_id,
            user_id: row.user_id,
            client_message_id: row.client_message_id,
            content_digest: row.content_digest,
            sequence: row.sequence,
            create_time: Micros(row.create_time),
        })
    }
}

#[derive(sqlx::FromRow)]
struct ItemRow {
    account_id: String,
    user_id: String,
    sequence: i64,
    cause: String,
    words: String,
    comment: String,
    state: String,
    create_time: i64,
    decide_time: Option<i64>,
    decider: String,
}

impl TryFrom<ItemRow> for ReviewItem {
    type Error = DbError;

    fn try_from(row: ItemRow) -> Result<Self, DbError> {
        Ok(Self {
            cause: Cause::named(&row.cause).ok_or_else(|| broken("review_item.cause", &row.cause))?,
            state: State::named(&row.state).ok_or_else(|| broken("review_item.state", &row.state))?,
            words: words(&row.words)?,
            account_id: row.account_id,
            user_id: row.user_id,
            sequence: row.sequence,
            comment: row.comment,
            create_time: Micros(row.create_time),
            decide_time: row.decide_time.map(Micros),
            decider: row.decider,
        })
    }
}

fn broken(column: &str, value: &str) -> DbError {
    DbError::broken(format!("{column} {value:?}"))
}

fn words(json: &str) -> Result<Vec<String>, DbError> {
    serde_json::from_str(json).map_err(|error| DbError::broken(format!("words: {error}")))
}

fn to_json(words: &[String]) -> Result<String, DbError> {
    serde_json::to_string(words).map_err(|error| DbError::broken(error.to_string()))
}

/// Stores hits. One of a message that is known with the same content changes nothing.
pub(crate) async fn insert_hits(tx: &mut Tx, hits: &[Hit]) -> Result<(), DbError> {
    let text = tx.pick(INSERT_HITS);
    let hits = hits.iter().map(|hit| {
        Ok((
            &hit.account_id,
            &hit.hit_id,
            &hit.user_id,
            hit.sender.name(),
            &hit.client_message_id,
            &hit.content_digest,
            hit.sequence,
            hit.action.name(),
            to_json(&hit.words)?,
            hit.create_time.0,
        ))
    });
    let hits = rows(hits.collect::<Result<Vec<_>, DbError>>()?)?;
    on_db!(tx, |conn| sqlx::query(text).bind(hits).execute(conn).await.map(drop))
}

/// Hits of an account with ids below `before`, newest first.
pub(crate) async fn list_hits(
    tx: &mut Tx,
    account_id: &str,
    before: &str,
    limit: i64,
) -> Result<Vec<Hit>, DbError> {
    let text = tx.pick(LIST_HITS);
    let found: Vec<HitRow> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(before)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Hit::try_from).collect()
}

/// Opens review items. One of a message that was opened before, for the same cause, changes nothing.
pub(crate) async fn insert_items<'a>(
    tx: &mut Tx,
    items: impl IntoIterator<Item = &'a ReviewItem>,
) -> Result<(), DbError> {
    let text = tx.pick(INSERT_ITEMS);
    let items = items.into_iter().map(|item| {
        Ok((
            &item.account_id,
            &item.user_id,
            item.sequence,
            item.cause.name(),
            to_json(&item.words)?,
            &item.comment,
            item.create_time.0,
        ))
    });
    let items = rows(items.collect::<Result<Vec<_>, DbError>>()?)?;
    on_db!(tx, |conn| sqlx::query(text).bind(items).execute(conn).await.map(drop))
}

/// A place in the list of review items: time, user, sequence and cause.
pub(crate) type ItemPlace = (i64, String, i64, String);

/// The review item about a message for a cause.
pub(crate) async fn item(
    tx: &mut Tx,
    (account_id, user_id, sequence): (&str, &str, i64),
    cause: Cause,
) -> Result<Option<ReviewItem>, DbError> {
    let text = tx.pick(GET_ITEM);
    let found: Option<ItemRow> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(user_id)
        .bind(sequence)
        .bind(cause.name())
        .fetch_optional(conn)
        .await)?;
    found.map(ReviewItem::try_from).transpose()
}

/// Stores what was decided.
pub(crate) async fn decide(tx: &mut Tx, item: &ReviewItem) -> Result<(), DbError> {
    let text = tx.pick(DECIDE_ITEM);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&item.account_id)
        .bind(&item.user_id)
        .bind(item.sequence)
        .bind(item.cause.name())
        .bind(item.state.name())
        .bind(item.decide_time.map(|time| time.0))
        .bind(&item.decider)
        .execute(conn)
        .await
        .map(drop))
}

/// Forgets what users of conversations, from one to another, said to reports that are older than a time.
pub(crate) async fn forget_comments(
    tx: &mut Tx,
    account_id: &str,
    [first, last]: [&str; 2],
    before: Micros,
) -> Result<(), DbError> {
    let text = tx.pick(FORGET_COMMENTS);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(first)
        .bind(last)
        .bind(before.0)
        .execute(conn)
        .await
        .map(drop))
}

/// Review items of an account after a place, oldest first, in one state or in any.
pub(crate) async fn list_items(
    tx: &mut Tx,
    account_id: &str,
    state: Option<State>,
    (time, user_id, sequence, cause): &ItemPlace,
    limit: i64,
) -> Result<Vec<ReviewItem>, DbError> {
    let text = tx.pick(if state.is_some() { LIST_ITEMS_IN } else { LIST_ITEMS });
    let found: Vec<ItemRow> = on_db!(tx, |conn| {
        let query = sqlx::query_as(text).bind(account_id).bind(time).bind(user_id).bind(sequence);
        let query = query.bind(cause).bind(limit);
        let query = match state {
            Some(state) => query.bind(state.name()),
            None => query,
        };
        query.fetch_all(conn).await
    })?;
    found.into_iter().map(ReviewItem::try_from).collect()
}
