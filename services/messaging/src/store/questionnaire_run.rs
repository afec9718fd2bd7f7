use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::questionnaire::{EndReason, RunRecord, RunState};

statements! {
    SAVE = ["INSERT INTO questionnaire_run (account_id, run_id, user_id, questionnaire_id, number, revision, \
             start_sequence, state, reason, answered_count, answers, lead_id, failure, start_time, end_time, due_time) \
             SELECT input.value->>0, input.value->>1, input.value->>2, input.value->>3, \
             CAST(input.value->>4 AS BIGINT), CAST(input.value->>5 AS BIGINT), CAST(input.value->>6 AS BIGINT), \
             input.value->>7, input.value->>8, CAST(input.value->>9 AS BIGINT), input.value->>10, '', '', \
             CAST(input.value->>11 AS BIGINT), CAST(input.value->>12 AS BIGINT), CAST(input.value->>13 AS BIGINT) FROM ",
            rows(1),
            " WHERE TRUE ON CONFLICT (account_id, run_id) DO UPDATE SET state = excluded.state, \
             reason = excluded.reason, answered_count = excluded.answered_count, answers = excluded.answers, \
             end_time = excluded.end_time, due_time = excluded.due_time"];
    DUE = "SELECT * FROM questionnaire_run WHERE due_time <= $1 ORDER BY due_time, account_id, run_id LIMIT $2";
    PUT_OFF = "UPDATE questionnaire_run SET lead_id = $3, due_time = $4 \
               WHERE account_id = $1 AND run_id = $2 AND state = 'submitting'";
    FINISH = "UPDATE questionnaire_run SET state = $3, reason = $4, lead_id = $5, failure = $6, due_time = NULL \
              WHERE account_id = $1 AND run_id = $2 AND state = 'submitting'";
    LIST = "SELECT * FROM questionnaire_run WHERE account_id = $1 AND questionnaire_id = $2 \
            AND (start_time, run_id) < ($3, $4) ORDER BY start_time DESC, run_id DESC LIMIT $5";
    REPORT = "SELECT state, reason, answered_count, COUNT(*) FROM questionnaire_run \
              WHERE account_id = $1 AND questionnaire_id = $2 GROUP BY state, reason, answered_count \
              ORDER BY state, reason, answered_count";
}

#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    run_id: String,
    user_id: String,
    questionnaire_id: String,
    number: i64,
    revision: i64,
    start_sequence: i64,
    state: String,
    reason: String,
    answers: String,
    lead_id: String,
    failure: String,
    start_time: i64,
    end_time: Option<i64>,
    due_time: Option<i64>,
}

impl TryFrom<Row> for RunRecord {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let answers = serde_json::from_str(&row.answers);
        Ok(Self {
            answers: answers
                .map_err(|error| DbError::broken(format!("questionnaire_run.answers: {error}")))?,
            state: state(&row.state)?,
            reason: reason(&row.reason)?,
            account_id: row.account_id,
            run_id: row.run_id,
            user_id: row.user_id,
            questionnaire_id: row.questionnaire_id,
            version: (row.number, row.revision),
            start_sequence: row.start_sequence,
            lead_id: row.lead_id,
            failure: row.failure,
            start_time: Micros(row.start_time),
            end_time: row.end_time.map(Micros),
            due_time: row.due_time.map(Micros),
        })
    }
}

fn state(name: &str) -> Result<RunState, DbError> {
    RunState::named(name).ok_or_else(|| DbError::broken(format!("questionnaire_run.state {name:?}")))
}

fn reason(name: &str) -> Result<Option<EndReason>, DbError> {
    if name.is_empty() {
        return Ok(None);
    }
    let reason = EndReason::named(name);
    reason.map(Some).ok_or_else(|| DbError::broken(format!("questionnaire_run.reason {name:?}")))
}

/// How many runs stand somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunCount {
    pub(crate) state: RunState,
    pub(crate) reason: Option<EndReason>,
    pub(crate) answered_count: i64,
    pub(crate) count: i64,
}

/// Stores runs that begin or end, each once.
pub(crate) async fn save<'a>(
    tx: &mut Tx,
    runs: impl IntoIterator<Item = &'a RunRecord>,
) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    let runs = runs.into_iter().map(|run| {
        let answers = serde_json::to_string(&run.answers);
        Ok((
            &run.account_id,
            &run.run_id,
            &run.user_id,
            &run.questionnaire_id,
            run.version.0,
            run.version.1,
            run.start_sequence,
            run.state.name(),
            run.reason.map_or("", EndReason::name),
            run.answers.len(),
            answers.map_err(|error| DbError::broken(error.to_string()))?,
            run.start_time.0,
            run.end_time.map(|time| time.0),
            run.due_time.map(|time| time.0),
        ))
    });
    let runs = rows(runs.collect::<Result<Vec<_>, DbError>>()?)?;
    on_db!(tx, |conn| sqlx::query(text).bind(runs).execute(conn).await.map(drop))
}

/// Runs for which there is something to do, longest due first.
pub(crate) async fn due(tx: &mut Tx, now: Micros, limit: i64) -> Result<Vec<RunRecord>, DbError> {
    let text = tx.pick(DUE);
    let found: Vec<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(now.0).bind(limit).fetch_all(conn).await)?;
    found.into_iter().map(RunRecord::try_from).collect()
}

/// A run, as far as it came, is looked at again later, unless somebody else has finished it.
pub(crate) async fn put_off(tx: &mut Tx, run: &RunRecord, due_time: Micros) -> Result<(), DbError> {
    let text = tx.pick(PUT_OFF);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&run.account_id)
        .bind(&run.run_id)
        .bind(&run.lead_id)
        .bind(due_time.0)
        .execute(conn)
        .await
        .map(drop))
}

/// Stores what became of a run that was on its way; answers whether nobody else has.
pub(crate) async fn finish(tx: &mut Tx, run: &RunRecord) -> Result<bool, DbError> {
    let text = tx.pick(FINISH);
    let changed = on_db!(tx, |conn| sqlx::query(text)
        .bind(&run.account_id)
        .bind(&run.run_id)
        .bind(run.state.name())
        .bind(run.reason.map_or("", EndReason::name))
        .bind(&run.lead_id)
        .bind(&run.failure)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// Runs of a questionnaire that began before a time and id, newest first.
pub(crate) async fn list(
    tx: &mut Tx,
    [account_id, questionnaire_id]: [&str; 2],
    (time, run_id): (i64, &str),
    limit: i64,
) -> Result<Vec<RunRecord>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(questionnaire_id)
        .bind(time)
        .bind(run_id)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(RunRecord::try_from).collect()
}

/// How many runs of a questionnaire stand where.
pub(crate) async fn report(
    tx: &mut Tx,
    [account_id, questionnaire_id]: [&str; 2],
) -> Result<Vec<RunCount>, DbError> {
    let text = tx.pick(REPORT);
    let found: Vec<(String, String, i64, i64)> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(questionnaire_id)
        .fetch_all(conn)
        .await)?;
    let counts = found.into_iter().map(|(name, why, answered_count, count)| {
        Ok(RunCount { state: state(&name)?, reason: reason(&why)?, answered_count, count })
    });
    counts.collect()
}
