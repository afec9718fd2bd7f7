//! What the CRM knows of users who want in (G2).

use siyu_clock::Micros;
use siyu_proto::{
    common::v1::ErrorReason,
    crm::v1::{self as pb, GetFanRequest, GetFanStandingRequest, fan_service_client::FanServiceClient},
};
use siyu_rpc::{
    Error,
    peer::{Peer, unanswered},
    time::from_proto,
};
use tonic::Code;

use crate::domain::threshold::{Known, Threshold, Tier};

/// Asks the CRM, where there is one.
#[derive(Debug, Clone)]
pub(crate) struct Fans {
    crm: Option<FanServiceClient<Peer>>,
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

/// What the CRM calls a tier.
pub(crate) fn to_tier(tier: Tier) -> pb::Tier {
    match tier {
        Tier::Potential => pb::Tier::Potential,
        Tier::Passerby => pb::Tier::Passerby,
        Tier::Favorable => pb::Tier::Favorable,
        Tier::TrueLove => pb::Tier::TrueLove,
    }
}

impl Fans {
    pub(crate) fn new(crm: Option<Peer>) -> Self {
        Self { crm: crm.map(FanServiceClient::new) }
    }

    /// What a user lacks of a threshold at `now`, in words; none where they meet it. A threshold that asks nothing needs no CRM.
    ///
    /// # Errors
    /// UNAVAILABLE where the CRM does not answer, or there is none.
    pub(crate) async fn missing(
        &self,
        threshold: &Threshold,
        [account_id, user_id]: [&str; 2],
        now: Micros,
    ) -> Result<Option<String>, Error> {
        if threshold.is_open() {
            return Ok(None);
        }
        let name = format!("accounts/{account_id}/fans/{user_id}");
        let mut known = self.fan(&name).await?;
        if threshold.asks_tags() {
            known.tags = self.tags(&name).await?;
        }
        Ok(threshold.missing(&known, now))
    }

    /// All that is known but the tags.
    async fn fan(&self, name: &str) -> Result<Known, Error> {
        let answer = self.crm()?.get_fan(GetFanRequest { name: name.to_owned() }).await;
        let fan = match answer {
            Ok(answer) => answer.into_inner().fan.unwrap_or_default(),
            Err(status) if status.code() == Code::NotFound => return Ok(Known::stranger()),
            Err(status) => return Err(unanswered(status, "crm", name)),
        };
        let purchases = fan.purchases.unwrap_or_default();
        let follow_time = fan.follow_change_time.as_ref().and_then(from_proto).filter(|_| fan.following);
        Ok(Known {
            tier: tier(fan.tier()).unwrap_or(Tier::Potential),
            tags: Vec::new(),
            follow_time,
            order_count: purchases.order_count,
            spend_minor: purchases.gmv_minor - purchases.refunded_minor,
        })
    }

    async fn tags(&self, name: &str) -> Result<Vec<String>, Error> {
        let answer = self.crm()?.get_fan_standing(GetFanStandingRequest { name: name.to_owned() }).await;
        let answer = answer.map_err(|status| unanswered(status, "crm", name))?;
        Ok(answer.into_inner().standing.unwrap_or_default().tags)
    }

    fn crm(&self) -> Result<FanServiceClient<Peer>, Error> {
        self.crm.clone().ok_or_else(|| {
            let message = "this process knows no CRM: set peers.crm";
            Error::new(Code::Unavailable, ErrorReason::DependencyUnavailable, message)
        })
    }
}
