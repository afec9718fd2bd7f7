use serde::Serialize;
use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::{activity::Activity, standing::Standing, tier::Tier};

statements! {
    GET = "SELECT * FROM fan WHERE account_id = $1 AND user_id = $2";
    FIND_BY_USER = ["SELECT fan.* FROM ", lookup("fan", "user_id", "TEXT", 2), " AND fan.account_id = $1"];
    ORDINALS_OF_USER = ["SELECT fan.account_id, fan.ordinal FROM ", lookup("fan", "account_id", "TEXT", 2),
                        " AND fan.user_id = $1"];
    FIND_BY_ORDINAL = ["SELECT fan.* FROM ", lookup("fan", "ordinal", "BIGINT", 2), " AND fan.account_id = $1"];
    USERS = ["SELECT ordinal, user_id FROM ", lookup("fan", "ordinal", "BIGINT", 2), " AND fan.account_id = $1"];
    USERS_AFTER = "SELECT ordinal, user_id FROM fan WHERE account_id = $1 AND ordinal > $2 ORDER BY ordinal LIMIT $3";
    RANGE = "SELECT * FROM fan WHERE account_id = $1 AND ordinal > $2 AND ordinal <= $3 ORDER BY ordinal";
    LIST = "SELECT * FROM fan WHERE account_id = $1 AND ordinal > $2 ORDER BY ordinal LIMIT $3";
    LIST_TIER = "SELECT * FROM fan WHERE account_id = $1 AND tier = $2 AND ordinal > $3 ORDER BY ordinal LIMIT $4";
    /// Whose tier decay has lowered, longest overdue first.
    DUE = "SELECT account_id, ordinal FROM fan WHERE next_change_at <= $1 \
           ORDER BY next_change_at, account_id, ordinal LIMIT $2";
    SAVE = ["INSERT INTO fan (account_id, ordinal, user_id, following, follow_time, follow_event_id, tier, tier_since, \
             score, score_time, next_change_at, rules_version, first_time, last_time, interaction_count, \
             active_count, last_active_time, share_count, last_share_time, first_source) \
             SELECT $1, CAST(input.value->>0 AS BIGINT), input.value->>1, CAST(input.value->>2 AS BIGINT), \
             CAST(input.value->>3 AS BIGINT), input.value->>4, input.value->>5, CAST(input.value->>6 AS BIGINT), \
             CAST(input.value->>7 AS DOUBLE PRECISION), CAST(input.value->>8 AS BIGINT), CAST(input.value->>9 AS BIGINT), \
             CAST(input.value->>10 AS BIGINT), CAST(input.value->>11 AS BIGINT), CAST(input.value->>12 AS BIGINT), \
             CAST(input.value->>13 AS BIGINT), CAST(input.value->>14 AS BIGINT), CAST(input.value->>15 AS BIGINT), \
             CAST(input.value->>16 AS BIGINT), CAST(input.value->>17 AS BIGINT), input.value->>18 FROM ",
            rows(2),
            " WHERE TRUE ON CONFLICT (account_id, ordinal) DO UPDATE SET following = excluded.following, \
             follow_time = excluded.follow_time, follow_event_id = excluded.follow_event_id, tier = excluded.tier, \
             tier_since = excluded.tier_since, score = excluded.score, score_time = excluded.score_time, \
             next_change_at = excluded.next_change_at, rules_version = excluded.rules_version, \
             first_time = excluded.first_time, last_time = excluded.last_time, \
             interaction_count = excluded.interaction_count, active_count = excluded.active_count, \
             last_active_time = excluded.last_active_time, share_count = excluded.share_count, \
             last_share_time = excluded.last_share_time, first_source = excluded.first_source"];
}

/// A fan: who it is, where they stand, and how much was seen of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fan {
    pub(crate) ordinal: i64,
    pub(crate) user_id: String,
    pub(crate) standing: Standing,
    /// Version of the rules behind the standing.
    pub(crate) rules_version: i64,
    pub(crate) first_time: Micros,
    /// Where the earliest interaction came from: one of `SOURCES`, or empty.
    pub(crate) first_source: String,
    pub(crate) last_time: Micros,
    pub(crate) interaction_count: i64,
    pub(crate) activity: Activity,
}

#[derive(sqlx::FromRow)]
struct FanRow {
    ordinal: i64,
    user_id: String,
    following: i64,
    follow_time: Option<i64>,
    follow_event_id: Option<String>,
    tier: String,
    tier_since: i64,
    score: f64,
    score_time: i64,
    next_change_at: Option<i64>,
    rules_version: i64,
    first_time: i64,
    last_time: i64,
    interaction_count: i64,
    active_count: i64,
    last_active_time: Option<i64>,
    share_count: i64,
    last_share_time: Option<i64>,
    first_source: String,
}

impl TryFrom<FanRow> for Fan {
    type Error = DbError;

    fn try_from(row: FanRow) -> Result<Self, DbError> {
        let tier =
            Tier::named(&row.tier).ok_or_else(|| DbError::broken(format!("fan.tier {:?}", row.tier)))?;
        let standing = Standing {
            following: row.following == 1,
            follow_change: row.follow_time.map(Micros).zip(row.follow_event_id),
            tier: Some(tier),
            tier_since: Micros(row.tier_since),
            score: row.score,
            score_time: Micros(row.score_time),
            next_change: row.next_change_at.map(Micros),
        };
        Ok(Self {
            ordinal: row.ordinal,
            user_id: row.user_id,
            standing,
            rules_version: row.rules_version,
            first_time: Micros(row.first_time),
            first_source: row.first_source,
            last_time: Micros(row.last_time),
            interaction_count: row.interaction_count,
            activity: Activity {
                active_count: row.active_count,
                last_active: row.last_active_time.map(Micros),
                share_count: row.share_count,
                last_share: row.last_share_time.map(Micros),
            },
        })
    }
}

