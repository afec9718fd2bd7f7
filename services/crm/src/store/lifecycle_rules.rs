use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::lifecycle_rules::LifecycleRules;

statements! {
    GET = "SELECT version, rules, create_time FROM lifecycle_rules WHERE account_id = $1 AND version = $2";
    LIST = "SELECT version, rules, create_time FROM lifecycle_rules WHERE account_id = $1 AND version > $2 \
            ORDER BY version LIMIT $3";
    LAST_VERSION = "SELECT COALESCE(MAX(version), 0) FROM lifecycle_rules WHERE account_id = $1";
    INSERT = "INSERT INTO lifecycle_rules (account_id, version, rules, create_time) VALUES ($1, $2, $3, $4)";
}

/// Version, rules as JSON, when they were written.
type Row = (i64, String, i64);

fn decode((version, rules, create_time): Row) -> Result<(LifecycleRules, i64), DbError> {
    let rules: LifecycleRules = serde_json::from_str(&rules)
        .map_err(|error| DbError::broken(format!("lifecycle_rules.rules: {error}")))?;
    Ok((LifecycleRules { version, ..rules }, create_time))
}

/// One version of an account's rules, if it exists, and when it was written. Version 0 always exists, and was never
/// written.
pub(crate) async fn get(
    tx: &mut Tx,
    account_id: &str,
    version: i64,
) -> Result<Option<(LifecycleRules, Option<i64>)>, DbError> {
    if version == 0 {
        return Ok(Some((LifecycleRules::default(), None)));
    }
    let text = tx.pick(GET);
    let found: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(version).fetch_optional(conn).await)?;
    Ok(found.map(decode).transpose()?.map(|(rules, time)| (rules, Some(time))))
}

/// The account's own versions after `after`, oldest first, each with the time it was written.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<(LifecycleRules, i64)>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(decode).collect()
}

/// The newest version of the account's own rules, or 0.
pub(crate) async fn last_version(tx: &mut Tx, account_id: &str) -> Result<i64, DbError> {
    let text = tx.pick(LAST_VERSION);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_one(conn).await)
}

pub(crate) async fn insert(
    tx: &mut Tx,
    account_id: &str,
    rules: &LifecycleRules,
    now: i64,
) -> Result<(), DbError> {
    let json = serde_json::to_string(rules).map_err(|error| DbError::broken(error.to_string()))?;
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(rules.version)
        .bind(json)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))
}
