use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    INSERT = "INSERT INTO operator (parent, operator_id, subject, display_name, role, create_time, update_time) \
              VALUES ($1, $2, $3, $4, $5, $6, $7)";
    GET = "SELECT * FROM operator WHERE parent = $1 AND operator_id = $2";
    LIST = "SELECT * FROM operator WHERE parent = $1 AND operator_id > $2 ORDER BY operator_id LIMIT $3";
    OF_SUBJECT = "SELECT * FROM operator WHERE subject = $1 ORDER BY parent LIMIT $2";
    OF_SUBJECT_AT = "SELECT * FROM operator WHERE subject = $1 AND parent = $2";
    /// Nobody removes them or gives them another role until the transaction ends (SQLite has one writer anyway).
    HOLD = {
        sqlite: "SELECT * FROM operator WHERE subject = $1 AND parent = $2",
        postgres: "SELECT * FROM operator WHERE subject = $1 AND parent = $2 FOR SHARE",
    };
    /// Accounts of a company, and what a person is an operator of directly, each once.
    COUNT_GRANTS = "SELECT COUNT(*) FROM (\
                    SELECT parent FROM operator WHERE subject = $1 \
                    UNION \
                    SELECT 'accounts/' || account.account_id FROM operator \
                    JOIN account ON account.enterprise_id = substr(operator.parent, length('enterprises/') + 1) \
                    WHERE operator.subject = $1 AND operator.parent LIKE 'enterprises/%') AS granted";
    OTHER_OWNERS = "SELECT COUNT(*) FROM operator WHERE parent = $1 AND operator_id <> $2 AND role = 'owner'";
    SET_ROLE = "UPDATE operator SET role = $3, update_time = $4 WHERE parent = $1 AND operator_id = $2";
    DELETE = "DELETE FROM operator WHERE parent = $1 AND operator_id = $2";
}

/// A person who works for an account or a company, as stored.
#[derive(Debug, Clone, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct Operator {
    /// `accounts/{account}` or `enterprises/{enterprise}`.
    pub(crate) parent: String,
    pub(crate) operator_id: String,
    pub(crate) subject: String,
    pub(crate) display_name: String,
    /// As `siyu_rpc::auth::role_name` writes it.
    pub(crate) role: String,
    pub(crate) create_time: i64,
    pub(crate) update_time: i64,
}

pub(crate) async fn insert(tx: &mut Tx, operator: &Operator) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&operator.parent)
        .bind(&operator.operator_id)
        .bind(&operator.subject)
        .bind(&operator.display_name)
        .bind(&operator.role)
        .bind(operator.create_time)
        .bind(operator.update_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn get(tx: &mut Tx, parent: &str, operator_id: &str) -> Result<Option<Operator>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(parent).bind(operator_id).fetch_optional(conn).await)
}

/// Those of an account or a company after `after`, by id.
pub(crate) async fn list(
    tx: &mut Tx,
    parent: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Operator>, DbError> {
    let text = tx.pick(LIST);
    on_db!(tx, |conn| sqlx::query_as(text).bind(parent).bind(after).bind(limit).fetch_all(conn).await)
}

/// All that a person is, anywhere.
pub(crate) async fn of_subject(tx: &mut Tx, subject: &str, limit: i64) -> Result<Vec<Operator>, DbError> {
    let text = tx.pick(OF_SUBJECT);
    on_db!(tx, |conn| sqlx::query_as(text).bind(subject).bind(limit).fetch_all(conn).await)
}

/// On how many accounts and companies a person has a role, those by a company included.
pub(crate) async fn count_grants(tx: &mut Tx, subject: &str) -> Result<i64, DbError> {
    let text = tx.pick(COUNT_GRANTS);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(subject).fetch_one(conn).await)
}

/// What a person is to one account or company.
pub(crate) async fn of_subject_at(
    tx: &mut Tx,
    subject: &str,
    parent: &str,
) -> Result<Option<Operator>, DbError> {
    let text = tx.pick(OF_SUBJECT_AT);
    on_db!(tx, |conn| sqlx::query_as(text).bind(subject).bind(parent).fetch_optional(conn).await)
}

/// Like [`of_subject_at`], and they stay it until the transaction ends.
pub(crate) async fn hold(tx: &mut Tx, subject: &str, parent: &str) -> Result<Option<Operator>, DbError> {
    let text = tx.pick(HOLD);
    on_db!(tx, |conn| sqlx::query_as(text).bind(subject).bind(parent).fetch_optional(conn).await)
}

/// Whether somebody else owns the account or company too.
pub(crate) async fn has_other_owner(tx: &mut Tx, operator: &Operator) -> Result<bool, DbError> {
    let text = tx.pick(OTHER_OWNERS);
    let count: i64 = on_db!(tx, |conn| sqlx::query_scalar(text)
        .bind(&operator.parent)
        .bind(&operator.operator_id)
        .fetch_one(conn)
        .await)?;
    Ok(count > 0)
}

pub(crate) async fn set_role(tx: &mut Tx, operator: &Operator) -> Result<(), DbError> {
    let text = tx.pick(SET_ROLE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&operator.parent)
        .bind(&operator.operator_id)
        .bind(&operator.role)
        .bind(operator.update_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn delete(tx: &mut Tx, operator: &Operator) -> Result<(), DbError> {
    let text = tx.pick(DELETE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&operator.parent)
        .bind(&operator.operator_id)
        .execute(conn)
        .await
        .map(drop))
}
