//! Sending, and how much an account may send (M2, M5).

use std::sync::Arc;

use siyu_clock::Micros;
use siyu_db::DbError;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, retrying};
use tonic::Code;

use super::sending::{Allowed, NewMessage, Sent};
use crate::{
    Messaging,
    domain::{
        conversation::Conversation,
        message::{ContentKind, Message, Sender, Wrong},
        policy::MessagePolicy,
    },
    store::{self, used_right::UsedRight},
};

/// How much an account may still send to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) limit: i64,
    pub(crate) used: i64,
    pub(crate) is_mutual: bool,
    pub(crate) policy_version: i64,
}

impl Messaging {
    /// Sends a message, once.
    pub(crate) async fn send(&self, mut new: NewMessage) -> Result<Arc<Message>, Error> {
        self.check(&new).await?;
        new.zone = self.accounts.zone(&new.account_id).await?;
        if new.sender == Sender::Account {
            let is_certified = self.accounts.is_certified(&new.account_id).await?;
            new.allowed = Allowed::Policy { is_certified };
        }
        let sent = self.sending.call(&new.account_id, new.clone()).await?;
        // Asked only where it decides.
        if !matches!(sent, Sent::OverLimit { .. }) {
            return sent.stored(&new);
        }
        if self.follows.are_mutual(&new.account_id, &new.user_id).await? {
            new.allowed = Allowed::Any;
            return self.sending.call(&new.account_id, new.clone()).await?.stored(&new);
        }
        match self.reserve_right(&new).await? {
            Some(right) => self.send_by_right(new, &right).await,
            None => sent.stored(&new),
        }
    }

    /// Sends a message that a right of the wallet was reserved for.
    async fn send_by_right(&self, mut new: NewMessage, right: &UsedRight) -> Result<Arc<Message>, Error> {
        new.allowed = Allowed::ByRight;
        // When it is not known whether it is stored, the right stays reserved until its time is over.
        let sent = self.sending.call(&new.account_id, new.clone()).await?;
        match &sent {
            Sent::Stored(_) => {
                if let Err(error) = self.tell_used_right(right).await {
                    tracing::warn!(%error, "that a right was used is told later");
                }
            }
            // Another call has stored it, and tells whether it used the right.
            Sent::Repeated(_) => {}
            _ => self.release_right(right).await,
        }
        sent.stored(&new)
    }

    /// That a message can be sent, as far as it alone tells.
    pub(super) async fn check(&self, new: &NewMessage) -> Result<(), Error> {
        // What a tap says is in the menu.
        if new.content.kind != ContentKind::Menu {
            let checked = new.content.check(&new.account_id, new.sender);
            checked.map_err(|(field, rule): Wrong| Error::invalid_field(format!("content.{field}"), rule))?;
        }
        self.accounts.check(&new.account_id).await?;
        if new.content.kind == ContentKind::Card {
            self.accounts.check_card(&new.content.card, "content.card").await?;
        }
        Ok(())
    }

    /// A conversation, where somebody has written in it, and how much the account may still send.
    pub(crate) async fn get_conversation(
        &self,
        account_id: &str,
        user_id: &str,
    ) -> Result<(Option<Conversation>, Allowance), Error> {
        let is_certified = self.accounts.is_certified(account_id).await?;
        let is_mutual = self.follows.are_mutual(account_id, user_id).await?;
        let mut tx = self.db.begin_read().await?;
        let policy = store::policy::in_force(&mut tx, self.clock.now()).await?;
        let found = store::conversation::find(&mut tx, [(account_id, user_id)]).await?.pop();
        let allowance = Allowance {
            limit: policy.limit(is_certified),
            used: found.as_ref().map_or(0, |conversation| conversation.unanswered_count),
            is_mutual,
            policy_version: policy.version,
        };
        Ok((found, allowance))
    }

    /// Sets what holds from a time on.
    pub(crate) async fn create_message_policy(
        &self,
        mutation: &Mutation,
        limits: [i64; 2],
        effective_time: Option<Micros>,
    ) -> Result<MessagePolicy, Error> {
        let [certified_limit, basic_limit] = limits;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let effective_time = effective_time.unwrap_or(now);
            if effective_time < now {
                let rule = "must not be in the past: what was allowed then stays so";
                return Err(Error::invalid_field("message_policy.effective_time", rule));
            }
            let version = store::policy::last_version(&mut tx).await? + 1;
            let policy =
                MessagePolicy { version, effective_time, certified_limit, basic_limit, create_time: now };
            store::policy::insert(&mut tx, &policy).await.map_err(made_meanwhile)?;
            mutation.finish(tx, &policy, now).await?;
            Ok(policy)
        })
        .await
    }
}

/// Somebody else has just taken the version.
fn made_meanwhile(error: DbError) -> Error {
    match error {
        DbError::Duplicate { .. } => {
            Error::new(Code::Aborted, ErrorReason::Contention, "another policy was just made; try again")
        }
        other => other.into(),
    }
}
