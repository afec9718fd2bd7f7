//! Whom a push reaches: the CRM knows (C9).

use std::collections::BTreeMap;

use prost::Message;
use roaring::RoaringBitmap;
use siyu_clock::Micros;
use siyu_proto::crm::v1::{
    self as pb, Audience, ExplainReachRequest, ExplainReachResponse, FreezeAudienceRequest, FrozenAudience,
    ReachChannel, ReachVerdict, ReleaseReachRequest, reach_service_client::ReachServiceClient,
};
use siyu_rpc::{
    Error,
    peer::{Peer, refused, unanswered},
    time::{from_proto, to_proto},
};

use crate::domain::push::Push;

/// What becomes of the audience of a push.
#[derive(Debug)]
pub(crate) struct Frozen {
    /// In numbers.
    pub(crate) audience: FrozenAudience,
    /// Those who are reached at once, by ordinal.
    pub(crate) eligible: RoaringBitmap,
    /// Those who are reached later, by time.
    pub(crate) held: BTreeMap<Micros, RoaringBitmap>,
}

impl Frozen {
    /// Everybody who is reached, at once or later.
    pub(crate) fn reached(&self) -> RoaringBitmap {
        self.held.values().fold(self.eligible.clone(), |all, held| all | held)
    }

    /// How many are not reached, by the number of the verdict.
    pub(crate) fn excluded(&self) -> Vec<(i32, i64)> {
        let is_excluded =
            |count: &&pb::ReachCount| !matches!(count.verdict(), ReachVerdict::Held | ReachVerdict::Eligible);
        self.audience.counts.iter().filter(is_excluded).map(|count| (count.verdict, count.count)).collect()
    }
}

/// Asks the CRM.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    crm: ReachServiceClient<Peer>,
}

impl Reach {
    pub(crate) fn new(crm: Peer) -> Self {
        Self { crm: ReachServiceClient::new(crm) }
    }

    /// What would become of the audience of a push that is sent at `time`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an audience that makes no sense, with the field as in the push; NOT_FOUND for one that names what
    /// there is not; UNAVAILABLE.
    pub(crate) async fn preview(&self, push: &Push, time: Micros) -> Result<Frozen, Error> {
        self.ask(push, time, true).await
    }

    /// What becomes of the audience of a push, from now on and for ever; it counts for frequency caps.
    ///
    /// # Errors
    /// As [`Reach::preview`].
    pub(crate) async fn freeze(&self, push: &Push, time: Micros) -> Result<Frozen, Error> {
        self.ask(push, time, false).await
    }

    async fn ask(&self, push: &Push, time: Micros, validate_only: bool) -> Result<Frozen, Error> {
        let name = push.name();
        let request = FreezeAudienceRequest {
            parent: format!("accounts/{}", push.account_id),
            message: name.clone(),
            channel: ReachChannel::Push.into(),
            audience: Some(audience(push)?),
            topic: push.topic.clone(),
            send_time: Some(to_proto(time)),
            service_message: push.service_message,
            validate_only,
            ..FreezeAudienceRequest::default()
        };
        let answer = self.crm.clone().freeze_audience(request).await;
        let not_answered = |status| refused(status, "crm", &format!("the audience of {name}"));
        let mut parts = answer.map_err(not_answered)?.into_inner();
        let mut frozen = Frozen {
            audience: FrozenAudience::default(),
            eligible: RoaringBitmap::new(),
            held: BTreeMap::new(),
        };
        while let Some(part) = parts.message().await.map_err(not_answered)? {
            if let Some(audience) = part.audience {
                frozen.audience = audience;
            }
            let Some(set) = part.set else { continue };
            let fans = || RoaringBitmap::deserialize_from(set.ordinals.as_slice()).map_err(Error::internal);
            match set.verdict() {
                ReachVerdict::Eligible => frozen.eligible |= fans()?,
                ReachVerdict::Held => {
                    let time = set.deliver_time.as_ref().and_then(from_proto).unwrap_or(time);
                    *frozen.held.entry(time).or_default() |= fans()?;
                }
                _ => {}
            }
        }
        Ok(frozen)
    }

    /// A push counts no longer for frequency caps, but of those whom `keep` has: they had seen it.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub(crate) async fn release(&self, push: &Push, keep: Vec<u8>) -> Result<(), Error> {
        let (parent, message) = (format!("accounts/{}", push.account_id), push.name());
        let request = ReleaseReachRequest { parent, message: message.clone(), keep };
        let answer = self.crm.clone().release_reach(request).await;
        answer.map(drop).map_err(|status| unanswered(status, "crm", &message))
    }

    /// Why a user is reached by a push, or is not.
    ///
    /// # Errors
    /// As [`Reach::preview`].
    pub(crate) async fn explain(&self, push: &Push, user_id: &str) -> Result<ExplainReachResponse, Error> {
        let name = push.name();
        let request = ExplainReachRequest {
            parent: format!("accounts/{}", push.account_id),
            user: format!("users/{user_id}"),
            message: name.clone(),
            channel: ReachChannel::Push.into(),
            audience: Some(audience(push)?),
            topic: push.topic.clone(),
            send_time: push.publish_time.map(to_proto),
            service_message: push.service_message,
            ..ExplainReachRequest::default()
        };
        let answer = self.crm.clone().explain_reach(request).await;
        Ok(answer.map_err(|status| refused(status, "crm", &name))?.into_inner())
    }
}

/// The audience of a push, as the CRM reads it.
pub(crate) fn audience(push: &Push) -> Result<Audience, Error> {
    Audience::decode(push.audience.as_slice()).map_err(Error::internal)
}

/// A bitmap in the portable format.
pub(crate) fn to_bytes(fans: &RoaringBitmap) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(fans.serialized_size());
    fans.serialize_into(&mut bytes).map_err(Error::internal)?;
    Ok(bytes)
}

/// A bitmap that is stored in the portable format.
pub(crate) fn from_bytes(bytes: &[u8]) -> Result<RoaringBitmap, Error> {
    RoaringBitmap::deserialize_from(bytes).map_err(Error::internal)
}

/// How many fans.
pub(crate) fn count(fans: &RoaringBitmap) -> i64 {
    i64::try_from(fans.len()).unwrap_or(i64::MAX)
}
