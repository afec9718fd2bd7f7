use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    INSERT = "INSERT INTO push_plan (account_id, push_id, plan_id, revision, publish_time, ordinals, expire_time) \
              VALUES ($1, $2, $3, $4, $5, $6, $7)";
    GET = "SELECT * FROM push_plan WHERE account_id = $1 AND push_id = $2 AND plan_id = $3";
    PURGE = "DELETE FROM push_plan WHERE expire_time <= $1";
}

/// What somebody was told a push would do.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Plan {
    pub(crate) account_id: String,
    pub(crate) push_id: String,
    pub(crate) plan_id: String,
    /// Revision of the push that was planned.
    pub(crate) revision: i64,
    pub(crate) publish_time: i64,
    /// Those who would be reached, at once or later: a bitmap in the portable format.
    pub(crate) ordinals: Vec<u8>,
    /// When it can no longer be applied.
    pub(crate) expire_time: i64,
}

pub(crate) async fn insert(tx: &mut Tx, plan: &Plan) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&plan.account_id)
        .bind(&plan.push_id)
        .bind(&plan.plan_id)
        .bind(plan.revision)
        .bind(plan.publish_time)
        .bind(&plan.ordinals)
        .bind(plan.expire_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn get(
    tx: &mut Tx,
    account_id: &str,
    push_id: &str,
    plan_id: &str,
) -> Result<Option<Plan>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(push_id)
        .bind(plan_id)
        .fetch_optional(conn)
        .await)
}

/// Forgets plans that can no longer be applied.
pub(crate) async fn purge(tx: &mut Tx, now: Micros) -> Result<(), DbError> {
    let text = tx.pick(PURGE);
    on_db!(tx, |conn| sqlx::query(text).bind(now.0).execute(conn).await.map(drop))
}
