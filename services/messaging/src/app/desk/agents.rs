//! Who answers for an account (M6).

use serde::{Serialize, de::DeserializeOwned};
use siyu_db::Tx;
use siyu_proto::common::v1::{ErrorReason, Role};
use siyu_rpc::{Error, Mutation, auth::CallerKind, retrying};
use tonic::Code;

use crate::{
    Messaging,
    domain::assignment::{Agent, Presence},
    store,
};

/// Most conversations at once of who has just come.
const FIRST_CAPACITY: i64 = 10;
/// Most agents of an account.
const MOST_AGENTS: usize = 1_000;
/// Most conversations that an agent has, for all that is handed back at once.
const ALL: i64 = i64::MAX;

impl Messaging {
    /// Somebody is there, or is not; who comes for the first time is an agent from then on.
    pub(crate) async fn set_agent_state(
        &self,
        mutation: &Mutation,
        [account_id, agent_id]: [&str; 2],
        presence: Presence,
    ) -> Result<Agent, Error> {
        check_own(mutation, account_id, agent_id)?;
        self.check_account(account_id).await?;
        self.change_desk(mutation, account_id, |mut tx| async move {
            let now = self.clock.now();
            let agents = store::agent::of_account(&mut tx, account_id).await?;
            let is_full = agents.len() >= MOST_AGENTS;
            let is_first = agents.is_empty();
            let mut agent = match agents.into_iter().find(|agent| agent.agent_id == agent_id) {
                Some(agent) => agent,
                None if is_full => return Err(too_many(account_id)),
                None => Agent {
                    account_id: account_id.to_owned(),
                    agent_id: agent_id.to_owned(),
                    presence: Presence::Offline,
                    capacity: FIRST_CAPACITY,
                    busy_time: now,
                    update_time: now,
                    load: 0,
                },
            };
            if presence == Presence::Online && agent.presence == Presence::Offline {
                agent.busy_time = now;
            }
            agent.presence = presence;
            agent.update_time = now;
            store::agent::save(&mut tx, &agent).await?;
            if presence == Presence::Offline {
                hand_back(&mut tx, account_id, agent_id).await?;
                agent.load = 0;
            }
            if is_first {
                store::inbox::settings_changed(&mut tx, &format!("accounts/{account_id}")).await?;
            }
            Ok((tx, agent))
        })
        .await
    }

    /// How many conversations an agent may have.
    pub(crate) async fn update_agent(
        &self,
        mutation: &Mutation,
        [account_id, agent_id]: [&str; 2],
        capacity: i64,
    ) -> Result<Agent, Error> {
        self.check_account(account_id).await?;
        self.change_desk(mutation, account_id, |mut tx| async move {
            let mut agent = agent(&mut tx, account_id, agent_id).await?;
            agent.capacity = capacity;
            agent.update_time = self.clock.now();
            store::agent::save(&mut tx, &agent).await?;
            Ok((tx, agent))
        })
        .await
    }

    /// Somebody is an agent no longer.
    pub(crate) async fn delete_agent(
        &self,
        mutation: &Mutation,
        [account_id, agent_id]: [&str; 2],
    ) -> Result<(), Error> {
        self.check_account(account_id).await?;
        self.change_desk(mutation, account_id, |mut tx| async move {
            agent(&mut tx, account_id, agent_id).await?;
            hand_back(&mut tx, account_id, agent_id).await?;
            store::agent::delete(&mut tx, account_id, agent_id).await?;
            store::inbox::settings_changed(&mut tx, &format!("accounts/{account_id}")).await?;
            Ok((tx, ()))
        })
        .await
    }

    /// All agents of an account, by id, with what they have.
    pub(crate) async fn list_agents(&self, account_id: &str) -> Result<Vec<Agent>, Error> {
        self.check_account(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        Ok(store::agent::of_account(&mut tx, account_id).await?)
    }

    /// Changes something at the desk of an account, whose inbox is locked meanwhile; then its queue is looked at. `change` gives
    /// the transaction back with the answer.
    pub(in crate::app) async fn change_desk<A, F>(
        &self,
        mutation: &Mutation,
        account_id: &str,
        change: impl Fn(Tx) -> F + Send + Sync,
    ) -> Result<A, Error>
    where
        A: Serialize + DeserializeOwned + Send + Sync,
        F: Future<Output = Result<(Tx, A), Error>> + Send,
    {
        let answer = retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            store::inbox::lock(&mut tx, [format!("accounts/{account_id}").as_str()]).await?;
            let (tx, answer) = change(tx).await?;
            mutation.finish(tx, &answer, now).await?;
            Ok(answer)
        });
        let answer = answer.await?;
        self.wakes.wake(account_id);
        Ok(answer)
    }
}

/// What an agent has waits again.
async fn hand_back(tx: &mut Tx, account_id: &str, agent_id: &str) -> Result<(), Error> {
    let mut handed_back = store::queue::of_agent(tx, account_id, agent_id, (i64::MIN, ""), ALL).await?;
    for conversation in &mut handed_back {
        let queued = conversation.desk_mut().queue();
        queued
            .map_err(|wrong| Error::internal(format!("{} is assigned and {wrong}", conversation.name())))?;
    }
    Ok(store::conversation::save(tx, &handed_back).await?)
}

/// An agent of the account.
pub(super) async fn agent(tx: &mut Tx, account_id: &str, agent_id: &str) -> Result<Agent, Error> {
    let agents = store::agent::of_account(tx, account_id).await?;
    let found = agents.into_iter().find(|agent| agent.agent_id == agent_id);
    found.ok_or_else(|| Error::not_found(&format!("accounts/{account_id}/agents/{agent_id}")))
}

/// That an operator acts for themselves, or is an admin.
pub(super) fn check_own(mutation: &Mutation, account_id: &str, agent_id: &str) -> Result<(), Error> {
    let caller = mutation.caller();
    let is_admin = caller.role_on(&format!("accounts/{account_id}")).is_some_and(|role| role >= Role::Admin);
    if caller.kind() != CallerKind::Operator || caller.subject() == agent_id || is_admin {
        return Ok(());
    }
    let message = format!("only an admin acts for the agent {agent_id}");
    Err(Error::new(Code::PermissionDenied, ErrorReason::RoleTooLow, message))
}

fn too_many(account_id: &str) -> Error {
    let message = format!("accounts/{account_id} has {MOST_AGENTS} agents, as many as it may have");
    let error = Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message);
    error.with("limit", MOST_AGENTS.to_string())
}
