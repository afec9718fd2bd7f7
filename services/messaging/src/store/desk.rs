//! What an account has set up for its desk, and the cases that are closed.

use serde::{Serialize, de::DeserializeOwned};
use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::{
    calendar::BusinessCalendar,
    clocks::{Promise, Target},
    conversation::Conversation,
    desk::DeskRules,
    figures::CaseFigures,
};

statements! {
    GET = "SELECT calendar, targets FROM desk_setting WHERE account_id = $1";
    HAS_AGENTS = "SELECT COUNT(*) FROM agent WHERE account_id = $1";
    SAVE_CALENDAR = "INSERT INTO desk_setting (account_id, calendar, targets) VALUES ($1, $2, '') \
                     ON CONFLICT (account_id) DO UPDATE SET calendar = excluded.calendar";
    SAVE_TARGETS = "INSERT INTO desk_setting (account_id, calendar, targets) VALUES ($1, '', $2) \
                    ON CONFLICT (account_id) DO UPDATE SET targets = excluded.targets";
    SAVE_CASE = "INSERT INTO desk_case (account_id, user_id, number, agent_id, open_time, close_time, \
                 first_bot_micros, first_human_micros, resolution_micros, warning_count, breach_count, stars) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
                 ON CONFLICT (account_id, user_id, number) DO UPDATE SET agent_id = excluded.agent_id, \
                 close_time = excluded.close_time, first_bot_micros = excluded.first_bot_micros, \
                 first_human_micros = excluded.first_human_micros, \
                 resolution_micros = excluded.resolution_micros, warning_count = excluded.warning_count, \
                 breach_count = excluded.breach_count, stars = excluded.stars";
    DELETE_CASE = "DELETE FROM desk_case WHERE account_id = $1 AND user_id = $2 AND number = $3";
    CASES = "SELECT agent_id, first_bot_micros, first_human_micros, resolution_micros, warning_count, breach_count, \
             stars FROM desk_case WHERE account_id = $1 AND open_time >= $2 AND open_time < $3";
}

/// What is stored of an account's desk.
#[derive(Debug, Default)]
pub(crate) struct DeskSetting {
    pub(crate) calendar: Option<BusinessCalendar>,
    pub(crate) targets: Vec<Target>,
}

fn json<T: Serialize>(value: &T) -> Result<String, DbError> {
    serde_json::to_string(value).map_err(|error| DbError::broken(error.to_string()))
}

/// What is written in JSON; the default of what is empty.
fn read<T: DeserializeOwned + Default>(json: &str) -> Result<T, DbError> {
    if json.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_str(json).map_err(|error| DbError::broken(error.to_string()))
}

/// What an account has set.
pub(crate) async fn setting(tx: &mut Tx, account_id: &str) -> Result<DeskSetting, DbError> {
    let text = tx.pick(GET);
    let found: Option<(String, String)> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_optional(conn).await)?;
    let Some((calendar, targets)) = found else { return Ok(DeskSetting::default()) };
    Ok(DeskSetting { calendar: read(&calendar)?, targets: read(&targets)? })
}

/// What holds at the desk of an account.
pub(crate) async fn rules(tx: &mut Tx, account_id: &str) -> Result<DeskRules, DbError> {
    let setting = setting(tx, account_id).await?;
    let text = tx.pick(HAS_AGENTS);
    let agent_count: i64 =
        on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_one(conn).await)?;
    let working = match &setting.calendar {
        Some(calendar) => calendar.working_time().map_err(|(field, _)| DbError::broken(field))?,
        None => Default::default(),
    };
    let promise = Promise { working, targets: setting.targets };
    Ok(DeskRules { has_agents: agent_count > 0, promise })
}

/// Stores when an account works.
pub(crate) async fn save_calendar(
    tx: &mut Tx,
    account_id: &str,
    calendar: Option<&BusinessCalendar>,
) -> Result<(), DbError> {
    let text = tx.pick(SAVE_CALENDAR);
    let calendar = json(&calendar)?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(calendar).execute(conn).await.map(drop))
}

/// Stores how soon an account wants to have answered.
pub(crate) async fn save_targets(tx: &mut Tx, account_id: &str, targets: &[Target]) -> Result<(), DbError> {
    let text = tx.pick(SAVE_TARGETS);
    let targets = json(&targets)?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(targets).execute(conn).await.map(drop))
}

/// Stores a case that is closed, new or as it is now.
pub(crate) async fn save_case(tx: &mut Tx, conversation: &Conversation) -> Result<(), DbError> {
    let Some(desk) = &conversation.desk else { return Ok(()) };
    let figures = CaseFigures::of(desk);
    let text = tx.pick(SAVE_CASE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&conversation.account_id)
        .bind(&conversation.user_id)
        .bind(desk.number)
        .bind(&figures.agent_id)
        .bind(desk.open_time.0)
        .bind(desk.close_time.map_or(0, |time| time.0))
        .bind(figures.first_bot)
        .bind(figures.first_human)
        .bind(figures.resolution)
        .bind(figures.warning_count)
        .bind(figures.breach_count)
        .bind(figures.stars)
        .execute(conn)
        .await
        .map(drop))
}

/// A case is open again.
pub(crate) async fn delete_case(tx: &mut Tx, conversation: &Conversation) -> Result<(), DbError> {
    let Some(desk) = &conversation.desk else { return Ok(()) };
    let text = tx.pick(DELETE_CASE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&conversation.account_id)
        .bind(&conversation.user_id)
        .bind(desk.number)
        .execute(conn)
        .await
        .map(drop))
}

/// Closed cases of an account that were opened in a period, in no order.
pub(crate) async fn cases(
    tx: &mut Tx,
    account_id: &str,
    [start, end]: [Micros; 2],
) -> Result<Vec<CaseFigures>, DbError> {
    type Row = (String, Option<i64>, Option<i64>, Option<i64>, i64, i64, Option<i64>);
    let text = tx.pick(CASES);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(start.0)
        .bind(end.0)
        .fetch_all(conn)
        .await)?;
    let figures =
        |(agent_id, first_bot, first_human, resolution, warning_count, breach_count, stars)| CaseFigures {
            agent_id,
            is_open: false,
            first_bot,
            first_human,
            resolution,
            warning_count,
            breach_count,
            stars,
        };
    Ok(found.into_iter().map(figures).collect())
}
