use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::lead_pipeline::{LostReason, Stage, Task};

statements! {
    /// Stores new ones, and what has become of others.
    SAVE = ["INSERT INTO lead_task (account_id, lead_id, card_id, user_id, stage, lost_reason, owner, assign_time, move_time, \
             return_time, revision, create_time, update_time) \
             SELECT $1, input.value->>0, input.value->>1, input.value->>2, input.value->>3, input.value->>4, \
             input.value->>5, CAST(input.value->>6 AS BIGINT), CAST(input.value->>7 AS BIGINT), \
             CAST(input.value->>8 AS BIGINT), CAST(input.value->>9 AS BIGINT), CAST(input.value->>10 AS BIGINT), \
             CAST(input.value->>11 AS BIGINT) FROM ", rows(2),
            " WHERE TRUE ON CONFLICT (account_id, lead_id) DO UPDATE SET stage = excluded.stage, \
             lost_reason = excluded.lost_reason, owner = excluded.owner, assign_time = excluded.assign_time, \
             move_time = excluded.move_time, return_time = excluded.return_time, revision = excluded.revision, \
             update_time = excluded.update_time"];
    GET = "SELECT * FROM lead_task WHERE account_id = $1 AND lead_id = $2";
    LIST = "SELECT * FROM lead_task WHERE account_id = $1 AND (create_time, lead_id) < ($2, $3) \
            AND ($5 = '' OR stage = $5) ORDER BY create_time DESC, lead_id DESC LIMIT $4";
    LIST_OF_OWNER = "SELECT * FROM lead_task WHERE account_id = $1 AND (create_time, lead_id) < ($2, $3) \
                     AND ($5 = '' OR stage = $5) AND owner = $6 ORDER BY create_time DESC, lead_id DESC LIMIT $4";
    /// Open ones of an owner or of the pool, who have them or wait there longest first.
    OPEN_OF = "SELECT * FROM lead_task WHERE account_id = $1 AND owner = $2 AND stage IN ('new', 'contacted', 'qualified') \
               ORDER BY assign_time, lead_id LIMIT $3";
    OPEN_COUNTS = ["SELECT owner, COUNT(*) FROM ", lookup("lead_task", "owner", "TEXT", 2),
                   " AND lead_task.account_id = $1 AND lead_task.stage IN ('new', 'contacted', 'qualified') GROUP BY owner"];
    /// What is due is found by its time, of which there is an index, and then counted by account.
    DUE_ACCOUNTS = "WITH due AS MATERIALIZED (SELECT account_id, return_time FROM lead_task WHERE return_time <= $1) \
                    SELECT account_id FROM due GROUP BY account_id ORDER BY MIN(return_time), account_id LIMIT $2";
    DUE = "SELECT * FROM lead_task WHERE account_id = $1 AND return_time <= $2 ORDER BY return_time, lead_id LIMIT $3";
    /// The time after which they go back is another one from now on.
    RESET_RETURN = "UPDATE lead_task SET return_time = move_time + NULLIF(CAST($2 AS BIGINT), 0) \
                    WHERE account_id = $1 AND owner <> '' AND stage IN ('new', 'contacted', 'qualified')";
    REPORT = "SELECT owner, stage, COUNT(*) FROM lead_task \
              WHERE account_id = $1 AND create_time >= $2 AND create_time < $3 GROUP BY owner, stage ORDER BY owner";
    /// Accounts of a company where somebody has open leads.
    ACCOUNTS_WITH = "SELECT account_id FROM account WHERE enterprise_id = $1 AND EXISTS (SELECT 1 FROM lead_task \
                     WHERE lead_task.account_id = account.account_id AND owner = $2 \
                     AND stage IN ('new', 'contacted', 'qualified')) ORDER BY account_id";
    DELETE = "DELETE FROM lead_task WHERE account_id = $1 AND lead_id = $2";
}

/// The newest of those to be listed: all that come before it, by time and id.
pub(crate) type Place = (i64, String);

/// Which to list.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) stage: Option<Stage>,
    /// Those of an owner, or, where that is empty, those in the pool; none: all.
    pub(crate) owner: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    lead_id: String,
    card_id: String,
    user_id: String,
    stage: String,
    lost_reason: String,
    owner: String,
    assign_time: i64,
    move_time: i64,
    return_time: Option<i64>,
    revision: i64,
    create_time: i64,
    update_time: i64,
}

impl TryFrom<Row> for Task {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        Ok(Self {
            stage: stage(&row.stage)?,
            lost_reason: lost_reason(&row.lost_reason)?,
            owner: owner(row.owner),
            account_id: row.account_id,
            lead_id: row.lead_id,
            card_id: row.card_id,
            user_id: row.user_id,
            assign_time: Micros(row.assign_time),
            move_time: Micros(row.move_time),
            return_time: row.return_time.map(Micros),
            revision: row.revision,
            create_time: Micros(row.create_time),
            update_time: Micros(row.update_time),
        })
    }
}

/// `accounts/{account}/agents/{agent}`, as the service desk calls them too.
pub(crate) fn agent_name(account_id: &str, agent_id: &str) -> String {
    format!("accounts/{account_id}/agents/{agent_id}")
}

