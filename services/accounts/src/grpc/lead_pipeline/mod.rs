//! `LeadPipelineService`: decode, call the use case, encode.

mod convert;

use siyu_clock::Micros;
use siyu_proto::accounts::v1::{
    AssignLeadRequest, AssignLeadResponse, ClaimLeadRequest, ClaimLeadResponse, DistributeLeadsRequest,
    DistributeLeadsResponse, GetLeadPipelineSettingsRequest, GetLeadPipelineSettingsResponse,
    GetLeadReportRequest, GetLeadReportResponse, GetLeadTaskRequest, GetLeadTaskResponse,
    GiveBackLeadRequest, GiveBackLeadResponse, HandOverLeadsRequest, HandOverLeadsResponse,
    ListLeadChangesRequest, ListLeadChangesResponse, ListLeadTasksRequest, ListLeadTasksResponse,
    MoveLeadRequest, MoveLeadResponse, UpdateLeadPipelineSettingsRequest, UpdateLeadPipelineSettingsResponse,
    lead_pipeline_service_server::LeadPipelineService,
};
use siyu_rpc::{Page, admit, admit_mutation, name};
use tonic::{Request, Response, Status};

use super::{convert::moment, leads::lead_ids};
use crate::{Accounts, app::LeadWish};

use convert::{
    agent_of, filter, lost_reason, new_settings, settings_id, stage, target, to_change, to_row, to_settings,
    total,
};
pub(crate) use convert::{to_change_cause, to_lead_task, to_owner, to_stage};

/// Leads that are distributed in one call.
const MOST_AT_ONCE: i32 = 1_000;

#[tonic::async_trait]
impl LeadPipelineService for Accounts {
    async fn get_lead_task(
        &self,
        request: Request<GetLeadTaskRequest>,
    ) -> Result<Response<GetLeadTaskResponse>, Status> {
        let request = admit(request)?;
        let [account_id, lead_id] = lead_ids(&request.name)?;
        let task = self.get_lead_task(account_id, lead_id).await?;
        Ok(Response::new(GetLeadTaskResponse { lead_task: Some(to_lead_task(task)) }))
    }

    async fn list_lead_tasks(
        &self,
        request: Request<ListLeadTasksRequest>,
    ) -> Result<Response<ListLeadTasksResponse>, Status> {
        let request = admit(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let filter = filter(account_id, &request)?;
        let arguments = format!("ListLeadTasks {account_id} {filter:?}");
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (tasks, next_page_token) = self.list_lead_tasks(account_id, &filter, &page).await?;
        let lead_tasks = tasks.into_iter().map(to_lead_task).collect();
        Ok(Response::new(ListLeadTasksResponse { lead_tasks, next_page_token }))
    }

    async fn list_lead_changes(
        &self,
        request: Request<ListLeadChangesRequest>,
    ) -> Result<Response<ListLeadChangesResponse>, Status> {
        let request = admit(request)?;
        let [account_id, lead_id] = lead_ids(&request.parent)?;
        let arguments = format!("ListLeadChanges {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (changes, next_page_token) = self.list_lead_changes(account_id, lead_id, &page).await?;
        let lead_changes = changes.into_iter().map(|change| to_change(account_id, change)).collect();
        Ok(Response::new(ListLeadChangesResponse { lead_changes, next_page_token }))
    }

    async fn claim_lead(
        &self,
        request: Request<ClaimLeadRequest>,
    ) -> Result<Response<ClaimLeadResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = lead_ids(&request.name)?;
        let wish = LeadWish::Claim(agent_of(ids[0], &request.agent, "agent")?);
        let task = self.change_lead(&mutation, ids, &wish, &request.note, "").await?;
        Ok(Response::new(ClaimLeadResponse { lead_task: Some(to_lead_task(task)) }))
    }

    async fn move_lead(
        &self,
        request: Request<MoveLeadRequest>,
    ) -> Result<Response<MoveLeadResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let stage = stage(request.stage())?;
        let wish = LeadWish::Move { stage, lost_reason: lost_reason(stage, request.lost_reason())? };
        let ids = lead_ids(&request.name)?;
        let task = self.change_lead(&mutation, ids, &wish, &request.note, &request.etag).await?;
        Ok(Response::new(MoveLeadResponse { lead_task: Some(to_lead_task(task)) }))
    }