fn fans(rows: Vec<FanRow>) -> Result<Vec<Fan>, DbError> {
    rows.into_iter().map(Fan::try_from).collect()
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, user_id: &str) -> Result<Option<Fan>, DbError> {
    let text = tx.pick(GET);
    let row: Option<FanRow> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(user_id).fetch_optional(conn).await)?;
    row.map(Fan::try_from).transpose()
}

/// Those of the users who are known, in no order.
pub(crate) async fn find_by_user<'a>(
    tx: &mut Tx,
    account_id: &str,
    user_ids: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Fan>, DbError> {
    let text = tx.pick(FIND_BY_USER);
    let ids = rows(user_ids.into_iter().map(|id| [id]))?;
    fans(on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(ids).fetch_all(conn).await)?)
}

/// Those with the ordinals, in no order.
pub(crate) async fn find_by_ordinal(
    tx: &mut Tx,
    account_id: &str,
    ordinals: impl IntoIterator<Item = i64>,
) -> Result<Vec<Fan>, DbError> {
    let text = tx.pick(FIND_BY_ORDINAL);
    let ordinals = rows(ordinals.into_iter().map(|ordinal| [ordinal]))?;
    fans(on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(ordinals).fetch_all(conn).await)?)
}

/// Ordinal and user of those with the ordinals, in no order.
pub(crate) async fn users(
    tx: &mut Tx,
    account_id: &str,
    ordinals: impl IntoIterator<Item = i64>,
) -> Result<Vec<(i64, String)>, DbError> {
    let text = tx.pick(USERS);
    let ordinals = rows(ordinals.into_iter().map(|ordinal| [ordinal]))?;
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(ordinals).fetch_all(conn).await)
}

/// Ordinal and user of some with ordinals above `after`, in their order.
pub(crate) async fn users_after(
    tx: &mut Tx,
    account_id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, String)>, DbError> {
    let text = tx.pick(USERS_AFTER);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(after).bind(limit).fetch_all(conn).await)
}

/// Those with ordinals above `after` and up to `last`, in their order.
pub(crate) async fn range(tx: &mut Tx, account_id: &str, after: i64, last: i64) -> Result<Vec<Fan>, DbError> {
    let text = tx.pick(RANGE);
    fans(on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(after)
        .bind(last)
        .fetch_all(conn)
        .await)?)
}

/// Some with ordinals above `after`, in their order: all, or those of one tier.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    tier: Option<Tier>,
    after: i64,
    limit: i64,
) -> Result<Vec<Fan>, DbError> {
    let text = tx.pick(if tier.is_some() { LIST_TIER } else { LIST });
    fans(match tier {
        None => on_db!(tx, |conn| sqlx::query_as(text)
            .bind(account_id)
            .bind(after)
            .bind(limit)
            .fetch_all(conn)
            .await)?,
        Some(tier) => on_db!(tx, |conn| sqlx::query_as(text)
            .bind(account_id)
            .bind(tier.name())
            .bind(after)
            .bind(limit)
            .fetch_all(conn)
            .await)?,
    })
}

/// Account and ordinal of fans whose tier decay has lowered by `now`.
pub(crate) async fn due(tx: &mut Tx, now: Micros, limit: i64) -> Result<Vec<(String, i64)>, DbError> {
    let text = tx.pick(DUE);
    on_db!(tx, |conn| sqlx::query_as(text).bind(now.0).bind(limit).fetch_all(conn).await)
}

/// Stores fans, new ones and known ones. Who does so notes it in `fan_change`.
pub(crate) async fn save(tx: &mut Tx, account_id: &str, fans: &[Fan]) -> Result<(), DbError> {
    if fans.is_empty() {
        return Ok(());
    }
    let text = tx.pick(SAVE);
    let fans = rows(fans.iter().map(saved))?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(fans).execute(conn).await.map(drop))
}

/// The columns of `SAVE`, in their order.
#[derive(Serialize)]
struct Saved<'a>(
    i64,
    &'a str,
    i64,
    Option<i64>,
    Option<&'a String>,
    Option<&'static str>,
    i64,
    f64,
    i64,
    Option<i64>,
    i64,
    i64,
    i64,
    i64,
    i64,
    Option<i64>,
    i64,
    Option<i64>,
    &'a str,
);

fn saved(fan: &Fan) -> Saved<'_> {
    let Fan { standing, activity, .. } = fan;
    let (follow_time, follow_event_id) =
        standing.follow_change.as_ref().map(|(time, id)| (time.0, id)).unzip();
    Saved(
        fan.ordinal,
        &fan.user_id,
        i64::from(standing.following),
        follow_time,
        follow_event_id,
        standing.tier.map(Tier::name),
        standing.tier_since.0,
        standing.score,
        standing.score_time.0,
        standing.next_change.map(|due| due.0),
        fan.rules_version,
        fan.first_time.0,
        fan.last_time.0,
        fan.interaction_count,
        activity.active_count,
        activity.last_active.map(|time| time.0),
        activity.share_count,
        activity.last_share.map(|time| time.0),
        &fan.first_source,
    )
}

/// The ordinals of a user with those of the accounts that know them: account ids and ordinals, in no order.
pub(crate) async fn ordinals_of_user<'a>(
    tx: &mut Tx,
    user_id: &str,
    account_ids: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<(String, i64)>, DbError> {
    let text = tx.pick(ORDINALS_OF_USER);
    let account_ids = rows(account_ids.into_iter().map(|id| [id]))?;
    on_db!(tx, |conn| sqlx::query_as(text).bind(user_id).bind(account_ids).fetch_all(conn).await)
}
