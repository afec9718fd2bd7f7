//! One lead in the pipeline, and what may be done with it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::{LostReason, Stage};

/// Where a lead stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) account_id: String,
    pub(crate) lead_id: String,
    /// The form.
    pub(crate) card_id: String,
    pub(crate) user_id: String,
    pub(crate) stage: Stage,
    /// Of a lost one.
    pub(crate) lost_reason: Option<LostReason>,
    /// The subject of an operator; none: it is in the pool. What has ended has an owner.
    pub(crate) owner: Option<String>,
    /// Since when they have it, or since when it is in the pool.
    pub(crate) assign_time: Micros,
    /// When it last came to somebody or to another stage.
    pub(crate) move_time: Micros,
    /// When it goes back to the pool.
    pub(crate) return_time: Option<Micros>,
    /// Counts its changes.
    pub(crate) revision: i64,
    pub(crate) create_time: Micros,
    pub(crate) update_time: Micros,
}

/// Who changes something, when, and what they write to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step<'a> {
    pub(crate) actor: &'a str,
    pub(crate) note: &'a str,
    pub(crate) now: Micros,
    /// After how long without a move a lead goes back to the pool; none: never.
    pub(crate) return_after: Option<Duration>,
}

/// Why something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cause {
    Submitted,
    Moved,
    Claimed,
    GivenBack,
    Assigned,
    Distributed,
    HandedOver,
    Expired,
    OwnerRemoved,
}

/// One step in the history of a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) lead_id: String,
    /// From 1 on.
    pub(crate) number: i64,
    pub(crate) cause: Cause,
    pub(crate) stage: Stage,
    /// None with the first step.
    pub(crate) previous_stage: Option<Stage>,
    pub(crate) lost_reason: Option<LostReason>,
    pub(crate) owner: Option<String>,
    pub(crate) previous_owner: Option<String>,
    pub(crate) actor: String,
    pub(crate) note: String,
    pub(crate) change_time: Micros,
}

/// Why a lead stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It has ended.
    Ended(Stage),
    /// Nobody has it.
    InPool,
    /// Somebody else has it.
    Taken(String),
    /// The table has no such step.
    NoWay(Stage, Stage),
}

impl Task {
    /// A lead that a user has left, in the pool.
    pub(crate) fn submitted(
        [account_id, lead_id, card_id, user_id]: [&str; 4],
        step: Step<'_>,
    ) -> (Self, Change) {
        let mut task = Self {
            account_id: account_id.to_owned(),
            lead_id: lead_id.to_owned(),
            card_id: card_id.to_owned(),
            user_id: user_id.to_owned(),
            stage: Stage::New,
            lost_reason: None,
            owner: None,
            assign_time: step.now,
            move_time: step.now,
            return_time: None,
            revision: 0,
            create_time: step.now,
            update_time: step.now,
        };
        let change = task.changed(Cause::Submitted, (None, None), step);
        (task, change)
    }

    /// `accounts/{account}/leads/{lead}`
    pub(crate) fn name(&self) -> String {
        format!("accounts/{}/leads/{}", self.account_id, self.lead_id)
    }

    /// Brings it to another stage; a lost one has a reason.
    pub(crate) fn move_to(
        &mut self,
        stage: Stage,
        lost_reason: Option<LostReason>,
        step: Step<'_>,
    ) -> Result<Change, Refused> {
        let owner = self.owner.clone().ok_or(Refused::InPool)?;
        let before = self.stage;
        if !before.next().contains(&stage) {
            return Err(Refused::NoWay(before, stage));
        }
        (self.stage, self.lost_reason) = (stage, lost_reason);
        self.move_time = step.now;
        Ok(self.changed(Cause::Moved, (Some(before), Some(owner)), step))
    }

    /// Takes it out of the pool; no change where they have it already.
    pub(crate) fn claim(&mut self, agent_id: &str, step: Step<'_>) -> Result<Option<Change>, Refused> {
        match self.owner.as_deref() {
            None => self.give(Some(agent_id), Cause::Claimed, step),
            Some(owner) if owner == agent_id => Ok(None),
            Some(owner) => Err(Refused::Taken(owner.to_owned())),
        }
    }

    /// Gives it to somebody, or to the pool; no change where it is there already.
    pub(crate) fn give(
        &mut self,
        owner: Option<&str>,
        cause: Cause,
        step: Step<'_>,
    ) -> Result<Option<Change>, Refused> {
        if !self.stage.is_open() {
            return Err(Refused::Ended(self.stage));
        }
        if self.owner.as_deref() == owner {
            return Ok(None);
        }
        let before = std::mem::replace(&mut self.owner, owner.map(ToOwned::to_owned));
        (self.assign_time, self.move_time) = (step.now, step.now);
        Ok(Some(self.changed(cause, (Some(self.stage), before), step)))
    }

    /// What has become of it, and when it goes back to the pool.
    fn changed(
        &mut self,
        cause: Cause,
        (previous_stage, previous_owner): (Option<Stage>, Option<String>),
        step: Step<'_>,
    ) -> Change {
        let waits = self.owner.is_some() && self.stage.is_open();
        self.return_time = step.return_after.filter(|_| waits).map(|after| self.move_time.plus(after));
        self.revision += 1;
        self.update_time = step.now;
        Change {
            lead_id: self.lead_id.clone(),
            number: self.revision,
            cause,
            stage: self.stage,
            previous_stage,
            lost_reason: self.lost_reason,
            owner: self.owner.clone(),
            previous_owner,
            actor: step.actor.to_owned(),
            note: step.note.to_owned(),
            change_time: step.now,
        }
    }
}

impl Cause {
    pub(crate) const ALL: [Self; 9] = [
        Self::Submitted,
        Self::Moved,
        Self::Claimed,
        Self::GivenBack,
        Self::Assigned,
        Self::Distributed,
        Self::HandedOver,
        Self::Expired,
        Self::OwnerRemoved,
    ];

    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Moved => "moved",
            Self::Claimed => "claimed",
            Self::GivenBack => "given_back",
            Self::Assigned => "assigned",
            Self::Distributed => "distributed",
            Self::HandedOver => "handed_over",
            Self::Expired => "expired",
            Self::OwnerRemoved => "owner_removed",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }
}

#[cfg(test)]
mod tests;