    async fn give_back_lead(
        &self,
        request: Request<GiveBackLeadRequest>,
    ) -> Result<Response<GiveBackLeadResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = lead_ids(&request.name)?;
        let task =
            self.change_lead(&mutation, ids, &LeadWish::GiveBack, &request.note, &request.etag).await?;
        Ok(Response::new(GiveBackLeadResponse { lead_task: Some(to_lead_task(task)) }))
    }

    async fn assign_lead(
        &self,
        request: Request<AssignLeadRequest>,
    ) -> Result<Response<AssignLeadResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = lead_ids(&request.name)?;
        let agent_id = agent_of(ids[0], &request.agent, "agent")?.unwrap_or_default();
        let wish = LeadWish::Assign(agent_id);
        let task = self.change_lead(&mutation, ids, &wish, &request.note, &request.etag).await?;
        Ok(Response::new(AssignLeadResponse { lead_task: Some(to_lead_task(task)) }))
    }

    async fn get_lead_pipeline_settings(
        &self,
        request: Request<GetLeadPipelineSettingsRequest>,
    ) -> Result<Response<GetLeadPipelineSettingsResponse>, Status> {
        let request = admit(request)?;
        let account_id = settings_id(&request.name, "name")?;
        let (settings, members) = self.get_lead_settings(account_id).await?;
        let settings = Some(to_settings(account_id, settings, members));
        Ok(Response::new(GetLeadPipelineSettingsResponse { settings }))
    }

    async fn update_lead_pipeline_settings(
        &self,
        request: Request<UpdateLeadPipelineSettingsRequest>,
    ) -> Result<Response<UpdateLeadPipelineSettingsResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let sent = request.settings.unwrap_or_default();
        let account_id = settings_id(&sent.name, "settings.name")?;
        let new = new_settings(account_id, &sent)?;
        let (settings, members) = self.update_lead_settings(&mutation, account_id, &new).await?;
        let settings = Some(to_settings(account_id, settings, members));
        Ok(Response::new(UpdateLeadPipelineSettingsResponse { settings }))
    }

    async fn distribute_leads(
        &self,
        request: Request<DistributeLeadsRequest>,
    ) -> Result<Response<DistributeLeadsResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let most = if request.max_count == 0 { MOST_AT_ONCE } else { request.max_count };
        let distributed_count = self.distribute_leads(&mutation, account_id, most.into()).await?;
        Ok(Response::new(DistributeLeadsResponse { distributed_count }))
    }

    async fn hand_over_leads(
        &self,
        request: Request<HandOverLeadsRequest>,
    ) -> Result<Response<HandOverLeadsResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let from = agent_of(account_id, &request.from, "from")?.unwrap_or_default();
        let target = target(account_id, &from, &request)?;
        let done = self.hand_over_leads(&mutation, account_id, &from, &target, &request.note).await?;
        let answer = HandOverLeadsResponse { agent_count: done.agent_count, pool_count: done.pool_count };
        Ok(Response::new(answer))
    }

    async fn get_lead_report(
        &self,
        request: Request<GetLeadReportRequest>,
    ) -> Result<Response<GetLeadReportResponse>, Status> {
        let request = admit(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let start = moment(request.start_time.as_ref(), "start_time")?;
        let end = moment(request.end_time.as_ref(), "end_time")?;
        let period = (start.unwrap_or(Micros(i64::MIN)), end.unwrap_or(Micros(i64::MAX)));
        let rows = self.lead_report(account_id, period).await?;
        let total = Some(to_row(account_id, total(&rows)));
        let rows = rows.into_iter().map(|row| to_row(account_id, row)).collect();
        Ok(Response::new(GetLeadReportResponse { rows, total }))
    }
}
