use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::lead_pipeline::Member;

statements! {
    GET = "SELECT return_after_days, distributes, revision, update_time FROM lead_pipeline WHERE account_id = $1";
    SAVE = "INSERT INTO lead_pipeline (account_id, return_after_days, distributes, revision, update_time) \
            VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id) DO UPDATE SET \
            return_after_days = excluded.return_after_days, distributes = excluded.distributes, \
            revision = excluded.revision, update_time = excluded.update_time";
    MEMBERS = "SELECT agent_id, weight, cap, turn FROM lead_member WHERE account_id = $1 ORDER BY agent_id";
    SAVE_MEMBERS = ["INSERT INTO lead_member (account_id, agent_id, weight, cap, turn) \
                     SELECT $1, input.value->>0, CAST(input.value->>1 AS BIGINT), CAST(input.value->>2 AS BIGINT), \
                     CAST(input.value->>3 AS BIGINT) FROM ", rows(2),
                    " WHERE TRUE ON CONFLICT (account_id, agent_id) DO UPDATE SET weight = excluded.weight, \
                     cap = excluded.cap, turn = excluded.turn"];
    DELETE_MEMBERS = "DELETE FROM lead_member WHERE account_id = $1";
    DELETE_MEMBER = "DELETE FROM lead_member WHERE account_id = $1 AND agent_id = $2";
    /// Accounts of a company where somebody is given leads.
    ACCOUNTS_WITH = "SELECT lead_member.account_id FROM lead_member JOIN account \
                     ON account.account_id = lead_member.account_id \
                     WHERE account.enterprise_id = $1 AND agent_id = $2 ORDER BY lead_member.account_id";
}

/// How the leads of an account find somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// 0: never.
    pub(crate) return_after_days: i64,
    /// 1 where new leads are given to the members.
    pub(crate) distributes: i64,
    /// Counts its changes; 0 while there was none.
    pub(crate) revision: i64,
    pub(crate) update_time: i64,
}

/// The settings of an account; those that say nothing where nobody has set any.
pub(crate) async fn get(tx: &mut Tx, account_id: &str) -> Result<Settings, DbError> {
    let text = tx.pick(GET);
    let found: Option<Settings> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_optional(conn).await)?;
    Ok(found.unwrap_or_default())
}

pub(crate) async fn save(tx: &mut Tx, account_id: &str, settings: &Settings) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(settings.return_after_days)
        .bind(settings.distributes)
        .bind(settings.revision)
        .bind(settings.update_time)
        .execute(conn)
        .await
        .map(drop))
}

/// The members of an account by id, with the open leads that they have.
pub(crate) async fn members(tx: &mut Tx, account_id: &str) -> Result<Vec<Member>, DbError> {
    let text = tx.pick(MEMBERS);
    let found: Vec<(String, i64, i64, i64)> =
        on_db!(&mut *tx, |conn| sqlx::query_as(text).bind(account_id).fetch_all(conn).await)?;
    let ids = found.iter().map(|(agent_id, ..)| agent_id.as_str());
    let counts = super::lead_task::open_counts(tx, account_id, ids).await?;
    let open =
        |agent_id: &str| counts.iter().find(|(owner, _)| owner == agent_id).map_or(0, |(_, count)| *count);
    let member = |(agent_id, weight, cap, turn): (String, i64, i64, i64)| {
        let open = open(&agent_id);
        Member { agent_id, weight, cap, turn, open }
    };
    Ok(found.into_iter().map(member).collect())
}

/// Stores new members, and what has become of others.
pub(crate) async fn save_members(tx: &mut Tx, account_id: &str, members: &[Member]) -> Result<(), DbError> {
    let text = tx.pick(SAVE_MEMBERS);
    let members =
        rows(members.iter().map(|member| (&member.agent_id, member.weight, member.cap, member.turn)))?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(&members).execute(conn).await.map(drop))
}

/// There are none any more.
pub(crate) async fn delete_members(tx: &mut Tx, account_id: &str) -> Result<(), DbError> {
    let text = tx.pick(DELETE_MEMBERS);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).execute(conn).await.map(drop))
}

/// One is none any more.
pub(crate) async fn delete_member(tx: &mut Tx, account_id: &str, agent_id: &str) -> Result<(), DbError> {
    let text = tx.pick(DELETE_MEMBER);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(agent_id).execute(conn).await.map(drop))
}

/// The accounts of a company where somebody is a member, by id.
pub(crate) async fn accounts_with(
    tx: &mut Tx,
    enterprise_id: &str,
    agent_id: &str,
) -> Result<Vec<String>, DbError> {
    let text = tx.pick(ACCOUNTS_WITH);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(enterprise_id).bind(agent_id).fetch_all(conn).await)
}
