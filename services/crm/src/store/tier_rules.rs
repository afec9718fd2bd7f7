use std::collections::BTreeMap;

use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::{
    interaction::Kind,
    tier_rules::{Threshold, TierRules},
};

statements! {
    GET = "SELECT * FROM tier_rules WHERE account_id = $1 AND version = $2";
    LIST = "SELECT * FROM tier_rules WHERE account_id = $1 AND version > $2 ORDER BY version LIMIT $3";
    LAST_VERSION = "SELECT COALESCE(MAX(version), 0) FROM tier_rules WHERE account_id = $1";
    INSERT = "INSERT INTO tier_rules (account_id, version, half_life, points, favorable_enter, favorable_leave, \
              true_love_enter, true_love_leave, create_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
}

#[derive(sqlx::FromRow)]
struct Row {
    version: i64,
    half_life: i64,
    points: String,
    favorable_enter: f64,
    favorable_leave: f64,
    true_love_enter: f64,
    true_love_leave: f64,
    create_time: i64,
}

impl Row {
    /// The rules, and when they were written.
    fn decode(self) -> Result<(TierRules, i64), DbError> {
        let stored: BTreeMap<String, f64> = serde_json::from_str(&self.points)
            .map_err(|error| DbError::broken(format!("tier_rules.points: {error}")))?;
        let mut points = [0.0; Kind::ALL.len()];
        for (name, worth) in stored {
            let kind =
                Kind::named(&name).ok_or_else(|| DbError::broken(format!("tier_rules.points {name:?}")))?;
            points[kind.index()] = worth;
        }
        let rules = TierRules {
            version: self.version,
            half_life: self.half_life,
            points,
            favorable: Threshold { enter: self.favorable_enter, leave: self.favorable_leave },
            true_love: Threshold { enter: self.true_love_enter, leave: self.true_love_leave },
        };
        Ok((rules, self.create_time))
    }
}

/// One version of an account's rules, if it exists, and when it was written. Version 0 always exists, and was never
/// written.
pub(crate) async fn get(
    tx: &mut Tx,
    account_id: &str,
    version: i64,
) -> Result<Option<(TierRules, Option<i64>)>, DbError> {
    if version == 0 {
        return Ok(Some((TierRules::default(), None)));
    }
    let text = tx.pick(GET);
    let found: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(version).fetch_optional(conn).await)?;
    Ok(found.map(Row::decode).transpose()?.map(|(rules, time)| (rules, Some(time))))
}

/// The account's own versions after `after`, oldest first, each with the time it was written.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<(TierRules, i64)>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Row::decode).collect()
}

/// The newest version of the account's own rules, or 0.
pub(crate) async fn last_version(tx: &mut Tx, account_id: &str) -> Result<i64, DbError> {
    let text = tx.pick(LAST_VERSION);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_one(conn).await)
}

pub(crate) async fn insert(
    tx: &mut Tx,
    account_id: &str,
    rules: &TierRules,
    now: i64,
) -> Result<(), DbError> {
    let points: BTreeMap<&str, f64> =
        Kind::ALL.iter().map(|kind| (kind.name(), rules.points_of(*kind))).collect();
    let points = serde_json::to_string(&points).map_err(|error| DbError::broken(error.to_string()))?;
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(rules.version)
        .bind(rules.half_life)
        .bind(points)
        .bind(rules.favorable.enter)
        .bind(rules.favorable.leave)
        .bind(rules.true_love.enter)
        .bind(rules.true_love.leave)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))
}