pub(super) fn stage(name: &str) -> Result<Stage, DbError> {
    Stage::named(name).ok_or_else(|| DbError::broken(format!("the stage {name:?}")))
}

/// None where it is not lost.
pub(super) fn lost_reason(name: &str) -> Result<Option<LostReason>, DbError> {
    match name {
        "" => Ok(None),
        name => LostReason::named(name)
            .map(Some)
            .ok_or_else(|| DbError::broken(format!("the lost_reason {name:?}"))),
    }
}

/// None for the pool.
pub(super) fn owner(agent_id: String) -> Option<String> {
    Some(agent_id).filter(|agent_id| !agent_id.is_empty())
}

/// Stores tasks of one account, new ones and others.
pub(crate) async fn save(tx: &mut Tx, account_id: &str, tasks: &[Task]) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    let tasks = rows(tasks.iter().map(|task| {
        (
            &task.lead_id,
            &task.card_id,
            &task.user_id,
            task.stage.name(),
            task.lost_reason.map_or("", LostReason::name),
            task.owner.as_deref().unwrap_or_default(),
            task.assign_time.0,
            task.move_time.0,
            task.return_time.map(|time| time.0),
            task.revision,
            task.create_time.0,
            task.update_time.0,
        )
    }))?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(&tasks).execute(conn).await.map(drop))
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, lead_id: &str) -> Result<Option<Task>, DbError> {
    let text = tx.pick(GET);
    let row: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(lead_id).fetch_optional(conn).await)?;
    row.map(Task::try_from).transpose()
}

/// Those of an account before `before`, newest first.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    filter: &Filter,
    (time, lead_id): &Place,
    limit: i64,
) -> Result<Vec<Task>, DbError> {
    let text = tx.pick(if filter.owner.is_some() { LIST_OF_OWNER } else { LIST });
    let stage = filter.stage.map_or("", Stage::name);
    let found: Vec<Row> = on_db!(tx, |conn| {
        let query = sqlx::query_as(text).bind(account_id).bind(*time).bind(lead_id).bind(limit).bind(stage);
        let query = match &filter.owner {
            Some(owner) => query.bind(owner),
            None => query,
        };
        query.fetch_all(conn).await
    })?;
    found.into_iter().map(Task::try_from).collect()
}

/// Open ones of an owner, or of the pool; those come first that have been there longest.
pub(crate) async fn open_of(
    tx: &mut Tx,
    account_id: &str,
    owner: Option<&str>,
    limit: i64,
) -> Result<Vec<Task>, DbError> {
    let text = tx.pick(OPEN_OF);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(owner.unwrap_or_default())
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Task::try_from).collect()
}

/// How many open ones each of the agents has who has any.
pub(crate) async fn open_counts<'a>(
    tx: &mut Tx,
    account_id: &str,
    agent_ids: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<(String, i64)>, DbError> {
    let text = tx.pick(OPEN_COUNTS);
    let agents = rows(agent_ids.into_iter().map(|id| [id]))?;
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(&agents).fetch_all(conn).await)
}

/// Accounts with leads that go back to the pool at `now`, longest due first.
pub(crate) async fn due_accounts(tx: &mut Tx, now: Micros, limit: i64) -> Result<Vec<String>, DbError> {
    let text = tx.pick(DUE_ACCOUNTS);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(now.0).bind(limit).fetch_all(conn).await)
}

/// Those of an account that go back to the pool at `now`.
pub(crate) async fn due(
    tx: &mut Tx,
    account_id: &str,
    now: Micros,
    limit: i64,
) -> Result<Vec<Task>, DbError> {
    let text = tx.pick(DUE);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(now.0)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Task::try_from).collect()
}

/// Those that somebody has go back to the pool so many microseconds after their last move; 0: never.
pub(crate) async fn reset_return(tx: &mut Tx, account_id: &str, after: i64) -> Result<(), DbError> {
    let text = tx.pick(RESET_RETURN);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(after).execute(conn).await.map(drop))
}

/// Owner, stage and how many, of those left from `start` on and before `end`; by owner.
pub(crate) async fn report(
    tx: &mut Tx,
    account_id: &str,
    (start, end): (Micros, Micros),
) -> Result<Vec<(Option<String>, Stage, i64)>, DbError> {
    let text = tx.pick(REPORT);
    let found: Vec<(String, String, i64)> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(start.0)
        .bind(end.0)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(|(agent_id, name, count)| Ok((owner(agent_id), stage(&name)?, count))).collect()
}

/// The accounts of a company where somebody has open leads, by id.
pub(crate) async fn accounts_with(
    tx: &mut Tx,
    enterprise_id: &str,
    agent_id: &str,
) -> Result<Vec<String>, DbError> {
    let text = tx.pick(ACCOUNTS_WITH);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(enterprise_id).bind(agent_id).fetch_all(conn).await)
}

/// The lead is erased.
pub(crate) async fn delete(tx: &mut Tx, account_id: &str, lead_id: &str) -> Result<(), DbError> {
    let text = tx.pick(DELETE);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(lead_id).execute(conn).await.map(drop))
}
