use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    INSERT = "INSERT INTO account (account_id, enterprise_id, display_name, time_zone, currency_code, industry, \
              persona, regions, opening_hours, create_time, update_time) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    GET = "SELECT * FROM account WHERE account_id = $1";
    /// Reads it and keeps others from changing it until the transaction ends (SQLite has one writer anyway).
    GET_FOR_UPDATE = {
        sqlite: "SELECT * FROM account WHERE account_id = $1",
        postgres: "SELECT * FROM account WHERE account_id = $1 FOR UPDATE",
    };
    LIST = "SELECT * FROM account WHERE enterprise_id = $1 AND account_id > $2 ORDER BY account_id LIMIT $3";
    LIST_ALL = "SELECT * FROM account WHERE account_id > $1 ORDER BY account_id LIMIT $2";
    UPDATE = "UPDATE account SET display_name = $2, industry = $3, persona = $4, regions = $5, opening_hours = $6, \
              update_time = $7 WHERE account_id = $1";
    CERTIFY = "UPDATE account SET certification_start_time = $2, certification_expire_time = $3, update_time = $4 \
               WHERE account_id = $1";
}

/// An account, as stored: `regions` and `opening_hours` are JSON.
#[derive(Debug, Clone, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) account_id: String,
    pub(crate) enterprise_id: String,
    pub(crate) display_name: String,
    pub(crate) time_zone: String,
    pub(crate) currency_code: String,
    pub(crate) industry: String,
    pub(crate) persona: String,
    pub(crate) regions: String,
    pub(crate) opening_hours: String,
    pub(crate) create_time: i64,
    pub(crate) update_time: i64,
    /// What it is or was certified for: from the first moment of it to the first after it.
    pub(crate) certification_start_time: Option<i64>,
    pub(crate) certification_expire_time: Option<i64>,
}

pub(crate) async fn insert(tx: &mut Tx, account: &Account) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&account.account_id)
        .bind(&account.enterprise_id)
        .bind(&account.display_name)
        .bind(&account.time_zone)
        .bind(&account.currency_code)
        .bind(&account.industry)
        .bind(&account.persona)
        .bind(&account.regions)
        .bind(&account.opening_hours)
        .bind(account.create_time)
        .bind(account.update_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str) -> Result<Option<Account>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_optional(conn).await)
}

pub(crate) async fn get_for_update(tx: &mut Tx, account_id: &str) -> Result<Option<Account>, DbError> {
    let text = tx.pick(GET_FOR_UPDATE);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_optional(conn).await)
}

/// Those of an enterprise after `after`, by id.
pub(crate) async fn list(
    tx: &mut Tx,
    enterprise_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Account>, DbError> {
    let text = tx.pick(LIST);
    on_db!(tx, |conn| sqlx::query_as(text).bind(enterprise_id).bind(after).bind(limit).fetch_all(conn).await)
}

/// Those of all enterprises after `after`, by id.
pub(crate) async fn list_all(tx: &mut Tx, after: &str, limit: i64) -> Result<Vec<Account>, DbError> {
    let text = tx.pick(LIST_ALL);
    on_db!(tx, |conn| sqlx::query_as(text).bind(after).bind(limit).fetch_all(conn).await)
}

/// Stores what may change of an account.
pub(crate) async fn update(tx: &mut Tx, account: &Account) -> Result<(), DbError> {
    let text = tx.pick(UPDATE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&account.account_id)
        .bind(&account.display_name)
        .bind(&account.industry)
        .bind(&account.persona)
        .bind(&account.regions)
        .bind(&account.opening_hours)
        .bind(account.update_time)
        .execute(conn)
        .await
        .map(drop))
}

/// Stores what it is certified for.
pub(crate) async fn certify(tx: &mut Tx, account: &Account) -> Result<(), DbError> {
    let text = tx.pick(CERTIFY);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&account.account_id)
        .bind(account.certification_start_time)
        .bind(account.certification_expire_time)
        .bind(account.update_time)
        .execute(conn)
        .await
        .map(drop))
}
