use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::{
    group::{Group, GroupSettings, JoinMode, Purpose},
    threshold::Threshold,
};

statements! {
    INSERT = "INSERT INTO chat_group (account_id, group_id, series_id, series_number, purpose, create_time, display_name, \
              capacity, opens_next, join_mode, threshold, announcement, welcome, muted, closed, member_count, \
              last_sequence, last_change, departures, pinned_sequence, check_time, revision, update_time) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)";
    UPDATE = "UPDATE chat_group SET display_name = $3, capacity = $4, opens_next = $5, join_mode = $6, threshold = $7, \
              announcement = $8, welcome = $9, muted = $10, closed = $11, member_count = $12, last_sequence = $13, \
              last_change = $14, departures = $15, pinned_sequence = $16, check_time = $17, revision = $18, \
              update_time = $19 WHERE account_id = $1 AND group_id = $2";
    GET = "SELECT * FROM chat_group WHERE account_id = $1 AND group_id = $2";
    /// In the order of their names everywhere: no two transactions wait for each other in a circle.
    LOCK = {
        sqlite: "SELECT chat_group.* FROM json_each($1) AS input CROSS JOIN chat_group \
                 WHERE account_id = input.value->>0 AND group_id = input.value->>1",
        postgres: "SELECT * FROM chat_group WHERE (account_id, group_id) IN \
                   (SELECT value->>0, value->>1 FROM jsonb_array_elements($1::jsonb) AS input(value)) \
                   ORDER BY account_id, group_id FOR UPDATE",
    };
    /// What messages change.
    SAVE_CHAT = ["UPDATE chat_group SET last_sequence = CAST(input.value->>2 AS BIGINT), \
                  last_change = CAST(input.value->>3 AS BIGINT) FROM ", rows(1),
                 " WHERE chat_group.account_id = input.value->>0 AND chat_group.group_id = input.value->>1"];
    LIST = "SELECT * FROM chat_group WHERE account_id = $1 AND group_id > $2 ORDER BY group_id LIMIT $3";
    COUNT = "SELECT COUNT(*) FROM chat_group WHERE account_id = $1";
    OF_SERIES = "SELECT * FROM chat_group WHERE account_id = $1 AND series_id = $2 ORDER BY series_number";
    LAST_CHANGES = ["SELECT chat_group.account_id, chat_group.group_id, chat_group.last_change FROM ", rows(1),
                    " CROSS JOIN chat_group WHERE chat_group.account_id = input.value->>0 \
                     AND chat_group.group_id = input.value->>1"];
    DUE = "SELECT account_id, group_id FROM chat_group WHERE check_time <= $1 ORDER BY check_time LIMIT $2";
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    account_id: String,
    group_id: String,
    series_id: String,
    series_number: i64,
    display_name: String,
    purpose: String,
    capacity: i64,
    opens_next: i64,
    join_mode: String,
    threshold: String,
    announcement: String,
    welcome: String,
    muted: i64,
    closed: i64,
    member_count: i64,
    last_sequence: i64,
    last_change: i64,
    departures: i64,
    pinned_sequence: i64,
    check_time: Option<i64>,
    revision: i64,
    create_time: i64,
    update_time: i64,
}

impl TryFrom<Row> for Group {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let broken = |what: &str| DbError::broken(format!("chat_group.{what}"));
        let threshold = match row.threshold.as_str() {
            "" => Threshold::default(),
            json => serde_json::from_str(json).map_err(|_| broken("threshold"))?,
        };
        let settings = GroupSettings {
            display_name: row.display_name,
            capacity: row.capacity,
            opens_next: row.opens_next == 1,
            join_mode: JoinMode::named(&row.join_mode).ok_or_else(|| broken("join_mode"))?,
            threshold,
            announcement: row.announcement,
            welcome: row.welcome,
            muted: row.muted == 1,
        };
        Ok(Self {
            purpose: Purpose::named(&row.purpose).ok_or_else(|| broken("purpose"))?,
            settings,
            account_id: row.account_id,
            group_id: row.group_id,
            series_id: row.series_id,
            series_number: row.series_number,
            closed: row.closed == 1,
            member_count: row.member_count,
            last_sequence: row.last_sequence,
            last_change: row.last_change,
            departures: row.departures,
            pinned_sequence: row.pinned_sequence,
            check_time: row.check_time.map(Micros),
            revision: row.revision,
            create_time: Micros(row.create_time),
            update_time: Micros(row.update_time),
        })
    }
}

fn groups(rows: Vec<Row>) -> Result<Vec<Group>, DbError> {
    rows.into_iter().map(Group::try_from).collect()
}

