use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::tag::Origin;

statements! {
    /// Rows of deleted tags, which are on their way out, find no name.
    OF_FANS = ["SELECT ordinal, tag, origin, \
                (SELECT tag_id FROM tag WHERE tag.account_id = $1 AND tag.number = fan_tag.tag) FROM ",
               lookup("fan_tag", "ordinal", "BIGINT", 2), " AND fan_tag.account_id = $1"];
    LIST_OF_FAN = "SELECT fan.user_id, fan_tag.ordinal, tag.tag_id, origin, cause, since FROM fan \
                   JOIN fan_tag ON fan_tag.account_id = fan.account_id AND fan_tag.ordinal = fan.ordinal \
                   JOIN tag ON tag.account_id = fan.account_id AND tag.number = fan_tag.tag \
                   WHERE fan.account_id = $1 AND fan.ordinal = $2 AND tag.tag_id > $3 ORDER BY tag.tag_id LIMIT $4";
    LIST_OF_TAG = "SELECT fan.user_id, fan_tag.ordinal, tag.tag_id, origin, cause, since FROM tag \
                   JOIN fan_tag ON fan_tag.account_id = tag.account_id AND fan_tag.tag = tag.number \
                   JOIN fan ON fan.account_id = tag.account_id AND fan.ordinal = fan_tag.ordinal \
                   WHERE tag.account_id = $1 AND tag.tag_id = $2 AND fan_tag.ordinal > $3 \
                   ORDER BY fan_tag.ordinal LIMIT $4";
    /// Who has the tag already keeps the time.
    SAVE = ["INSERT INTO fan_tag (account_id, ordinal, tag, origin, cause, since) \
             SELECT $1, CAST(input.value->>0 AS BIGINT), CAST(input.value->>1 AS BIGINT), input.value->>2, \
             input.value->>3, $3 FROM ", rows(2),
            " WHERE TRUE ON CONFLICT (account_id, ordinal, tag) DO UPDATE SET origin = excluded.origin, \
             cause = excluded.cause"];
    REMOVE = ["DELETE FROM fan_tag WHERE account_id = $1 AND (ordinal, tag) IN \
               (SELECT CAST(input.value->>0 AS BIGINT), CAST(input.value->>1 AS BIGINT) FROM ", rows(2), ")"];
    SOME_OF_TAG = "SELECT ordinal FROM fan_tag WHERE account_id = $1 AND tag = $2 ORDER BY ordinal LIMIT $3";
}

/// A tag that a fan has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) ordinal: i64,
    /// Number of the tag.
    pub(crate) number: i64,
    pub(crate) origin: Origin,
    pub(crate) tag_id: String,
}

/// The tags of the fans with the ordinals, in no order.
pub(crate) async fn of_fans(
    tx: &mut Tx,
    account_id: &str,
    ordinals: impl IntoIterator<Item = i64>,
) -> Result<Vec<Held>, DbError> {
    let text = tx.pick(OF_FANS);
    let ordinals = rows(ordinals.into_iter().map(|ordinal| [ordinal]))?;
    let found: Vec<(i64, i64, String, Option<String>)> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(ordinals).fetch_all(conn).await)?;
    let held = |(ordinal, number, name, tag_id): (i64, i64, String, Option<String>)| {
        let tag_id = tag_id?;
        Some(origin(&name).map(|origin| Held { ordinal, number, origin, tag_id }))
    };
    found.into_iter().filter_map(held).collect()
}

/// The ids of the tags of one fan, in alphabetical order.
pub(crate) async fn of_fan(tx: &mut Tx, account_id: &str, ordinal: i64) -> Result<Vec<String>, DbError> {
    let held = of_fans(tx, account_id, [ordinal]).await?;
    let mut tag_ids: Vec<String> = held.into_iter().map(|held| held.tag_id).collect();
    tag_ids.sort();
    Ok(tag_ids)
}

/// A fan who has a tag, with how that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tagged {
    pub(crate) user_id: String,
    pub(crate) ordinal: i64,
    pub(crate) tag_id: String,
    pub(crate) origin: Origin,
    pub(crate) cause: String,
    pub(crate) since: Micros,
}

#[derive(sqlx::FromRow)]
struct TaggedRow {
    user_id: String,
    ordinal: i64,
    tag_id: String,
    origin: String,
    cause: String,
    since: i64,
}

impl TryFrom<TaggedRow> for Tagged {
    type Error = DbError;

    fn try_from(row: TaggedRow) -> Result<Self, DbError> {
        let TaggedRow { user_id, ordinal, tag_id, cause, .. } = row;
        Ok(Self { user_id, ordinal, tag_id, origin: origin(&row.origin)?, cause, since: Micros(row.since) })
    }
}

fn origin(name: &str) -> Result<Origin, DbError> {
    Origin::named(name).ok_or_else(|| DbError::broken(format!("fan_tag.origin {name:?}")))
}

/// Tags of one fan with ids above `after`, in their order.
pub(crate) async fn list_of_fan(
    tx: &mut Tx,
    account_id: &str,
    ordinal: i64,
    after: &str,
    limit: i64,
) -> Result<Vec<Tagged>, DbError> {
    let text = tx.pick(LIST_OF_FAN);
    let found: Vec<TaggedRow> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(ordinal)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Tagged::try_from).collect()
}

/// Fans with a tag and ordinals above `after`, in their order.
pub(crate) async fn list_of_tag(
    tx: &mut Tx,
    account_id: &str,
    tag_id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<Tagged>, DbError> {
    let text = tx.pick(LIST_OF_TAG);
    let found: Vec<TaggedRow> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(tag_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Tagged::try_from).collect()
}

/// Gives tags to fans from `now` on: (ordinal, number of the tag, origin, cause), a pair at most once. Who has the tag
/// already gets the origin and keeps the time.
pub(crate) async fn save(
    tx: &mut Tx,
    account_id: &str,
    given: &[(i64, i64, Origin, &str)],
    now: Micros,
) -> Result<(), DbError> {
    if given.is_empty() {
        return Ok(());
    }
    let text = tx.pick(SAVE);
    let given = rows(given.iter().map(|(ordinal, tag, origin, cause)| (ordinal, tag, origin.name(), cause)))?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(given)
        .bind(now.0)
        .execute(conn)
        .await
        .map(drop))
}

/// Takes tags from fans: (ordinal, number of the tag).
pub(crate) async fn remove(tx: &mut Tx, account_id: &str, taken: &[(i64, i64)]) -> Result<(), DbError> {
    if taken.is_empty() {
        return Ok(());
    }
    let text = tx.pick(REMOVE);
    let taken = rows(taken)?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(taken).execute(conn).await.map(drop))
}

/// The first ordinals of fans with a tag, which may be deleted.
pub(crate) async fn some_of_tag(
    tx: &mut Tx,
    account_id: &str,
    number: i64,
    limit: i64,
) -> Result<Vec<i64>, DbError> {
    let text = tx.pick(SOME_OF_TAG);
    on_db!(tx, |conn| sqlx::query_scalar(text)
        .bind(account_id)
        .bind(number)
        .bind(limit)
        .fetch_all(conn)
        .await)
}
