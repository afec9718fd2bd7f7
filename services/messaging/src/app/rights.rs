//! Messages beyond what the policy allows: each costs a right of the account's wallet (A10).
//!
//! The right is reserved before the message is stored; that the message has used it stands in the transaction that stores it, until
//! the accounts service has answered. So a process that ends in between charges nothing that was not sent, and nothing twice.

use std::time::Duration;

use sha2::{Digest, Sha256};
use siyu_clock::Micros;
use siyu_proto::accounts::v1::{
    CommitReservationRequest, ReleaseReservationRequest, ReserveRightRequest, RightKind,
    rights_service_client::RightsServiceClient,
};
use siyu_rpc::{
    Error,
    peer::{Peer, unanswered},
    time::to_proto,
};
use tonic::Code;

use super::sending::NewMessage;
use crate::{
    Messaging,
    store::{self, used_right::UsedRight},
};

/// When a right is given back that was reserved for a message that was never stored.
const HELD: Duration = Duration::from_secs(3_600);
/// Rights of one look.
const AT_ONCE: i64 = 500;

/// Asks the accounts service.
#[derive(Debug, Clone)]
pub(crate) struct Rights {
    rights: RightsServiceClient<Peer>,
}

impl Rights {
    pub(crate) fn new(accounts: Peer) -> Self {
        Self { rights: RightsServiceClient::new(accounts) }
    }

    /// Reserves a right for a message, once; answers whether there was one.
    async fn reserve(&self, (account_id, reservation_id): &UsedRight, now: Micros) -> Result<bool, Error> {
        let parent = format!("accounts/{account_id}");
        let request = ReserveRightRequest {
            parent: parent.clone(),
            reservation_id: reservation_id.clone(),
            kind: RightKind::PrivateMessage.into(),
            amount: 1,
            use_time: None,
            expire_time: Some(to_proto(now.plus(HELD))),
        };
        match self.rights.clone().reserve_right(request).await {
            Ok(_) => Ok(true),
            // None are left, or it was given back: the message is not stored yet, so it may not be for nothing.
            Err(status) if matches!(status.code(), Code::ResourceExhausted | Code::FailedPrecondition) => {
                Ok(false)
            }
            Err(status) => Err(unanswered(status, "accounts", &parent)),
        }
    }

    /// Says that a right was used. One that was given back meanwhile stays so.
    async fn commit(&self, used: &UsedRight) -> Result<(), Error> {
        let name = name(used);
        match self.rights.clone().commit_reservation(CommitReservationRequest { name: name.clone() }).await {
            Err(status) if !matches!(status.code(), Code::FailedPrecondition | Code::NotFound) => {
                Err(unanswered(status, "accounts", &name))
            }
            Err(status) => {
                tracing::warn!(reservation = name, %status, "a right that was used was given back before that was told");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    /// Gives a right back. Where that fails it is given back when its time is over.
    async fn release(&self, right: &UsedRight) {
        let request = ReleaseReservationRequest { name: name(right) };
        if let Err(status) = self.rights.clone().release_reservation(request).await {
            tracing::warn!(reservation = name(right), %status, "a right is given back later");
        }
    }
}

impl Messaging {
    /// Reserves a right for a message that would be one too many; None where the account has none left.
    pub(super) async fn reserve_right(&self, new: &NewMessage) -> Result<Option<UsedRight>, Error> {
        let right = right(new);
        Ok(self.rights.reserve(&right, self.clock.now()).await?.then_some(right))
    }

    /// Gives back the right of a message that was not stored.
    pub(super) async fn release_right(&self, right: &UsedRight) {
        self.rights.release(right).await;
    }

    /// Tells of rights that messages have used, as far as that was not done.
    pub(crate) async fn tell_used_rights(&self) -> Result<(), Error> {
        let mut tx = self.db.begin_read().await?;
        let used = store::used_right::list(&mut tx, AT_ONCE).await?;
        drop(tx);
        for used in &used {
            self.tell_used_right(used).await?;
        }
        Ok(())
    }

    /// Tells that a message has used a right.
    pub(super) async fn tell_used_right(&self, used: &UsedRight) -> Result<(), Error> {
        self.rights.commit(used).await?;
        let mut tx = self.db.begin().await?;
        store::used_right::delete(&mut tx, used).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// The right that a message costs: whoever sends the same message again means the same.
pub(super) fn right(new: &NewMessage) -> UsedRight {
    let mut hasher = Sha256::new();
    for part in [&new.user_id, &new.client_message_id, &new.content.digest()] {
        hasher.update(part.len().to_le_bytes());
        hasher.update(part);
    }
    (new.account_id.clone(), format!("message-{}", const_hex::encode(&hasher.finalize()[..16])))
}

fn name((account_id, reservation_id): &UsedRight) -> String {
    format!("accounts/{account_id}/rightReservations/{reservation_id}")
}
