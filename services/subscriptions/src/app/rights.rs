//! The rights that pushes cost: the wallet of the account has them (A10).

use siyu_clock::Micros;
use siyu_proto::accounts::v1::{
    CommitReservationRequest, GetCardRequest, GetContentRequest, GetWalletRequest, MoveReservationRequest,
    ReleaseReservationRequest, ReserveRightRequest, RightKind, card_service_client::CardServiceClient,
    content_service_client::ContentServiceClient, rights_service_client::RightsServiceClient,
};
use siyu_rpc::{
    Error,
    peer::{Peer, refused, unanswered},
    time::to_proto,
};
use tonic::Code;

use crate::domain::push::{Content, Push};

/// What a push costs, in rights of the kind PUSH.
pub(crate) const COST: i64 = 1;

/// Asks the accounts service.
#[derive(Debug, Clone)]
pub(crate) struct Rights {
    rights: RightsServiceClient<Peer>,
    cards: CardServiceClient<Peer>,
    contents: ContentServiceClient<Peer>,
}

impl Rights {
    pub(crate) fn new(accounts: Peer) -> Self {
        Self {
            rights: RightsServiceClient::new(accounts.clone()),
            cards: CardServiceClient::new(accounts.clone()),
            contents: ContentServiceClient::new(accounts),
        }
    }

    /// Reserves a right for a push that is to be published at `time`, or moves the one it has there: all or nothing.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED with the rule where there is none; UNAVAILABLE, and then it may have been done.
    pub(crate) async fn reserve(&self, push: &Push, time: Micros) -> Result<(), Error> {
        let parent = format!("accounts/{}", push.account_id);
        let use_time = Some(to_proto(time));
        let mut client = self.rights.clone();
        let answered = if push.publish_time.is_some() {
            let request = MoveReservationRequest { name: reservation(push), use_time, expire_time: None };
            client.move_reservation(request).await.map(drop)
        } else {
            let request = ReserveRightRequest {
                parent: parent.clone(),
                reservation_id: push.push_id.clone(),
                kind: RightKind::Push.into(),
                amount: COST,
                use_time,
                expire_time: None,
            };
            client.reserve_right(request).await.map(drop)
        };
        answered.map_err(|status| refused(status, "accounts", &parent))
    }

    /// Uses the right of a push.
    ///
    /// # Errors
    /// FAILED_PRECONDITION where it was given back, NOT_FOUND where it never was; UNAVAILABLE.
    pub(crate) async fn commit(&self, push: &Push) -> Result<(), Error> {
        let name = reservation(push);
        let request = CommitReservationRequest { name: name.clone() };
        let answered = self.rights.clone().commit_reservation(request).await;
        answered.map(drop).map_err(|status| refused(status, "accounts", &name))
    }

    /// Gives back the right of a push, if it has one.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub(crate) async fn release(&self, push: &Push) -> Result<(), Error> {
        let name = reservation(push);
        let request = ReleaseReservationRequest { name: name.clone() };
        match self.rights.clone().release_reservation(request).await {
            Err(status) if status.code() != Code::NotFound => Err(unanswered(status, "accounts", &name)),
            _ => Ok(()),
        }
    }

    /// How many rights of the kind PUSH an account has for `time`.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub(crate) async fn available(&self, account_id: &str, time: Micros) -> Result<i64, Error> {
        let parent = format!("accounts/{account_id}");
        let request = GetWalletRequest { parent: parent.clone(), time: Some(to_proto(time)) };
        let answer = self.rights.clone().get_wallet(request).await;
        let wallet = answer.map_err(|status| unanswered(status, "accounts", &parent))?.into_inner().wallet;
        let rights = wallet.unwrap_or_default().rights;
        Ok(rights.iter().find(|right| right.kind() == RightKind::Push).map_or(0, |right| right.available))
    }

    /// That what a push mounts exists and can be mounted.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with the field below `path`; UNAVAILABLE.
    pub(crate) async fn check_mounted(&self, content: &Content, path: &str) -> Result<(), Error> {
        for (place, name) in content.cards.iter().enumerate() {
            let field = format!("{path}.cards[{place}]");
            let answer = self.cards.clone().get_card(GetCardRequest { name: name.clone() }).await;
            let card = match answer {
                Ok(answer) => answer.into_inner().card.unwrap_or_default(),
                Err(status) if status.code() == Code::NotFound => {
                    return Err(Error::invalid_field(field, format!("there is no {name}")));
                }
                Err(status) => return Err(unanswered(status, "accounts", name)),
            };
            if card.state() == siyu_proto::accounts::v1::CardState::Archived {
                return Err(Error::invalid_field(field, format!("{name} is archived")));
            }
        }
        if content.video.is_empty() {
            return Ok(());
        }
        let request = GetContentRequest { name: content.video.clone() };
        match self.contents.clone().get_content(request).await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::NotFound => {
                Err(Error::invalid_field(format!("{path}.video"), format!("there is no {}", content.video)))
            }
            Err(status) => Err(unanswered(status, "accounts", &content.video)),
        }
    }
}

/// `accounts/{account}/rightReservations/{push}`
fn reservation(push: &Push) -> String {
    format!("accounts/{}/rightReservations/{}", push.account_id, push.push_id)
}