fn threshold(group: &Group) -> Result<String, DbError> {
    let threshold = &group.settings.threshold;
    if *threshold == Threshold::default() {
        return Ok(String::new());
    }
    serde_json::to_string(threshold).map_err(|error| DbError::broken(error.to_string()))
}

/// Stores a new group.
pub(crate) async fn insert(tx: &mut Tx, group: &Group) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    let (settings, threshold) = (&group.settings, threshold(group)?);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&group.account_id)
        .bind(&group.group_id)
        .bind(&group.series_id)
        .bind(group.series_number)
        .bind(group.purpose.name())
        .bind(group.create_time.0)
        .bind(&settings.display_name)
        .bind(settings.capacity)
        .bind(i64::from(settings.opens_next))
        .bind(settings.join_mode.name())
        .bind(threshold)
        .bind(&settings.announcement)
        .bind(&settings.welcome)
        .bind(i64::from(settings.muted))
        .bind(i64::from(group.closed))
        .bind(group.member_count)
        .bind(group.last_sequence)
        .bind(group.last_change)
        .bind(group.departures)
        .bind(group.pinned_sequence)
        .bind(group.check_time.map(|time| time.0))
        .bind(group.revision)
        .bind(group.update_time.0)
        .execute(conn)
        .await
        .map(drop))
}

/// Stores a group, which this transaction has locked, as it is now.
pub(crate) async fn update(tx: &mut Tx, group: &Group) -> Result<(), DbError> {
    let text = tx.pick(UPDATE);
    let (settings, threshold) = (&group.settings, threshold(group)?);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&group.account_id)
        .bind(&group.group_id)
        .bind(&settings.display_name)
        .bind(settings.capacity)
        .bind(i64::from(settings.opens_next))
        .bind(settings.join_mode.name())
        .bind(threshold)
        .bind(&settings.announcement)
        .bind(&settings.welcome)
        .bind(i64::from(settings.muted))
        .bind(i64::from(group.closed))
        .bind(group.member_count)
        .bind(group.last_sequence)
        .bind(group.last_change)
        .bind(group.departures)
        .bind(group.pinned_sequence)
        .bind(group.check_time.map(|time| time.0))
        .bind(group.revision)
        .bind(group.update_time.0)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, group_id: &str) -> Result<Option<Group>, DbError> {
    let text = tx.pick(GET);
    let found: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(group_id).fetch_optional(conn).await)?;
    found.map(Group::try_from).transpose()
}

/// Locks groups, given as account and group, until the transaction ends; in no order, without those that there are not.
pub(crate) async fn lock<'a>(
    tx: &mut Tx,
    names: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Group>, DbError> {
    let text = tx.pick(LOCK);
    let names = rows(names)?;
    groups(on_db!(tx, |conn| sqlx::query_as(text).bind(&names).fetch_all(conn).await)?)
}

/// Stores where the messages of groups stand, which this transaction has locked.
pub(crate) async fn save_chat<'a>(
    tx: &mut Tx,
    groups: impl IntoIterator<Item = &'a Group>,
) -> Result<(), DbError> {
    let text = tx.pick(SAVE_CHAT);
    let standing = |group: &'a Group| {
        (group.account_id.as_str(), group.group_id.as_str(), group.last_sequence, group.last_change)
    };
    let groups = rows(groups.into_iter().map(standing))?;
    on_db!(tx, |conn| sqlx::query(text).bind(&groups).execute(conn).await.map(drop))
}

/// Groups with ids above `after`, in their order.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Group>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    groups(found)
}

pub(crate) async fn count(tx: &mut Tx, account_id: &str) -> Result<i64, DbError> {
    let text = tx.pick(COUNT);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_one(conn).await)
}

/// The groups of a series, first to last.
pub(crate) async fn of_series(tx: &mut Tx, account_id: &str, series_id: &str) -> Result<Vec<Group>, DbError> {
    let text = tx.pick(OF_SERIES);
    groups(on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(series_id).fetch_all(conn).await)?)
}

/// Account, group and last change of groups, as far as there are any; in no order.
pub(crate) async fn last_changes(
    tx: &mut Tx,
    names: &[[&str; 2]],
) -> Result<Vec<(String, String, i64)>, DbError> {
    let text = tx.pick(LAST_CHANGES);
    let names = rows(names)?;
    on_db!(tx, |conn| sqlx::query_as(text).bind(&names).fetch_all(conn).await)
}

/// Groups, as account and group, whose thresholds are to be asked at `now`.
pub(crate) async fn due(tx: &mut Tx, now: Micros, limit: i64) -> Result<Vec<(String, String)>, DbError> {
    let text = tx.pick(DUE);
    on_db!(tx, |conn| sqlx::query_as(text).bind(now.0).bind(limit).fetch_all(conn).await)
}
