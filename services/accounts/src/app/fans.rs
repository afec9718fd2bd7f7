//! Where users stand with an account: the CRM knows.

use siyu_proto::{
    common::v1::ErrorReason,
    crm::v1::{self as pb, FanStanding, GetFanStandingRequest, fan_service_client::FanServiceClient},
};
use siyu_rpc::{
    Error,
    peer::{Peer, unanswered},
};
use tonic::Code;

pub(crate) use crate::domain::standing::{Standing, Tier};

/// Asks the CRM.
#[derive(Debug, Clone)]
pub(crate) struct Fans {
    crm: Option<FanServiceClient<Peer>>,
}

impl From<FanStanding> for Standing {
    fn from(standing: FanStanding) -> Self {
        let tier = tier(standing.tier()).unwrap_or(Tier::Potential);
        Self { following: standing.following, tier, tags: standing.tags }
    }
}

/// What the CRM calls a tier.
pub(crate) fn to_tier(tier: Tier) -> pb::Tier {
    match tier {
        Tier::Potential => pb::Tier::Potential,
        Tier::Passerby => pb::Tier::Passerby,
        Tier::Favorable => pb::Tier::Favorable,
        Tier::TrueLove => pb::Tier::TrueLove,
    }
}

/// A tier as the CRM calls it; none where it is not known.
pub(crate) fn tier(tier: pb::Tier) -> Option<Tier> {
    match tier {
        pb::Tier::Unspecified => None,
        pb::Tier::Potential => Some(Tier::Potential),
        pb::Tier::Passerby => Some(Tier::Passerby),
        pb::Tier::Favorable => Some(Tier::Favorable),
        pb::Tier::TrueLove => Some(Tier::TrueLove),
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
