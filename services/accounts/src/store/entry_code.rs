use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::entry_code::{Landing, LandingKind};

statements! {
    INSERT = ["INSERT INTO entry_code (account_id, entry_code_id, short_code, display_name, channel, source_domain, campaign, \
               tags, landing_kind, landing_resource, expire_time, disabled, scan_count, revision, create_time, update_time) \
               SELECT input.value->>0, input.value->>1, input.value->>2, input.value->>3, input.value->>4, \
               input.value->>5, input.value->>6, input.value->>7, input.value->>8, input.value->>9, \
               CAST(input.value->>10 AS BIGINT), 0, 0, CAST(input.value->>11 AS BIGINT), \
               CAST(input.value->>12 AS BIGINT), CAST(input.value->>13 AS BIGINT) FROM ",
              rows(1),
              ""];
    GET = "SELECT * FROM entry_code WHERE account_id = $1 AND entry_code_id = $2";
    FIND = ["SELECT entry_code.* FROM ", lookup("entry_code", "short_code", "TEXT", 1), ""];
    /// The accounts of such codes: whoever writes locks them in this order.
    ACCOUNTS = ["SELECT DISTINCT entry_code.account_id FROM ", lookup("entry_code", "short_code", "TEXT", 1),
                " ORDER BY entry_code.account_id"];
    LIST = "SELECT * FROM entry_code WHERE account_id = $1 AND entry_code_id > $2 AND ($3 = '' OR campaign = $3) \
            ORDER BY entry_code_id LIMIT $4";
    UPDATE = "UPDATE entry_code SET display_name = $3, channel = $4, source_domain = $5, campaign = $6, tags = $7, \
              landing_kind = $8, landing_resource = $9, expire_time = $10, disabled = $11, revision = $12, \
              update_time = $13 WHERE account_id = $1 AND entry_code_id = $2";
    COUNT_SCANS = "UPDATE entry_code SET scan_count = scan_count + $3 WHERE account_id = $1 AND entry_code_id = $2";
}

/// An entry code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntryCode {
    pub(crate) account_id: String,
    pub(crate) entry_code_id: String,
    pub(crate) short_code: String,
    pub(crate) display_name: String,
    pub(crate) channel: String,
    /// `SOURCE_DOMAIN_PUBLIC` is `public`.
    pub(crate) source_domain: String,
    pub(crate) campaign: String,
    pub(crate) tags: Vec<String>,
    pub(crate) landing: Landing,
    pub(crate) expire_time: Option<Micros>,
    pub(crate) disabled: bool,
    pub(crate) scan_count: i64,
    /// Counts the changes by operators.
    pub(crate) revision: i64,
    pub(crate) create_time: Micros,
    pub(crate) update_time: Micros,
}

impl EntryCode {
    /// `accounts/{account}/entryCodes/{entry_code}`
    pub(crate) fn name(&self) -> String {
        format!("accounts/{}/entryCodes/{}", self.account_id, self.entry_code_id)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    entry_code_id: String,
    short_code: String,
    display_name: String,
    channel: String,
    source_domain: String,
    campaign: String,
    tags: String,
    landing_kind: String,
    landing_resource: String,
    expire_time: Option<i64>,
    disabled: i64,
    scan_count: i64,
    revision: i64,
    create_time: i64,
    update_time: i64,
}

impl TryFrom<Row> for EntryCode {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let unknown = |column: &str, text: &str| DbError::broken(format!("entry_code.{column} {text:?}"));
        let kind = LandingKind::named(&row.landing_kind);
        let kind = kind.ok_or_else(|| unknown("landing_kind", &row.landing_kind))?;
        Ok(Self {
            tags: serde_json::from_str(&row.tags).map_err(|_| unknown("tags", &row.tags))?,
            landing: Landing { kind, resource: row.landing_resource },
            account_id: row.account_id,
            entry_code_id: row.entry_code_id,
            short_code: row.short_code,
            display_name: row.display_name,
            channel: row.channel,
            source_domain: row.source_domain,
            campaign: row.campaign,
            expire_time: row.expire_time.map(Micros),
            disabled: row.disabled == 1,
            scan_count: row.scan_count,
            revision: row.revision,
            create_time: Micros(row.create_time),
            update_time: Micros(row.update_time),
        })
    }
}

