use std::pin::Pin;

use futures_util::{Stream, stream};
use roaring::RoaringBitmap;
use siyu_proto::crm::v1::{
    CreateReachPolicyRequest, CreateReachPolicyResponse, CreateSharedReachPolicyRequest,
    CreateSharedReachPolicyResponse, ExplainReachRequest, ExplainReachResponse, FreezeAudienceRequest,
    FreezeAudienceResponse, GetReachPolicyRequest, GetReachPolicyResponse, GetReachPreferenceRequest,
    GetReachPreferenceResponse, GetSharedReachPolicyRequest, GetSharedReachPolicyResponse,
    ReleaseReachRequest, ReleaseReachResponse, UpdateReachPreferenceRequest, UpdateReachPreferenceResponse,
    reach_service_server::ReachService,
};
use siyu_rpc::{Error, admit, admit_mutation, name};
use tonic::{Request, Response, Status};

use super::{
    convert::{account_id, moment},
    reach_convert::{
        changes, message_of, outgoing_to_explain, outgoing_to_freeze, policy, shared_cap, to_explanation,
        to_frozen_audience, to_policy, to_preference, to_sets, to_shared_policy,
    },
};
use crate::{Crm, app::reach::freeze::Frozen};

#[tonic::async_trait]
impl ReachService for Crm {
    type FreezeAudienceStream = Pin<Box<dyn Stream<Item = Result<FreezeAudienceResponse, Status>> + Send>>;

    async fn create_reach_policy(
        &self,
        request: Request<CreateReachPolicyRequest>,
    ) -> Result<Response<CreateReachPolicyResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = account_id(&request.parent, "parent")?;
        let sent = request.reach_policy.unwrap_or_default();
        let effective_time = moment(sent.effective_time.as_ref(), "reach_policy.effective_time")?;
        let written = self.create_reach_policy(&mutation, account_id, policy(sent), effective_time).await?;
        Ok(Response::new(CreateReachPolicyResponse { reach_policy: Some(to_policy(account_id, written)) }))
    }

    async fn get_reach_policy(
        &self,
        request: Request<GetReachPolicyRequest>,
    ) -> Result<Response<GetReachPolicyResponse>, Status> {
        let request = admit(request)?;
        let account_id = account_id(&request.parent, "parent")?;
        let found = self.get_reach_policy(account_id, moment(request.time.as_ref(), "time")?).await?;
        Ok(Response::new(GetReachPolicyResponse { reach_policy: Some(to_policy(account_id, found)) }))
    }

    async fn create_shared_reach_policy(
        &self,
        request: Request<CreateSharedReachPolicyRequest>,
    ) -> Result<Response<CreateSharedReachPolicyResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let sent = request.shared_reach_policy.unwrap_or_default();
        let effective_time = moment(sent.effective_time.as_ref(), "shared_reach_policy.effective_time")?;
        let cap = sent.cap.map(shared_cap);
        let written = self.create_shared_reach_policy(&mutation, cap, effective_time).await?;
        Ok(Response::new(CreateSharedReachPolicyResponse {
            shared_reach_policy: Some(to_shared_policy(written)),
        }))
    }

    async fn get_shared_reach_policy(
        &self,
        request: Request<GetSharedReachPolicyRequest>,
    ) -> Result<Response<GetSharedReachPolicyResponse>, Status> {
        let request = admit(request)?;
        let found = self.get_shared_reach_policy(moment(request.time.as_ref(), "time")?).await?;
        Ok(Response::new(GetSharedReachPolicyResponse { shared_reach_policy: Some(to_shared_policy(found)) }))
    }

    async fn update_reach_preference(
        &self,
        request: Request<UpdateReachPreferenceRequest>,
    ) -> Result<Response<UpdateReachPreferenceResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = account_id(&request.parent, "parent")?;
        let user_id = name::id(&request.user, "users", "user")?;
        let sent = request.reach_preference.unwrap_or_default();
        let changes = changes(&sent, &request.update_mask.unwrap_or_default().paths)?;
        let preference =
            self.update_reach_preference(&mutation, account_id, user_id, &changes, &sent.etag).await?;
        Ok(Response::new(UpdateReachPreferenceResponse { reach_preference: Some(to_preference(preference)) }))
    }

    async fn get_reach_preference(
        &self,
        request: Request<GetReachPreferenceRequest>,
    ) -> Result<Response<GetReachPreferenceResponse>, Status> {
        let request = admit(request)?;
        let account_id = account_id(&request.parent, "parent")?;
        let preference =
            self.get_reach_preference(account_id, name::id(&request.user, "users", "user")?).await?;
        Ok(Response::new(GetReachPreferenceResponse { reach_preference: Some(to_preference(preference)) }))
    }

    async fn freeze_audience(
        &self,
        request: Request<FreezeAudienceRequest>,
    ) -> Result<Response<Self::FreezeAudienceStream>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let validate_only = request.validate_only;
        let parent = request.parent.clone();
        let account_id = account_id(&parent, "parent")?;
        let outgoing = outgoing_to_freeze(account_id, request)?;
        let frozen = if validate_only {
            self.preview_audience(account_id, &outgoing).await?
        } else {
            self.freeze_audience(&mutation, account_id, &outgoing).await?
        };
        Ok(Response::new(Box::pin(stream::iter(messages(frozen)))))
    }

    async fn release_reach(
        &self,
        request: Request<ReleaseReachRequest>,
    ) -> Result<Response<ReleaseReachResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = account_id(&request.parent, "parent")?;
        let message = message_of(account_id, &request.message)?;
        let released_count =
            self.release_reach(&mutation, account_id, message, &bitmap(&request.keep)?).await?;
        Ok(Response::new(ReleaseReachResponse { released_count }))
    }

    async fn explain_reach(
        &self,
        request: Request<ExplainReachRequest>,
    ) -> Result<Response<ExplainReachResponse>, Status> {
        let request = admit(request)?;
        let (parent, user, message) = (request.parent.clone(), request.user.clone(), request.message.clone());
        let account_id = account_id(&parent, "parent")?;
        let user_id = name::id(&user, "users", "user")?;
        let message = message_of(account_id, &message)?;
        let outgoing = outgoing_to_explain(account_id, request)?;
        let explanation = self.explain_reach(account_id, user_id, message, outgoing).await?;
        Ok(Response::new(to_explanation(explanation)))
    }
}

/// First the audience as a whole, then its sets in pieces, each made when it is sent.
fn messages(frozen: Frozen) -> impl Iterator<Item = Result<FreezeAudienceResponse, Status>> {
    let audience = FreezeAudienceResponse { audience: Some(to_frozen_audience(&frozen)), set: None };
    let sets = frozen.sets.into_iter().flat_map(to_sets);
    let sets = sets.map(|set| FreezeAudienceResponse { audience: None, set: Some(set) });
    [audience].into_iter().chain(sets).map(Ok)
}

/// The ordinals that a caller sent; nothing: nobody.
fn bitmap(bytes: &[u8]) -> Result<RoaringBitmap, Error> {
    if bytes.is_empty() {
        return Ok(RoaringBitmap::new());
    }
    RoaringBitmap::deserialize_from(bytes)
        .map_err(|_| Error::invalid_field("keep", "must be a Roaring bitmap in the portable format"))
}
