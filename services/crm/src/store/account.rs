use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    ENSURE = "INSERT INTO account (account_id, last_ordinal, last_change, last_tag, rules_version, lifecycle_version) \
              VALUES ($1, 0, 0, 0, 0, 0) ON CONFLICT (account_id) DO NOTHING";
    /// Takes the account's turn (SQLite has one writer anyway).
    LOCK = {
        sqlite: "SELECT * FROM account WHERE account_id = $1",
        postgres: "SELECT * FROM account WHERE account_id = $1 FOR UPDATE",
    };
    GET = "SELECT * FROM account WHERE account_id = $1";
    SAVE = "UPDATE account SET last_ordinal = $2, last_change = $3, last_tag = $4, rules_version = $5, \
            lifecycle_version = $6, migrated_ordinal = $7, behaviour_rule_count = $8, numbered_ordinal = $9 WHERE account_id = $1";
    MIGRATING = "SELECT account_id FROM account WHERE migrated_ordinal IS NOT NULL ORDER BY account_id LIMIT 100";
    /// By an index of its own: both sides of the comparison are as there.
    UNNUMBERED = "SELECT account_id FROM account WHERE last_ordinal - numbered_ordinal > 10000 \
                  ORDER BY account_id LIMIT 100";
}

/// What is counted per account.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Account {
    pub(crate) account_id: String,
    /// Ordinal of the last fan.
    pub(crate) last_ordinal: i64,
    /// Sequence of the last tier change.
    pub(crate) last_change: i64,
    /// Number of the last tag.
    pub(crate) last_tag: i64,
    /// The tier rules in force.
    pub(crate) rules_version: i64,
    /// The lifecycle rules in force.
    pub(crate) lifecycle_version: i64,
    /// While the fans are being moved to those rules: the last ordinal that was.
    pub(crate) migrated_ordinal: Option<i64>,
    /// Number of rules that give tags by what fans did.
    pub(crate) behaviour_rule_count: i64,
    /// All fans up to this one have a number as persons.
    pub(crate) numbered_ordinal: i64,
}

/// The account, locked until the transaction ends: its writers take turns. Made on first use.
pub(crate) async fn lock(tx: &mut Tx, account_id: &str) -> Result<Account, DbError> {
    let text = tx.pick(LOCK);
    let found = on_db!(&mut *tx, |conn| sqlx::query_as(text).bind(account_id).fetch_optional(conn).await)?;
    if let Some(account) = found {
        return Ok(account);
    }
    let ensure = tx.pick(ENSURE);
    on_db!(&mut *tx, |conn| sqlx::query(ensure).bind(account_id).execute(conn).await.map(drop))?;
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_one(conn).await)
}

/// The account as it is, or as it begins when nothing is known of it yet.
pub(crate) async fn get(tx: &mut Tx, account_id: &str) -> Result<Account, DbError> {
    let text = tx.pick(GET);
    let found = on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_optional(conn).await)?;
    Ok(found.unwrap_or_else(|| Account {
        account_id: account_id.to_owned(),
        last_ordinal: 0,
        last_change: 0,
        last_tag: 0,
        rules_version: 0,
        lifecycle_version: 0,
        migrated_ordinal: None,
        behaviour_rule_count: 0,
        numbered_ordinal: 0,
    }))
}

pub(crate) async fn save(tx: &mut Tx, account: &Account) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&account.account_id)
        .bind(account.last_ordinal)
        .bind(account.last_change)
        .bind(account.last_tag)
        .bind(account.rules_version)
        .bind(account.lifecycle_version)
        .bind(account.migrated_ordinal)
        .bind(account.behaviour_rule_count)
        .bind(account.numbered_ordinal)
        .execute(conn)
        .await
        .map(drop))
}

/// Some accounts whose fans are being moved to other rules.
pub(crate) async fn migrating(tx: &mut Tx) -> Result<Vec<String>, DbError> {
    let text = tx.pick(MIGRATING);
    on_db!(tx, |conn| sqlx::query_scalar(text).fetch_all(conn).await)
}

/// Some accounts of which more than 10,000 fans have no number.
pub(crate) async fn unnumbered(tx: &mut Tx) -> Result<Vec<String>, DbError> {
    let text = tx.pick(UNNUMBERED);
    on_db!(tx, |conn| sqlx::query_scalar(text).fetch_all(conn).await)
}
