use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::assignment::{Agent, Presence};

statements! {
    /// With how many conversations they have.
    OF_ACCOUNT = "SELECT agent.account_id, agent.agent_id, presence, capacity, busy_time, update_time, \
                  (SELECT COUNT(*) FROM conversation WHERE conversation.account_id = agent.account_id \
                   AND conversation.agent_id = agent.agent_id AND desk_status = 'assigned') AS load \
                  FROM agent WHERE account_id = $1 ORDER BY agent_id";
    SAVE = "INSERT INTO agent (account_id, agent_id, presence, capacity, busy_time, update_time) \
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id, agent_id) DO UPDATE SET \
            presence = excluded.presence, capacity = excluded.capacity, busy_time = excluded.busy_time, \
            update_time = excluded.update_time";
    BUSY = ["UPDATE agent SET busy_time = CAST(input.value->>1 AS BIGINT) FROM ", rows(1),
            " WHERE agent.account_id = $2 AND agent.agent_id = input.value->>0"];
    DELETE = "DELETE FROM agent WHERE account_id = $1 AND agent_id = $2";
}

#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    agent_id: String,
    presence: String,
    capacity: i64,
    busy_time: i64,
    update_time: i64,
    load: i64,
}

impl TryFrom<Row> for Agent {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let presence = Presence::named(&row.presence);
        Ok(Self {
            presence: presence
                .ok_or_else(|| DbError::broken(format!("agent.presence {:?}", row.presence)))?,
            account_id: row.account_id,
            agent_id: row.agent_id,
            capacity: row.capacity,
            busy_time: Micros(row.busy_time),
            update_time: Micros(row.update_time),
            load: row.load,
        })
    }
}

/// All agents of an account, by id, with what they have.
pub(crate) async fn of_account(tx: &mut Tx, account_id: &str) -> Result<Vec<Agent>, DbError> {
    let text = tx.pick(OF_ACCOUNT);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_all(conn).await)?;
    found.into_iter().map(Agent::try_from).collect()
}

/// Stores an agent, new or as they are now.
pub(crate) async fn save(tx: &mut Tx, agent: &Agent) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&agent.account_id)
        .bind(&agent.agent_id)
        .bind(agent.presence.name())
        .bind(agent.capacity)
        .bind(agent.busy_time.0)
        .bind(agent.update_time.0)
        .execute(conn)
        .await
        .map(drop))
}

/// Notes when agents last got something to do.
pub(crate) async fn save_busy(tx: &mut Tx, account_id: &str, agents: &[Agent]) -> Result<(), DbError> {
    let text = tx.pick(BUSY);
    let agents = rows(agents.iter().map(|agent| (&agent.agent_id, agent.busy_time.0)))?;
    on_db!(tx, |conn| sqlx::query(text).bind(agents).bind(account_id).execute(conn).await.map(drop))
}

pub(crate) async fn delete(tx: &mut Tx, account_id: &str, agent_id: &str) -> Result<(), DbError> {
    let text = tx.pick(DELETE);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(agent_id).execute(conn).await.map(drop))
}
