//! `PushService`: decode, call the use case, encode.

use siyu_clock::Micros;
use siyu_proto::subscriptions::v1::{
    CancelPushRequest, CancelPushResponse, CreatePushRequest, CreatePushResponse, ExplainPushRequest,
    ExplainPushResponse, GetPushRequest, GetPushResponse, GetPushResultsRequest, GetPushResultsResponse,
    ListPushesRequest, ListPushesResponse, PausePushRequest, PausePushResponse, PlanPushRequest,
    PlanPushResponse, RecallPushRequest, RecallPushResponse, ResumePushRequest, ResumePushResponse,
    SchedulePushRequest, SchedulePushResponse, UpdatePushRequest, UpdatePushResponse,
    push_service_server::PushService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, name, time::from_proto};
use tonic::{Request, Response, Status};

use super::{
    push_convert::{
        changes, new_push, stored_state, to_content, to_counted, to_explanation, to_plan, to_push,
    },
    push_results::to_results,
};
use crate::{Subscriptions, app::pushes::Applied};

#[tonic::async_trait]
impl PushService for Subscriptions {
    async fn create_push(
        &self,
        request: Request<CreatePushRequest>,
    ) -> Result<Response<CreatePushResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let new = new_push(request.push.unwrap_or_default())?;
        let push = self.create_push(&mutation, account_id, request.push_id, new).await?;
        Ok(Response::new(CreatePushResponse { push: Some(to_push(push)?) }))
    }

    async fn get_push(&self, request: Request<GetPushRequest>) -> Result<Response<GetPushResponse>, Status> {
        let request = admit(request)?;
        let [account_id, push_id] = ids(&request.name, "name")?;
        let push = self.get_push(account_id, push_id).await?;
        Ok(Response::new(GetPushResponse { push: Some(to_counted(push, self.clock.now())?) }))
    }

    async fn list_pushes(
        &self,
        request: Request<ListPushesRequest>,
    ) -> Result<Response<ListPushesResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListPushes {} {}", request.parent, request.state);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let state = stored_state(request.state());
        let (pushes, next_page_token) = self.list_pushes(account_id, state, &page).await?;
        let now = self.clock.now();
        let pushes = pushes.into_iter().map(|push| to_counted(push, now)).collect::<Result<_, _>>()?;
        Ok(Response::new(ListPushesResponse { pushes, next_page_token }))
    }

    async fn update_push(
        &self,
        request: Request<UpdatePushRequest>,
    ) -> Result<Response<UpdatePushResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let sent = request.push.unwrap_or_default();
        let (name, etag) = (sent.name.clone(), sent.etag.clone());
        let ids = ids(&name, "push.name")?;
        let changes = changes(sent, &request.update_mask.unwrap_or_default().paths)?;
        let push = self.update_push(&mutation, ids, &etag, &changes).await?;
        Ok(Response::new(UpdatePushResponse { push: Some(to_push(push)?) }))
    }

    async fn plan_push(
        &self,
        request: Request<PlanPushRequest>,
    ) -> Result<Response<PlanPushResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, push_id] = ids(&request.name, "name")?;
        let time = time(request.publish_time.as_ref())?;
        let planned = self.plan_push(&mutation, account_id, push_id, time).await?;
        Ok(Response::new(PlanPushResponse { plan: Some(to_plan(account_id, push_id, planned)?) }))
    }

    async fn schedule_push(
        &self,
        request: Request<SchedulePushRequest>,
    ) -> Result<Response<SchedulePushResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = ids(&request.name, "name")?;
        let applied = match request.plan.strip_prefix(&format!("{}/plans/", request.name)) {
            Some(plan_id) => {
                Some(Applied { plan_id: plan_id.to_owned(), max_drift_ppm: request.max_drift_ppm })
            }
            None if request.plan.is_empty() => None,
            None => return Err(Error::invalid_field("plan", "must be of the push").into()),
        };
        let time = time(request.publish_time.as_ref())?;
        let push = self.schedule_push(&mutation, ids, time, applied.as_ref(), &request.etag).await?;
        Ok(Response::new(SchedulePushResponse { push: Some(to_push(push)?) }))
    }

    async fn cancel_push(
        &self,
        request: Request<CancelPushRequest>,
    ) -> Result<Response<CancelPushResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, push_id] = ids(&request.name, "name")?;
        let push = self.cancel_push(&mutation, account_id, push_id).await?;
        Ok(Response::new(CancelPushResponse { push: Some(to_push(push)?) }))
    }

    async fn pause_push(
        &self,
        request: Request<PausePushRequest>,
    ) -> Result<Response<PausePushResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, push_id] = ids(&request.name, "name")?;
        let push = self.pause_push(&mutation, account_id, push_id).await?;
        Ok(Response::new(PausePushResponse { push: Some(to_push(push)?) }))
    }

    async fn resume_push(
        &self,
        request: Request<ResumePushRequest>,
    ) -> Result<Response<ResumePushResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, push_id] = ids(&request.name, "name")?;
        let push = self.resume_push(&mutation, account_id, push_id).await?;
        Ok(Response::new(ResumePushResponse { push: Some(to_push(push)?) }))
    }

    async fn recall_push(
        &self,
        request: Request<RecallPushRequest>,
    ) -> Result<Response<RecallPushResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, push_id] = ids(&request.name, "name")?;
        let correction = request.correction.map(|content| to_content(content, "correction")).transpose()?;
        let recalled = self.recall_push(&mutation, account_id, push_id, correction.as_ref()).await?;
        let correction = recalled.correction.map(to_push).transpose()?;
        Ok(Response::new(RecallPushResponse { push: Some(to_push(recalled.push)?), correction }))
    }

    async fn explain_push(
        &self,
        request: Request<ExplainPushRequest>,
    ) -> Result<Response<ExplainPushResponse>, Status> {
        let request = admit(request)?;
        let [account_id, push_id] = ids(&request.name, "name")?;
        let user_id = name::id(&request.user, "users", "user")?;
        let explanation = self.explain_push(account_id, push_id, user_id).await?;
        Ok(Response::new(to_explanation(explanation)))
    }

    async fn get_push_results(
        &self,
        request: Request<GetPushResultsRequest>,
    ) -> Result<Response<GetPushResultsResponse>, Status> {
        let request = admit(request)?;
        let [account_id, push_id] = ids(&request.name, "name")?;
        let results = self.push_results(account_id, push_id, request.attribution_window).await?;
        Ok(Response::new(GetPushResultsResponse { results: Some(to_results(results)) }))
    }
}

fn ids<'a>(name: &'a str, field: &str) -> Result<[&'a str; 2], Error> {
    let ids = name::ids(name, ["accounts", "pushes"]);
    ids.ok_or_else(|| Error::invalid_field(field, "must be accounts/{account}/pushes/{push}"))
}

fn time(sent: Option<&prost_types::Timestamp>) -> Result<Option<Micros>, Error> {
    let Some(sent) = sent else { return Ok(None) };
    let time = from_proto(sent).ok_or_else(|| Error::invalid_field("publish_time", "is not a time"))?;
    Ok(Some(time))
}
