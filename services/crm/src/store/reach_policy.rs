use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::reach::Policy;

statements! {
    INSERT = "INSERT INTO reach_policy (account_id, version, effective_time, policy, create_time) \
              VALUES ($1, $2, $3, $4, $5)";
    AT = "SELECT version, effective_time, policy, create_time FROM reach_policy \
          WHERE account_id = $1 AND effective_time <= $2 ORDER BY effective_time DESC, version DESC LIMIT 1";
    GET = "SELECT version, effective_time, policy, create_time FROM reach_policy WHERE account_id = $1 AND version = $2";
    LAST_VERSION = "SELECT COALESCE(MAX(version), 0) FROM reach_policy WHERE account_id = $1";
}

/// A version of what an account asks of its messages. The default is version 0, which asks nothing and was never written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReachPolicy {
    pub(crate) version: i64,
    /// The first send time it is for.
    pub(crate) effective_time: Option<i64>,
    pub(crate) policy: Policy,
    pub(crate) create_time: Option<i64>,
}

/// Version, first send time, policy as JSON, when it was written.
type Row = (i64, i64, String, i64);

fn decode((version, effective_time, policy, create_time): Row) -> Result<ReachPolicy, DbError> {
    let policy = serde_json::from_str(&policy)
        .map_err(|error| DbError::broken(format!("reach_policy.policy: {error}")))?;
    Ok(ReachPolicy { version, effective_time: Some(effective_time), policy, create_time: Some(create_time) })
}

/// Stores a new version.
pub(crate) async fn insert(tx: &mut Tx, account_id: &str, new: &ReachPolicy) -> Result<(), DbError> {
    let policy = serde_json::to_string(&new.policy).map_err(|error| DbError::broken(error.to_string()))?;
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(new.version)
        .bind(new.effective_time)
        .bind(policy)
        .bind(new.create_time)
        .execute(conn)
        .await
        .map(drop))
}

/// The version in force at a send time.
pub(crate) async fn at(tx: &mut Tx, account_id: &str, time: i64) -> Result<ReachPolicy, DbError> {
    let text = tx.pick(AT);
    let found: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(time).fetch_optional(conn).await)?;
    found.map_or_else(|| Ok(ReachPolicy::default()), decode)
}

/// One version that is in use, so that it must exist.
pub(crate) async fn get(tx: &mut Tx, account_id: &str, version: i64) -> Result<ReachPolicy, DbError> {
    if version == 0 {
        return Ok(ReachPolicy::default());
    }
    let text = tx.pick(GET);
    let found: Row =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(version).fetch_one(conn).await)?;
    decode(found)
}

/// The newest version, or 0.
pub(crate) async fn last_version(tx: &mut Tx, account_id: &str) -> Result<i64, DbError> {
    let text = tx.pick(LAST_VERSION);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_one(conn).await)
}
