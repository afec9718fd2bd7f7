use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::policy::MessagePolicy;

statements! {
    IN_FORCE = "SELECT version, effective_time, certified_limit, basic_limit, create_time FROM message_policy \
                WHERE effective_time <= $1 ORDER BY effective_time DESC, version DESC LIMIT 1";
    LAST_VERSION = "SELECT COALESCE(MAX(version), 0) FROM message_policy";
    INSERT = "INSERT INTO message_policy (version, effective_time, certified_limit, basic_limit, create_time) \
              VALUES ($1, $2, $3, $4, $5)";
}

/// The policy in force at a moment.
pub(crate) async fn in_force(tx: &mut Tx, time: Micros) -> Result<MessagePolicy, DbError> {
    let text = tx.pick(IN_FORCE);
    let found: Option<(i64, i64, i64, i64, i64)> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(time.0).fetch_optional(conn).await)?;
    let policy = |(version, effective_time, certified_limit, basic_limit, create_time)| MessagePolicy {
        version,
        effective_time: Micros(effective_time),
        certified_limit,
        basic_limit,
        create_time: Micros(create_time),
    };
    Ok(found.map_or(MessagePolicy::FIRST, policy))
}

/// The version of the policy that was made last; 0 where there is none.
pub(crate) async fn last_version(tx: &mut Tx) -> Result<i64, DbError> {
    let text = tx.pick(LAST_VERSION);
    on_db!(tx, |conn| sqlx::query_scalar(text).fetch_one(conn).await)
}

/// Stores a policy. Its version must be new: whoever else had the same one at the same time fails and is tried again.
pub(crate) async fn insert(tx: &mut Tx, policy: &MessagePolicy) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(policy.version)
        .bind(policy.effective_time.0)
        .bind(policy.certified_limit)
        .bind(policy.basic_limit)
        .bind(policy.create_time.0)
        .execute(conn)
        .await
        .map(drop))
}
