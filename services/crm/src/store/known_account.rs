use siyu_db::{DbError, Tx, on_db, rows, statements};

statements! {
    GET = "SELECT * FROM known_account WHERE account_id = $1";
    SAVE = ["INSERT INTO known_account (account_id, enterprise_id, time_zone, currency_code, update_time) \
             SELECT input.value->>0, input.value->>1, input.value->>2, input.value->>3, \
             CAST(input.value->>4 AS BIGINT) FROM ", rows(1),
            " WHERE TRUE ON CONFLICT (account_id) DO UPDATE SET enterprise_id = excluded.enterprise_id, \
             time_zone = excluded.time_zone, currency_code = excluded.currency_code, \
             update_time = excluded.update_time WHERE excluded.update_time >= known_account.update_time"];
}

/// An account as its events tell of it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct KnownAccount {
    pub(crate) account_id: String,
    pub(crate) enterprise_id: String,
    pub(crate) time_zone: String,
    pub(crate) currency_code: String,
    pub(crate) update_time: i64,
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str) -> Result<Option<KnownAccount>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_optional(conn).await)
}

/// Stores accounts, unless something newer is stored of them.
pub(crate) async fn save(tx: &mut Tx, accounts: &[KnownAccount]) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    let accounts = rows(accounts.iter().map(|account| {
        (
            &account.account_id,
            &account.enterprise_id,
            &account.time_zone,
            &account.currency_code,
            account.update_time,
        )
    }))?;
    on_db!(tx, |conn| sqlx::query(text).bind(accounts).execute(conn).await.map(drop))
}
