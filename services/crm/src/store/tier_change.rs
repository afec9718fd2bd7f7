use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::tier::{Cause, Tier, TierChange};

statements! {
    INSERT = ["INSERT INTO tier_change (account_id, sequence, ordinal, from_tier, to_tier, cause, event_id, \
               rules_version, score, change_time) \
               SELECT $1, CAST(input.value->>0 AS BIGINT), CAST(input.value->>1 AS BIGINT), input.value->>2, \
               input.value->>3, input.value->>4, input.value->>5, CAST(input.value->>6 AS BIGINT), \
               CAST(input.value->>7 AS DOUBLE PRECISION), CAST(input.value->>8 AS BIGINT) FROM ", rows(2), ""];
    LIST = "SELECT tier_change.*, fan.user_id FROM tier_change \
            JOIN fan ON fan.account_id = tier_change.account_id AND fan.ordinal = tier_change.ordinal \
            WHERE tier_change.account_id = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT $3";
    LIST_OF_FAN = "SELECT tier_change.*, fan.user_id FROM tier_change \
                   JOIN fan ON fan.account_id = tier_change.account_id AND fan.ordinal = tier_change.ordinal \
                   WHERE tier_change.account_id = $1 AND tier_change.ordinal = $4 AND sequence < $2 \
                   ORDER BY sequence DESC LIMIT $3";
    /// Of every fan that moved after the first moment: the tier at the first moment, at the second, and now. A state at
    /// a moment is what the first move after it left.
    FLOW = "WITH moved AS (SELECT ordinal, MIN(sequence) AS after_start, \
              MIN(CASE WHEN change_time > $3 THEN sequence END) AS after_end \
              FROM tier_change WHERE account_id = $1 AND change_time > $2 GROUP BY ordinal) \
            SELECT first_move.from_tier AS start_tier, \
              CASE WHEN after_end IS NULL THEN fan.tier ELSE next_move.from_tier END AS end_tier, fan.tier AS tier_now, \
              COUNT(*) FROM moved \
            JOIN tier_change first_move ON first_move.account_id = $1 AND first_move.sequence = after_start \
            JOIN fan ON fan.account_id = $1 AND fan.ordinal = moved.ordinal \
            LEFT JOIN tier_change next_move ON next_move.account_id = $1 AND next_move.sequence = after_end \
            GROUP BY 1, 2, 3";
}

/// A tier change with its place in the account's sequence, and the fan it happened to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recorded {
    pub(crate) sequence: i64,
    pub(crate) ordinal: i64,
    pub(crate) rules_version: i64,
    pub(crate) change: TierChange,
}

pub(crate) async fn insert(tx: &mut Tx, account_id: &str, changes: &[Recorded]) -> Result<(), DbError> {
    if changes.is_empty() {
        return Ok(());
    }
    let text = tx.pick(INSERT);
    let changes = rows(changes.iter().map(|recorded| {
        let change = &recorded.change;
        (
            recorded.sequence,
            recorded.ordinal,
            change.from.map(Tier::name),
            change.to.name(),
            change.cause.name(),
            &change.event_id,
            recorded.rules_version,
            change.score,
            change.time.0,
        )
    }))?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(changes).execute(conn).await.map(drop))
}

#[derive(sqlx::FromRow)]
struct Row {
    sequence: i64,
    ordinal: i64,
    user_id: String,
    from_tier: Option<String>,
    to_tier: String,
    cause: String,
    event_id: Option<String>,
    rules_version: i64,
    score: f64,
    change_time: i64,
}

/// Changes before `before`, newest first, each with the user it happened to: of all fans, or of one.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    ordinal: Option<i64>,
    before: i64,
    limit: i64,
) -> Result<Vec<(String, Recorded)>, DbError> {
    let text = tx.pick(if ordinal.is_some() { LIST_OF_FAN } else { LIST });
    let found: Vec<Row> = match ordinal {
        None => on_db!(tx, |conn| sqlx::query_as(text)
            .bind(account_id)
            .bind(before)
            .bind(limit)
            .fetch_all(conn)
            .await)?,
        Some(ordinal) => on_db!(tx, |conn| sqlx::query_as(text)
            .bind(account_id)
            .bind(before)
            .bind(limit)
            .bind(ordinal)
            .fetch_all(conn)
            .await)?,
    };
    found.into_iter().map(recorded).collect()
}

fn recorded(row: Row) -> Result<(String, Recorded), DbError> {
    let change = TierChange {
        from: row.from_tier.as_deref().map(tier).transpose()?,
        to: tier(&row.to_tier)?,
        cause: Cause::named(&row.cause)
            .ok_or_else(|| DbError::broken(format!("tier_change.cause {:?}", row.cause)))?,
        event_id: row.event_id,
        score: row.score,
        time: Micros(row.change_time),
    };
    let Row { sequence, ordinal, rules_version, .. } = row;
    Ok((row.user_id, Recorded { sequence, ordinal, rules_version, change }))
}

fn tier(name: &str) -> Result<Tier, DbError> {
    Tier::named(name).ok_or_else(|| DbError::broken(format!("tier {name:?}")))
}

/// A number of fans that moved: tier at the first moment, at the second, and now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) start: Option<Tier>,
    pub(crate) end: Option<Tier>,
    pub(crate) now: Tier,
    pub(crate) fan_count: i64,
}

/// Where the fans that moved after `start` were at `start`, were at `end`, and are now.
pub(crate) async fn flow(
    tx: &mut Tx,
    account_id: &str,
    start: Micros,
    end: Micros,
) -> Result<Vec<Flow>, DbError> {
    let text = tx.pick(FLOW);
    let found: Vec<(Option<String>, Option<String>, String, i64)> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(start.0)
        .bind(end.0)
        .fetch_all(conn)
        .await)?;
    let flow = |(start, end, now, fan_count): (Option<String>, Option<String>, String, i64)| {
        Ok(Flow {
            start: start.as_deref().map(tier).transpose()?,
            end: end.as_deref().map(tier).transpose()?,
            now: tier(&now)?,
            fan_count,
        })
    };
    found.into_iter().map(flow).collect()
}
