//! Who follows each other: the subscriptions service knows.

use siyu_proto::subscriptions::v1::{
    FollowState, GetFollowRequest, follow_service_client::FollowServiceClient,
};
use siyu_rpc::{
    Error,
    peer::{Peer, unanswered},
};
use tonic::Code;

/// Asks the subscriptions service, where there is one.
#[derive(Debug, Clone)]
pub(crate) struct Follows {
    subscriptions: Option<FollowServiceClient<Peer>>,
}

impl Follows {
    pub(crate) fn new(subscriptions: Option<Peer>) -> Self {
        Self { subscriptions: subscriptions.map(FollowServiceClient::new) }
    }

    /// Whether an account and a user follow each other.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub(crate) async fn are_mutual(&self, account_id: &str, user_id: &str) -> Result<bool, Error> {
        let Some(subscriptions) = &self.subscriptions else { return Ok(false) };
        let request =
            GetFollowRequest { parent: format!("accounts/{account_id}"), user: format!("users/{user_id}") };
        match subscriptions.clone().get_follow(request).await {
            Ok(answer) => {
                let follow = answer.into_inner().follow.unwrap_or_default();
                Ok(follow.mutual && follow.state() == FollowState::Following)
            }
            Err(status) if status.code() == Code::NotFound => Ok(false),
            Err(status) => Err(unanswered(status, "subscriptions", &format!("users/{user_id}"))),
        }
    }
}
