//! Whom group sendings reach: the CRM knows (C7, C9).

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use siyu_clock::Micros;
use siyu_proto::crm::v1::{
    Audience, FreezeAudienceRequest, GetPackageRequest, PackageMemberForm, ReachChannel, ReachVerdict,
    ReleaseReachRequest, StreamPackageMembersRequest, package_service_client::PackageServiceClient,
    reach_service_client::ReachServiceClient,
};
use siyu_rpc::{
    Error,
    peer::{Peer, refused, unanswered},
    time::{from_proto, to_proto},
};
use tonic::Code;

use crate::domain::group_send::{Chunk, GroupSend, Reason};

/// Most recipients of a chunk.
const CHUNK: usize = 1_000;

/// Asks the CRM.
#[derive(Debug, Clone)]
pub(crate) struct Audiences {
    reach: ReachServiceClient<Peer>,
    packages: PackageServiceClient<Peer>,
}

/// What becomes of a fan, in the order in which it does.
type Fate = (Option<Reason>, Micros);

impl Audiences {
    pub(crate) fn new(crm: Peer) -> Self {
        Self { reach: ReachServiceClient::new(crm.clone()), packages: PackageServiceClient::new(crm) }
    }

    /// That there is a package; `field` is where it was named.
    pub(super) async fn check_package(&self, name: &str, field: &str) -> Result<(), Error> {
        match self.packages.clone().get_package(GetPackageRequest { name: name.to_owned() }).await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::NotFound => {
                Err(Error::invalid_field(field, format!("there is no {name}")))
            }
            Err(status) => Err(unanswered(status, "crm", name)),
        }
    }

    /// What becomes of everybody in the package, from now on and for ever; it counts for frequency caps.
    pub(super) async fn freeze(&self, group_send: &GroupSend, now: Micros) -> Result<Vec<Chunk>, Error> {
        let fates = self.fates(group_send, now).await?;
        let users = self.users(&group_send.package).await?;
        let mut chunks = Vec::new();
        for ((reason, deliver_time), fans) in fates {
            let recipients: Vec<(u32, String)> =
                fans.iter().filter_map(|ordinal| Some((ordinal, users.get(&ordinal)?.clone()))).collect();
            for recipients in recipients.chunks(CHUNK) {
                let number = i64::try_from(chunks.len()).unwrap_or(i64::MAX);
                let recipients = recipients.to_vec();
                chunks.push(Chunk { number, reason, deliver_time, recipients, outcomes: Vec::new() });
            }
        }
        Ok(chunks)
    }

    async fn fates(
        &self,
        group_send: &GroupSend,
        now: Micros,
    ) -> Result<BTreeMap<Fate, RoaringBitmap>, Error> {
        let name = group_send.name();
        let audience = Audience { packages: vec![group_send.package.clone()], ..Audience::default() };
        let request = FreezeAudienceRequest {
            parent: format!("accounts/{}", group_send.account_id),
            message: name.clone(),
            channel: ReachChannel::Message.into(),
            audience: Some(audience),
            send_time: Some(to_proto(group_send.schedule_time)),
            ..FreezeAudienceRequest::default()
        };
        let not_answered = |status| refused(status, "crm", &format!("the audience of {name}"));
        let answer = self.reach.clone().freeze_audience(request).await;
        let mut parts = answer.map_err(not_answered)?.into_inner();
        let mut fates: BTreeMap<Fate, RoaringBitmap> = BTreeMap::new();
        while let Some(part) = parts.message().await.map_err(not_answered)? {
            let Some(set) = part.set else { continue };
            let time = set.deliver_time.as_ref().and_then(from_proto).unwrap_or(now);
            let fate = match set.verdict() {
                ReachVerdict::Eligible | ReachVerdict::Held => (None, time),
                ReachVerdict::Capped => (Some(Reason::Capped), now),
                ReachVerdict::SharedCapped => (Some(Reason::SharedCapped), now),
                ReachVerdict::OptedOut | ReachVerdict::TopicOptedOut => (Some(Reason::NoConsent), now),
                _ => (Some(Reason::Failed), now),
            };
            *fates.entry(fate).or_default() |= bitmap(&set.ordinals)?;
        }
        Ok(fates)
    }

    /// The users of a package by their ordinals: both are sent in the order of these.
    async fn users(&self, package: &str) -> Result<BTreeMap<u32, String>, Error> {
        let not_answered = |status| refused(status, "crm", package);
        let request = |form: PackageMemberForm| StreamPackageMembersRequest {
            name: package.to_owned(),
            form: form.into(),
            after_ordinal: 0,
        };
        let answer = self.packages.clone().stream_package_members(request(PackageMemberForm::Bitmap)).await;
        let mut parts = answer.map_err(not_answered)?.into_inner();
        let mut ordinals = RoaringBitmap::new();
        while let Some(part) = parts.message().await.map_err(not_answered)? {
            ordinals |= bitmap(&part.bitmap)?;
        }
        let answer = self.packages.clone().stream_package_members(request(PackageMemberForm::Users)).await;
        let mut parts = answer.map_err(not_answered)?.into_inner();
        let mut users = Vec::new();
        while let Some(part) = parts.message().await.map_err(not_answered)? {
            users.extend(
                part.users.into_iter().filter_map(|user| Some(user.strip_prefix("users/")?.to_owned())),
            );
        }
        Ok(ordinals.into_iter().zip(users).collect())
    }

    /// A group sending counts no longer for frequency caps, but of those whom `keep` has: they were sent it.
    pub(super) async fn release(&self, group_send: &GroupSend, keep: &RoaringBitmap) -> Result<(), Error> {
        let mut bytes = Vec::with_capacity(keep.serialized_size());
        keep.serialize_into(&mut bytes).map_err(Error::internal)?;
        let message = group_send.name();
        let parent = format!("accounts/{}", group_send.account_id);
        let request = ReleaseReachRequest { parent, message: message.clone(), keep: bytes };
        let answer = self.reach.clone().release_reach(request).await;
        answer.map(drop).map_err(|status| unanswered(status, "crm", &message))
    }
}

fn bitmap(bytes: &[u8]) -> Result<RoaringBitmap, Error> {
    if bytes.is_empty() {
        return Ok(RoaringBitmap::new());
    }
    RoaringBitmap::deserialize_from(bytes).map_err(Error::internal)
}
