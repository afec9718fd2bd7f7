//! Where users stand with an account: the CRM knows.

use siyu_proto::{
    common::v1::ErrorReason,
    crm::v1::{FanStanding, GetFanStandingRequest, Tier, fan_service_client::FanServiceClient},
};
use siyu_rpc::{
    Error,
    peer::{Peer, unanswered},
};
use tonic::Code;

/// Asks the CRM.
#[derive(Debug, Clone)]
pub(crate) struct Fans {
    crm: Option<FanServiceClient<Peer>>,
}

/// Where a user stands with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) following: bool,
    pub(crate) tier: Tier,
    /// Ids, in alphabetical order.
    pub(crate) tags: Vec<String>,
}

impl Standing {
    /// Somebody the account has never met, or of whom nothing can be known now.
    pub(crate) fn stranger() -> Self {
        Self { following: false, tier: Tier::Potential, tags: Vec::new() }
    }
}

impl From<FanStanding> for Standing {
    fn from(standing: FanStanding) -> Self {
        Self { following: standing.following, tier: standing.tier(), tags: standing.tags }
    }
}

impl Fans {
    pub(crate) fn new(crm: Option<Peer>) -> Self {
        Self { crm: crm.map(FanServiceClient::new) }
    }

    /// Where `user_id` stands with `account_id` now.
    ///
    /// # Errors
    /// UNAVAILABLE when the CRM does not answer, or this process knows none.
    pub(crate) async fn standing(&self, account_id: &str, user_id: &str) -> Result<Standing, Error> {
        let Some(crm) = &self.crm else {
            return Err(Error::new(
                Code::Unavailable,
                ErrorReason::DependencyUnavailable,
                "this process knows no CRM: set peers.crm",
            ));
        };
        let name = format!("accounts/{account_id}/fans/{user_id}");
        let answer = crm.clone().get_fan_standing(GetFanStandingRequest { name }).await;
        match answer {
            Ok(answer) => {
                let standing = answer.into_inner().standing;
                Ok(standing.map_or_else(Standing::stranger, Standing::from))
            }
            Err(status) => Err(unanswered(status, "crm", &format!("accounts/{account_id}"))),
        }
    }
}