fn codes(rows: Vec<Row>) -> Result<Vec<EntryCode>, DbError> {
    rows.into_iter().map(EntryCode::try_from).collect()
}

/// Stores new codes; [`DbError::Duplicate`] when a name or a short code is taken.
pub(crate) async fn insert(tx: &mut Tx, codes: &[EntryCode]) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    let columns: Result<Vec<_>, DbError> = codes
        .iter()
        .map(|code| {
            Ok(serde_json::json!([
                code.account_id,
                code.entry_code_id,
                code.short_code,
                code.display_name,
                code.channel,
                code.source_domain,
                code.campaign,
                tags(code)?,
                code.landing.kind.name(),
                code.landing.resource,
                code.expire_time,
                code.revision,
                code.create_time,
                code.update_time,
            ]))
        })
        .collect();
    let columns = rows(columns?)?;
    on_db!(tx, |conn| sqlx::query(text).bind(columns).execute(conn).await.map(drop))
}

pub(crate) async fn get(
    tx: &mut Tx,
    account_id: &str,
    entry_code_id: &str,
) -> Result<Option<EntryCode>, DbError> {
    let text = tx.pick(GET);
    let row: Option<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(entry_code_id)
        .fetch_optional(conn)
        .await)?;
    row.map(EntryCode::try_from).transpose()
}

/// Those of the short codes that there are, of all accounts, in no order.
pub(crate) async fn find<'a>(
    tx: &mut Tx,
    short_codes: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<EntryCode>, DbError> {
    let text = tx.pick(FIND);
    let short_codes = rows(short_codes.into_iter().map(|code| [code]))?;
    codes(on_db!(tx, |conn| sqlx::query_as(text).bind(short_codes).fetch_all(conn).await)?)
}

/// The accounts of those short codes, each once, in alphabetical order.
pub(crate) async fn accounts_of<'a>(
    tx: &mut Tx,
    short_codes: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<String>, DbError> {
    let text = tx.pick(ACCOUNTS);
    let short_codes = rows(short_codes.into_iter().map(|code| [code]))?;
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(short_codes).fetch_all(conn).await)
}

/// Those of an account after `after`, by id; of a campaign, or all where it is empty.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    after: &str,
    campaign: &str,
    limit: i64,
) -> Result<Vec<EntryCode>, DbError> {
    let text = tx.pick(LIST);
    codes(on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(after)
        .bind(campaign)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// Stores what operators may change.
pub(crate) async fn update(tx: &mut Tx, code: &EntryCode) -> Result<(), DbError> {
    let text = tx.pick(UPDATE);
    let tags = tags(code)?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&code.account_id)
        .bind(&code.entry_code_id)
        .bind(&code.display_name)
        .bind(&code.channel)
        .bind(&code.source_domain)
        .bind(&code.campaign)
        .bind(tags)
        .bind(code.landing.kind.name())
        .bind(&code.landing.resource)
        .bind(code.expire_time.map(|time| time.0))
        .bind(i64::from(code.disabled))
        .bind(code.revision)
        .bind(code.update_time.0)
        .execute(conn)
        .await
        .map(drop))
}

/// Adds to the scans of a code.
pub(crate) async fn count_scans(tx: &mut Tx, code: &EntryCode, scans: i64) -> Result<(), DbError> {
    let text = tx.pick(COUNT_SCANS);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&code.account_id)
        .bind(&code.entry_code_id)
        .bind(scans)
        .execute(conn)
        .await
        .map(drop))
}

fn tags(code: &EntryCode) -> Result<String, DbError> {
    serde_json::to_string(&code.tags).map_err(|error| DbError::broken(error.to_string()))
}
