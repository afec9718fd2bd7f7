use siyu_db::{DbError, Statement, Tx, on_db, statements};

use crate::domain::envelope::{Budget, Caps};

statements! {
    GET = "SELECT * FROM envelope_budget WHERE account_id = $1";
    ENSURE = "INSERT INTO envelope_budget (account_id, funded_minor, balance_minor, day, day_minor) \
              VALUES ($1, 0, 0, '', 0) ON CONFLICT DO NOTHING";
    LOCK = {
        sqlite: "SELECT * FROM envelope_budget WHERE account_id = $1",
        postgres: "SELECT * FROM envelope_budget WHERE account_id = $1 FOR NO KEY UPDATE",
    };
    SAVE = "UPDATE envelope_budget SET funded_minor = $2, balance_minor = $3, day = $4, day_minor = $5, \
            daily_cap_minor = $6, fan_daily_cap_minor = $7 WHERE account_id = $1";
}

#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    funded_minor: i64,
    balance_minor: i64,
    day: String,
    day_minor: i64,
    daily_cap_minor: Option<i64>,
    fan_daily_cap_minor: Option<i64>,
}

impl From<Row> for Budget {
    fn from(row: Row) -> Self {
        Self {
            account_id: row.account_id,
            funded_minor: row.funded_minor,
            balance_minor: row.balance_minor,
            day: row.day,
            day_minor: row.day_minor,
            caps: Caps { daily_minor: row.daily_cap_minor, fan_daily_minor: row.fan_daily_cap_minor },
        }
    }
}

/// The budget of an account; one that never had any has one of nothing.
pub(crate) async fn get(tx: &mut Tx, account_id: &str) -> Result<Budget, DbError> {
    found(tx, GET, account_id).await
}

/// The budget of an account, which nobody else changes until the transaction ends. Its row is made on first use.
pub(crate) async fn lock(tx: &mut Tx, account_id: &str) -> Result<Budget, DbError> {
    let ensure = tx.pick(ENSURE);
    on_db!(&mut *tx, |conn| sqlx::query(ensure).bind(account_id).execute(conn).await.map(drop))?;
    found(tx, LOCK, account_id).await
}

async fn found(tx: &mut Tx, statement: Statement, account_id: &str) -> Result<Budget, DbError> {
    let text = tx.pick(statement);
    let row: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_optional(conn).await)?;
    let none = || Budget { account_id: account_id.to_owned(), ..Budget::default() };
    Ok(row.map_or_else(none, Budget::from))
}

/// Stores a budget that is locked.
pub(crate) async fn save(tx: &mut Tx, budget: &Budget) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&budget.account_id)
        .bind(budget.funded_minor)
        .bind(budget.balance_minor)
        .bind(&budget.day)
        .bind(budget.day_minor)
        .bind(budget.caps.daily_minor)
        .bind(budget.caps.fan_daily_minor)
        .execute(conn)
        .await
        .map(drop))
}
