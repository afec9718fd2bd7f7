//! What is done with one lead.

use siyu_proto::common::v1::{ErrorReason, Role};
use siyu_rpc::{
    Error, Mutation,
    auth::{Caller, CallerKind},
    etag, retrying,
};
use tonic::Code;

use super::{
    Pipeline, lock,
    team::{check_agent, claimant},
    wrong_state,
};
use crate::{
    Accounts,
    domain::lead_pipeline::{Cause, LostReason, Refused, Stage, Task},
    store,
};

/// What is wanted of a lead.
#[derive(Debug, Clone)]
pub(crate) enum Wish {
    Move {
        stage: Stage,
        lost_reason: Option<LostReason>,
    },
    /// For an agent; none: for whoever calls.
    Claim(Option<String>),
    GiveBack,
    Assign(String),
}

impl Accounts {
    /// Does with a lead what is wanted, if the caller may and has seen it as it is.
    pub(crate) async fn change_lead(
        &self,
        mutation: &Mutation,
        [account_id, lead_id]: [&str; 2],
        wish: &Wish,
        note: &str,
        seen: &str,
    ) -> Result<Task, Error> {
        let (caller, actor) = (mutation.caller(), mutation.actor());
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let name = store::lead::name(account_id, lead_id);
            lock(&mut tx, account_id, &name).await?;
            let found = store::lead_task::get(&mut tx, account_id, lead_id).await?;
            let mut task = found.ok_or_else(|| Error::not_found(&name))?;
            etag::check(seen, task.revision, &name)?;
            let mut pipeline = Pipeline::open(&mut tx, account_id).await?;
            let step = pipeline.step(&actor, note, now);
            let changed = match wish {
                Wish::Move { stage, lost_reason } => {
                    check_own(caller, &task)?;
                    task.move_to(*stage, *lost_reason, step).map(Some)
                }
                Wish::Claim(agent_id) => {
                    let agent_id = claimant(&mut tx, caller, account_id, agent_id.as_deref()).await?;
                    task.claim(agent_id, step)
                }
                Wish::GiveBack => {
                    check_own(caller, &task)?;
                    task.give(None, Cause::GivenBack, step)
                }
                Wish::Assign(agent_id) => {
                    check_agent(&mut tx, account_id, agent_id, "agent").await?;
                    task.give(Some(agent_id), Cause::Assigned, step)
                }
            };
            let change = changed.map_err(|refused| told(&task, &refused))?;
            pipeline.note(task.clone(), change);
            pipeline.store(&mut tx, &self.outbox).await?;
            mutation.finish(tx, &task, now).await?;
            self.outbox.wake();
            Ok(task)
        })
        .await
    }
}

/// That an operator has the lead, or is an admin.
fn check_own(caller: &Caller, task: &Task) -> Result<(), Error> {
    let is_admin = caller.role_on(&format!("accounts/{}", task.account_id)) >= Some(Role::Admin);
    let is_own = task.owner.as_deref().is_none_or(|owner| owner == caller.subject());
    if caller.kind() != CallerKind::Operator || is_own || is_admin {
        return Ok(());
    }
    let message = format!("{} belongs to somebody else: only an admin does that for them", task.name());
    Err(Error::new(Code::PermissionDenied, ErrorReason::RoleTooLow, message))
}

fn told(task: &Task, refused: &Refused) -> Error {
    let name = task.name();
    let why = match refused {
        Refused::Ended(stage) => format!("is {}: reopen it first", stage.name()),
        Refused::InPool => "is in the pool: claim it first".to_owned(),
        Refused::Taken(owner) => format!("belongs to {owner} already"),
        Refused::NoWay(from, to) => {
            let next: Vec<_> = from.next().iter().map(|stage| stage.name()).collect();
            format!("is {} and cannot become {}, but {}", from.name(), to.name(), next.join(" or "))
        }
    };
    let error = wrong_state(&name, format!("{name} {why}")).with("state", task.stage.name());
    match refused {
        Refused::Taken(owner) => error.with("owner", store::lead_task::agent_name(&task.account_id, owner)),
        _ => error,
    }
}
