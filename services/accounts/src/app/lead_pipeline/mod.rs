//! The lead pipeline (M8): who has which lead, how far it has come, and who gets the next. Whoever changes something in it has
//! the lock of the account: of two who claim a lead one comes second, and what is counted is true.

mod change;
mod expire;
mod hand_over;
mod read;
mod settings;
mod team;

use std::time::Duration;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_outbox::{Draft, Outbox};
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::Error;
use tonic::Code;

pub(crate) use change::Wish;
pub(crate) use hand_over::Target;
pub(crate) use read::ReportRow;
pub(crate) use settings::NewSettings;

use crate::{
    domain::lead_pipeline::{Cause, Change, Member, Refused, Step, Task, next_owner},
    events,
    store::{self, lead::Lead, lead_pipeline::Settings},
};

const DAY: Duration = Duration::from_secs(86_400);

/// What becomes of the leads of an account in one transaction, which has the lock of the account.
pub(super) struct Pipeline {
    account_id: String,
    settings: Settings,
    /// Those who are given leads, once they are loaded.
    members: Vec<Member>,
    members_changed: bool,
    /// Each lead once, what has happened to it, and what others are told of that.
    tasks: Vec<Task>,
    changes: Vec<Change>,
    drafts: Vec<Draft>,
}

impl Pipeline {
    pub(super) async fn open(tx: &mut Tx, account_id: &str) -> Result<Self, Error> {
        Ok(Self {
            account_id: account_id.to_owned(),
            settings: store::lead_pipeline::get(tx, account_id).await?,
            members: Vec::new(),
            members_changed: false,
            tasks: Vec::new(),
            changes: Vec::new(),
            drafts: Vec::new(),
        })
    }

    fn distributes(&self) -> bool {
        self.settings.distributes == 1
    }

    /// Who is given leads, as long as that is on.
    async fn load_members(&mut self, tx: &mut Tx) -> Result<(), Error> {
        if self.distributes() {
            self.members = store::lead_pipeline::members(tx, &self.account_id).await?;
        }
        Ok(())
    }

    /// What somebody does now, and writes to it.
    fn step<'a>(&self, actor: &'a str, note: &'a str, now: Micros) -> Step<'a> {
        let days = u32::try_from(self.settings.return_after_days).unwrap_or_default();
        Step { actor, note, now, return_after: (days > 0).then(|| DAY * days) }
    }

    /// Takes in a lead that a user has left, and gives it to somebody where that is on.
    pub(super) async fn submit(&mut self, tx: &mut Tx, lead: &Lead, actor: &str) -> Result<(), Error> {
        self.load_members(tx).await?;
        let step = self.step(actor, "", Micros(lead.create_time));
        let ids = [&*lead.account_id, &*lead.lead_id, &*lead.card_id, &*lead.user_id];
        let (mut task, submitted) = Task::submitted(ids, step);
        self.changes.push(submitted);
        if let Some(owner) = self.next_owner() {
            let given = task.give(Some(&owner), Cause::Distributed, step);
            let given = given.map_err(|refused| unexpected(&task, &refused))?;
            self.note(task, given);
        } else {
            self.tasks.push(task);
        }
        Ok(())
    }

    fn next_owner(&mut self) -> Option<String> {
        let owner = next_owner(&mut self.members);
        self.members_changed |= owner.is_some();
        owner
    }

    /// Gives an open lead to somebody, or to the pool.
    fn give(
        &mut self,
        mut task: Task,
        owner: Option<&str>,
        cause: Cause,
        step: Step<'_>,
    ) -> Result<(), Error> {
        let given = task.give(owner, cause, step).map_err(|refused| unexpected(&task, &refused))?;
        self.note(task, given);
        Ok(())
    }

    /// What has become of a lead; it is noted once in a transaction.
    fn note(&mut self, task: Task, change: Option<Change>) {
        if let Some(change) = change {
            self.drafts.push(events::lead_changed(&task, &change));
            self.changes.push(change);
            self.tasks.push(task);
        }
    }

    /// Stores what has become of the leads, and tells of it.
    pub(super) async fn store(self, tx: &mut Tx, outbox: &Outbox) -> Result<(), Error> {
        if self.tasks.is_empty() {
            return Ok(());
        }
        store::lead_task::save(tx, &self.account_id, &self.tasks).await?;
        store::lead_change::insert(tx, &self.account_id, &self.changes).await?;
        if self.members_changed {
            store::lead_pipeline::save_members(tx, &self.account_id, &self.members).await?;
        }
        Ok(outbox.write(tx, self.drafts).await?)
    }
}

/// Nobody else changes the leads of an account until the transaction ends.
async fn lock(tx: &mut Tx, account_id: &str, asked_for: &str) -> Result<(), Error> {
    let account = store::account::get_for_update(tx, account_id).await?;
    account.map(drop).ok_or_else(|| Error::not_found(asked_for))
}

/// An erased lead leaves the pipeline, with all that was written to it.
pub(super) async fn erase(tx: &mut Tx, account_id: &str, lead_id: &str) -> Result<(), Error> {
    store::lead_task::delete(tx, account_id, lead_id).await?;
    Ok(store::lead_change::delete(tx, account_id, lead_id).await?)
}

/// What is open cannot be refused.
fn unexpected(task: &Task, refused: &Refused) -> Error {
    Error::internal(format!("{} is open, and {refused:?}", task.name()))
}

fn wrong_state(resource: &str, message: String) -> Error {
    Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message).with("resource", resource)
}
