use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use super::lead_task::{lost_reason, owner, stage};
use crate::domain::lead_pipeline::{Cause, Change, LostReason, Stage};

statements! {
    INSERT = ["INSERT INTO lead_change (account_id, lead_id, number, cause, stage, previous_stage, lost_reason, owner, \
               previous_owner, actor, note, change_time) \
               SELECT $1, input.value->>0, CAST(input.value->>1 AS BIGINT), input.value->>2, input.value->>3, \
               input.value->>4, input.value->>5, input.value->>6, input.value->>7, input.value->>8, input.value->>9, \
               CAST(input.value->>10 AS BIGINT) FROM ", rows(2), ""];
    LIST = "SELECT * FROM lead_change WHERE account_id = $1 AND lead_id = $2 AND number > $3 ORDER BY number LIMIT $4";
    DELETE = "DELETE FROM lead_change WHERE account_id = $1 AND lead_id = $2";
}

#[derive(sqlx::FromRow)]
struct Row {
    lead_id: String,
    number: i64,
    cause: String,
    stage: String,
    previous_stage: String,
    lost_reason: String,
    owner: String,
    previous_owner: String,
    actor: String,
    note: String,
    change_time: i64,
}

impl TryFrom<Row> for Change {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let unknown = || DbError::broken(format!("lead_change.cause {:?}", row.cause));
        let previous_stage = match row.previous_stage.as_str() {
            "" => None,
            name => Some(stage(name)?),
        };
        Ok(Self {
            cause: Cause::named(&row.cause).ok_or_else(unknown)?,
            stage: stage(&row.stage)?,
            previous_stage,
            lost_reason: lost_reason(&row.lost_reason)?,
            owner: owner(row.owner),
            previous_owner: owner(row.previous_owner),
            lead_id: row.lead_id,
            number: row.number,
            actor: row.actor,
            note: row.note,
            change_time: Micros(row.change_time),
        })
    }
}

/// Stores what has happened to leads of one account.
pub(crate) async fn insert(tx: &mut Tx, account_id: &str, changes: &[Change]) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    let changes = rows(changes.iter().map(|change| {
        (
            &change.lead_id,
            change.number,
            change.cause.name(),
            change.stage.name(),
            change.previous_stage.map_or("", Stage::name),
            change.lost_reason.map_or("", LostReason::name),
            change.owner.as_deref().unwrap_or_default(),
            change.previous_owner.as_deref().unwrap_or_default(),
            &change.actor,
            &change.note,
            change.change_time.0,
        )
    }))?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(&changes).execute(conn).await.map(drop))
}

/// What has happened to a lead after the step `after`, in its order.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    lead_id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<Change>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(lead_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Change::try_from).collect()
}

/// The lead is erased, and with it what was written to it.
pub(crate) async fn delete(tx: &mut Tx, account_id: &str, lead_id: &str) -> Result<(), DbError> {
    let text = tx.pick(DELETE);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(lead_id).execute(conn).await.map(drop))
}
