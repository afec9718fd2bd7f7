//! Many leads at once: all of one agent, and those in the pool.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::{Error, Mutation, name, retrying};

use super::{
    Pipeline, lock,
    team::{check_agent, is_agent},
    wrong_state,
};
use crate::{
    Accounts,
    domain::lead_pipeline::{Cause, Step},
    store::{self, operator::Operator},
};

/// All leads of an agent.
const ALL: i64 = i64::MAX;

/// Where the leads of an agent go.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Agent(String),
    Pool,
    Distribution,
}

/// What has become of the leads of an agent.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct HandedOver {
    pub(crate) agent_count: i64,
    pub(crate) pool_count: i64,
}

impl Accounts {
    /// Hands all open leads of an agent to somebody else.
    pub(crate) async fn hand_over_leads(
        &self,
        mutation: &Mutation,
        account_id: &str,
        from: &str,
        target: &Target,
        note: &str,
    ) -> Result<HandedOver, Error> {
        let actor = mutation.actor();
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            lock(&mut tx, account_id, &format!("accounts/{account_id}")).await?;
            let mut pipeline = Pipeline::open(&mut tx, account_id).await?;
            match target {
                Target::Agent(to) => check_agent(&mut tx, account_id, to, "to").await?,
                Target::Distribution => pipeline.check_distributes()?,
                Target::Pool => {}
            }
            let step = pipeline.step(&actor, note, now);
            let done = pipeline.hand_over(&mut tx, from, target, Cause::HandedOver, step).await?;
            pipeline.store(&mut tx, &self.outbox).await?;
            mutation.finish(tx, &done, now).await?;
            self.outbox.wake();
            Ok(done)
        })
        .await
    }

    /// Gives leads in the pool to the members of the distribution; answers how many.
    pub(crate) async fn distribute_leads(
        &self,
        mutation: &Mutation,
        account_id: &str,
        most: i64,
    ) -> Result<i64, Error> {
        let actor = mutation.actor();
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            lock(&mut tx, account_id, &format!("accounts/{account_id}")).await?;
            let mut pipeline = Pipeline::open(&mut tx, account_id).await?;
            pipeline.check_distributes()?;
            pipeline.load_members(&mut tx).await?;
            let step = pipeline.step(&actor, "", now);
            let mut count = 0;
            for task in store::lead_task::open_of(&mut tx, account_id, None, most).await? {
                let Some(owner) = pipeline.next_owner() else { break };
                pipeline.give(task, Some(&owner), Cause::Distributed, step)?;
                count += 1;
            }
            pipeline.store(&mut tx, &self.outbox).await?;
            mutation.finish(tx, &count, now).await?;
            self.outbox.wake();
            Ok(count)
        })
        .await
    }

    /// An operator was removed or may do less: where they are no agent any more, they are given no leads, and those they have
    /// go to the distribution or the pool.
    pub(crate) async fn release_leads(
        &self,
        tx: &mut Tx,
        mutation: &Mutation,
        operator: &Operator,
        now: Micros,
    ) -> Result<(), Error> {
        let (agent_id, actor) = (&operator.subject, mutation.actor());
        for account_id in accounts_with(tx, operator).await? {
            lock(tx, &account_id, &format!("accounts/{account_id}")).await?;
            if is_agent(tx, &account_id, agent_id).await? {
                continue;
            }
            store::lead_pipeline::delete_member(tx, &account_id, agent_id).await?;
            let mut pipeline = Pipeline::open(tx, &account_id).await?;
            let target = if pipeline.distributes() { Target::Distribution } else { Target::Pool };
            let step = pipeline.step(&actor, "", now);
            pipeline.hand_over(tx, agent_id, &target, Cause::OwnerRemoved, step).await?;
            pipeline.store(tx, &self.outbox).await?;
        }
        Ok(())
    }
}

impl Pipeline {
    fn check_distributes(&self) -> Result<(), Error> {
        if self.distributes() {
            return Ok(());
        }
        let name = format!("accounts/{}/leadPipelineSettings", self.account_id);
        Err(wrong_state(&name, format!("{name}: the distribution is off")))
    }

    /// Hands all open leads of an agent over, who gets none of them back.
    async fn hand_over(
        &mut self,
        tx: &mut Tx,
        from: &str,
        target: &Target,
        cause: Cause,
        step: Step<'_>,
    ) -> Result<HandedOver, Error> {
        if matches!(target, Target::Distribution) {
            self.load_members(tx).await?;
            self.members.retain(|member| member.agent_id != from);
        }
        let mut done = HandedOver::default();
        for task in store::lead_task::open_of(tx, &self.account_id, Some(from), ALL).await? {
            let owner = match target {
                Target::Agent(to) => Some(to.clone()),
                Target::Pool => None,
                Target::Distribution => self.next_owner(),
            };
            self.give(task, owner.as_deref(), cause, step)?;
            match owner {
                Some(_) => done.agent_count += 1,
                None => done.pool_count += 1,
            }
        }
        Ok(done)
    }
}

/// The accounts where an operator may have leads by what they were.
async fn accounts_with(tx: &mut Tx, operator: &Operator) -> Result<BTreeSet<String>, Error> {
    if let Some([account_id]) = name::ids(&operator.parent, ["accounts"]) {
        return Ok([account_id.to_owned()].into());
    }
    let enterprise_id = name::id(&operator.parent, "enterprises", "parent")?;
    let agent_id = &operator.subject;
    let mut accounts: BTreeSet<_> =
        store::lead_task::accounts_with(tx, enterprise_id, agent_id).await?.into_iter().collect();
    accounts.extend(store::lead_pipeline::accounts_with(tx, enterprise_id, agent_id).await?);
    Ok(accounts)
}
