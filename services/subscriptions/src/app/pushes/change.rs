//! Changing drafts; taking back what is not published, and holding what is.

use std::time::Duration;

use siyu_rpc::{Error, Mutation, retrying};

use super::{busy, locked, touched, wrong_state};
use crate::{
    Subscriptions,
    domain::push::{Content, Push, State},
};

/// A change to a draft.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Content(Content),
    /// As the CRM reads it.
    Audience(Vec<u8>),
    Topic(String),
    ServiceMessage(bool),
    TimeToLive(Duration),
}

impl Change {
    pub(super) fn apply(&self, push: &mut Push) {
        match self {
            Self::Content(content) => push.content = content.clone(),
            Self::Audience(audience) => push.audience.clone_from(audience),
            Self::Topic(topic) => push.topic.clone_from(topic),
            Self::ServiceMessage(service_message) => push.service_message = *service_message,
            Self::TimeToLive(time_to_live) => push.time_to_live = *time_to_live,
        }
    }
}

impl Subscriptions {
    /// Takes back a push that is not published.
    pub(crate) async fn cancel_push(
        &self,
        mutation: &Mutation,
        account_id: &str,
        push_id: &str,
    ) -> Result<Push, Error> {
        self.move_push(mutation, account_id, push_id, |push| match push.state {
            State::Cancelled => Ok(false),
            State::Draft | State::Scheduled => {
                push.owes_right = push.state == State::Scheduled;
                push.due_time = push.owes_right.then_some(push.update_time);
                push.state = State::Cancelled;
                Ok(true)
            }
            State::Reserving | State::Publishing => Err(busy(push)),
            _ => Err(wrong_state(push, "only what is not published yet can be cancelled")),
        })
        .await
    }

    /// Keeps what a push holds from being delivered.
    pub(crate) async fn pause_push(
        &self,
        mutation: &Mutation,
        account_id: &str,
        push_id: &str,
    ) -> Result<Push, Error> {
        self.move_push(mutation, account_id, push_id, |push| match push.state {
            State::Paused => Ok(false),
            State::Sending => {
                push.state = State::Paused;
                push.due_time = None;
                Ok(true)
            }
            State::Publishing => Err(busy(push)),
            _ => Err(wrong_state(push, "only what is being sent can be paused")),
        })
        .await
    }

    /// Lets a paused push go on.
    pub(crate) async fn resume_push(
        &self,
        mutation: &Mutation,
        account_id: &str,
        push_id: &str,
    ) -> Result<Push, Error> {
        self.move_push(mutation, account_id, push_id, |push| match push.state {
            State::Sending | State::Sent => Ok(false),
            State::Paused => {
                push.state = State::Sending;
                push.due_time = Some(push.update_time);
                Ok(true)
            }
            _ => Err(wrong_state(push, "only what is paused can be resumed")),
        })
        .await
    }

    /// Brings a push into another state, as `step` says: whether there is anything to change. What is due for it after that
    /// is done soon; `update_time` is now.
    async fn move_push(
        &self,
        mutation: &Mutation,
        account_id: &str,
        push_id: &str,
        step: impl Fn(&mut Push) -> Result<bool, Error> + Send + Sync,
    ) -> Result<Push, Error> {
        let moved = retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let before = locked(&mut tx, account_id, push_id).await?;
            let mut push = before.clone();
            touched(&mut push, now);
            if !step(&mut push)? {
                return Ok(before);
            }
            self.store_changed(&mut tx, &push).await?;
            mutation.finish(tx, &push, now).await?;
            Ok(push)
        })
        .await?;
        self.outbox.wake();
        self.pushes_due.notify_one();
        Ok(moved)
    }
}
