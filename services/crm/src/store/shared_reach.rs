use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::reach::caps::Cap;

statements! {
    LAST_VERSION = "SELECT last_version FROM shared_reach WHERE id = 1";
    /// Takes the turn of all accounts (SQLite has one writer anyway).
    LOCK = {
        sqlite: "SELECT last_person, last_version FROM shared_reach WHERE id = 1",
        postgres: "SELECT last_person, last_version FROM shared_reach WHERE id = 1 FOR UPDATE",
    };
    SAVE = "UPDATE shared_reach SET last_person = $1, last_version = $2 WHERE id = 1";
    INSERT = "INSERT INTO shared_reach_policy (version, effective_time, cap_count, cap_window, create_time) \
              VALUES ($1, $2, $3, $4, $5)";
    AT = "SELECT version, effective_time, cap_count, cap_window, create_time FROM shared_reach_policy \
          WHERE effective_time <= $1 ORDER BY effective_time DESC, version DESC LIMIT 1";
    GET = "SELECT version, effective_time, cap_count, cap_window, create_time FROM shared_reach_policy WHERE version = $1";
}

/// What is counted over all accounts.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct SharedReach {
    /// The last number that a user got.
    pub(crate) last_person: i64,
    /// The last version of the policy.
    pub(crate) last_version: i64,
}

/// A version of what the platform asks of all messages. The default is version 0, which asks nothing and was never written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SharedReachPolicy {
    pub(crate) version: i64,
    /// The first send time it is for.
    pub(crate) effective_time: Option<i64>,
    /// Counts everything; none: there is no cap.
    pub(crate) cap: Option<Cap>,
    pub(crate) create_time: Option<i64>,
}

/// Version, first send time, count and window of the cap, when it was written.
type Row = (i64, i64, Option<i64>, Option<i64>, i64);

fn decode((version, effective_time, count, window, create_time): Row) -> SharedReachPolicy {
    let cap = count.zip(window).map(|(count, window)| Cap::of_everything(count, window));
    SharedReachPolicy { version, effective_time: Some(effective_time), cap, create_time: Some(create_time) }
}

/// The newest version, or 0: then nothing is counted over all accounts.
pub(crate) async fn last_version(tx: &mut Tx) -> Result<i64, DbError> {
    let text = tx.pick(LAST_VERSION);
    on_db!(tx, |conn| sqlx::query_scalar(text).fetch_one(conn).await)
}

/// Takes the turn of all accounts until the transaction ends. Whoever takes that of one account too takes it before.
pub(crate) async fn lock(tx: &mut Tx) -> Result<SharedReach, DbError> {
    let text = tx.pick(LOCK);
    on_db!(tx, |conn| sqlx::query_as(text).fetch_one(conn).await)
}

pub(crate) async fn save(tx: &mut Tx, shared: &SharedReach) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(shared.last_person)
        .bind(shared.last_version)
        .execute(conn)
        .await
        .map(drop))
}

/// Stores a new version.
pub(crate) async fn insert(tx: &mut Tx, new: &SharedReachPolicy) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(new.version)
        .bind(new.effective_time)
        .bind(new.cap.as_ref().map(|cap| cap.count))
        .bind(new.cap.as_ref().map(|cap| cap.window))
        .bind(new.create_time)
        .execute(conn)
        .await
        .map(drop))
}

/// The version in force at a send time.
pub(crate) async fn at(tx: &mut Tx, time: i64) -> Result<SharedReachPolicy, DbError> {
    let text = tx.pick(AT);
    let found: Option<Row> = on_db!(tx, |conn| sqlx::query_as(text).bind(time).fetch_optional(conn).await)?;
    Ok(found.map(decode).unwrap_or_default())
}

/// One version that is in use, so that it must exist.
pub(crate) async fn get(tx: &mut Tx, version: i64) -> Result<SharedReachPolicy, DbError> {
    if version == 0 {
        return Ok(SharedReachPolicy::default());
    }
    let text = tx.pick(GET);
    let found: Row = on_db!(tx, |conn| sqlx::query_as(text).bind(version).fetch_one(conn).await)?;
    Ok(decode(found))
}
