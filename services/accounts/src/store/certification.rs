use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    INSERT = "INSERT INTO certification (account_id, number, state, company_name, social_credit_code, documents, \
              reject_reason, apply_time, ends_certification) VALUES ($1, $2, 'pending', $3, $4, $5, '', $6, 0)";
    GET = "SELECT * FROM certification WHERE account_id = $1 AND number = $2";
    LATEST = "SELECT * FROM certification WHERE account_id = $1 ORDER BY number DESC LIMIT 1";
    REVIEW = "UPDATE certification SET state = $3, reject_reason = $4, review_time = $5, start_time = $6, \
              expire_time = $7, ends_certification = $8 WHERE account_id = $1 AND number = $2";
    COVERING = "SELECT COUNT(*) FROM certification WHERE account_id = $1 AND start_time <= $2 AND expire_time > $2";
    /// The end of what the account is certified for is another one from now on, or has been told.
    SETTLE = "UPDATE certification SET ends_certification = 0 WHERE account_id = $1 AND ends_certification = 1";
    SETTLE_OVER = "UPDATE certification SET ends_certification = 0 \
                   WHERE account_id = $1 AND ends_certification = 1 AND expire_time <= $2";
    OVER = "SELECT account_id FROM certification WHERE ends_certification = 1 AND expire_time <= $1 \
            ORDER BY expire_time, account_id LIMIT $2";
    LIST = "SELECT * FROM certification WHERE (apply_time, account_id, number) > ($1, $2, $3) \
            ORDER BY apply_time, account_id, number LIMIT $4";
    LIST_IN_STATE = "SELECT * FROM certification WHERE state = $5 AND (apply_time, account_id, number) > ($1, $2, $3) \
                     ORDER BY apply_time, account_id, number LIMIT $4";
}

/// An application for certification, as stored: `documents` is JSON.
#[derive(Debug, Clone, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct Certification {
    pub(crate) account_id: String,
    pub(crate) number: i64,
    /// `pending`, `approved` or `rejected`.
    pub(crate) state: String,
    pub(crate) company_name: String,
    pub(crate) social_credit_code: String,
    pub(crate) documents: String,
    pub(crate) reject_reason: String,
    pub(crate) apply_time: i64,
    pub(crate) review_time: Option<i64>,
    pub(crate) start_time: Option<i64>,
    pub(crate) expire_time: Option<i64>,
    /// 1 while its end is the end of what the account is certified for, and nobody was told yet that this has come.
    pub(crate) ends_certification: i64,
}

/// Where one stands among all: by time of application.
pub(crate) type Place = (i64, String, i64);

/// Stores a pending one.
pub(crate) async fn insert(tx: &mut Tx, certification: &Certification) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&certification.account_id)
        .bind(certification.number)
        .bind(&certification.company_name)
        .bind(&certification.social_credit_code)
        .bind(&certification.documents)
        .bind(certification.apply_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn get(
    tx: &mut Tx,
    account_id: &str,
    number: i64,
) -> Result<Option<Certification>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(number).fetch_optional(conn).await)
}

/// The last application of an account.
pub(crate) async fn latest(tx: &mut Tx, account_id: &str) -> Result<Option<Certification>, DbError> {
    let text = tx.pick(LATEST);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_optional(conn).await)
}

/// Stores what came of a review.
pub(crate) async fn review(tx: &mut Tx, certification: &Certification) -> Result<(), DbError> {
    let text = tx.pick(REVIEW);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&certification.account_id)
        .bind(certification.number)
        .bind(&certification.state)
        .bind(&certification.reject_reason)
        .bind(certification.review_time)
        .bind(certification.start_time)
        .bind(certification.expire_time)
        .bind(certification.ends_certification)
        .execute(conn)
        .await
        .map(drop))
}

/// Whether the account is certified at `time`.
pub(crate) async fn covers(tx: &mut Tx, account_id: &str, time: i64) -> Result<bool, DbError> {
    let text = tx.pick(COVERING);
    let count: i64 =
        on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).bind(time).fetch_one(conn).await)?;
    Ok(count > 0)
}

/// The certification of the account ends elsewhere from now on.
pub(crate) async fn settle(tx: &mut Tx, account_id: &str) -> Result<(), DbError> {
    let text = tx.pick(SETTLE);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).execute(conn).await.map(drop))
}

/// Notes that the certification of the account has ended, if it has at `now` and was not noted before; answers whether.
pub(crate) async fn settle_over(tx: &mut Tx, account_id: &str, now: i64) -> Result<bool, DbError> {
    let text = tx.pick(SETTLE_OVER);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() > 0))
}

/// Accounts whose certification has ended at `now` and was not settled yet, longest ago first.
pub(crate) async fn over(tx: &mut Tx, now: i64, limit: i64) -> Result<Vec<String>, DbError> {
    let text = tx.pick(OVER);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(now).bind(limit).fetch_all(conn).await)
}

/// Those after `after`, oldest application first; of one state, or of all.
pub(crate) async fn list(
    tx: &mut Tx,
    state: Option<&str>,
    (apply_time, account_id, number): &Place,
    limit: i64,
) -> Result<Vec<Certification>, DbError> {
    let text = tx.pick(if state.is_some() { LIST_IN_STATE } else { LIST });
    on_db!(tx, |conn| {
        let query = sqlx::query_as(text).bind(*apply_time).bind(account_id).bind(*number).bind(limit);
        match state {
            Some(state) => query.bind(state).fetch_all(conn).await,
            None => query.fetch_all(conn).await,
        }
    })
}
