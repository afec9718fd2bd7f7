//! `GroupSendService`: decode, call the use case, encode.

use siyu_proto::messaging::v1::{
    self as pb, CancelGroupSendRequest, CancelGroupSendResponse, CreateGroupSendRequest,
    CreateGroupSendResponse, GetGroupSendRequest, GetGroupSendResponse, ListGroupSendOutcomesRequest,
    ListGroupSendOutcomesResponse, ListGroupSendsRequest, ListGroupSendsResponse, PauseGroupSendRequest,
    PauseGroupSendResponse, ResumeGroupSendRequest, ResumeGroupSendResponse,
    group_send_service_server::GroupSendService,
};
use siyu_rpc::{
    Error, Page, admit, admit_mutation, name,
    time::{from_proto, to_proto},
};
use tonic::{Request, Response, Status};

use super::convert::{content, to_content};
use crate::{
    Messaging,
    app::group_sends::{Change, Counted, NewGroupSend, Standing},
    domain::{
        group_send::{Outcome, Reason, State},
        message,
    },
};

#[tonic::async_trait]
impl GroupSendService for Messaging {
    async fn create_group_send(
        &self,
        request: Request<CreateGroupSendRequest>,
    ) -> Result<Response<CreateGroupSendResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let sent = request.group_send.unwrap_or_default();
        let not_a_time = || Error::invalid_field("group_send.schedule_time", "is not a time");
        let new = NewGroupSend {
            package: sent.package,
            content: content(sent.content)?,
            pace: sent.messages_per_minute.into(),
            schedule_time: match &sent.schedule_time {
                Some(time) => Some(from_proto(time).ok_or_else(not_a_time)?),
                None => None,
            },
        };
        let made = self.create_group_send(&mutation, account_id, request.group_send_id, new).await?;
        Ok(Response::new(CreateGroupSendResponse { group_send: Some(to_group_send(made)) }))
    }

    async fn get_group_send(
        &self,
        request: Request<GetGroupSendRequest>,
    ) -> Result<Response<GetGroupSendResponse>, Status> {
        let request = admit(request)?;
        let [account_id, id] = ids(&request.name, "name")?;
        let found = self.get_group_send(account_id, id).await?;
        Ok(Response::new(GetGroupSendResponse { group_send: Some(to_group_send(found)) }))
    }

    async fn list_group_sends(
        &self,
        request: Request<ListGroupSendsRequest>,
    ) -> Result<Response<ListGroupSendsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListGroupSends {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let (found, next_page_token) = self.list_group_sends(account_id, &page).await?;
        let group_sends = found.into_iter().map(to_group_send).collect();
        Ok(Response::new(ListGroupSendsResponse { group_sends, next_page_token }))
    }

    async fn pause_group_send(
        &self,
        request: Request<PauseGroupSendRequest>,
    ) -> Result<Response<PauseGroupSendResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, id] = ids(&request.name, "name")?;
        let changed = self.change_group_send(&mutation, account_id, id, Change::Pause).await?;
        Ok(Response::new(PauseGroupSendResponse { group_send: Some(to_group_send(changed)) }))
    }

    async fn resume_group_send(
        &self,
        request: Request<ResumeGroupSendRequest>,
    ) -> Result<Response<ResumeGroupSendResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, id] = ids(&request.name, "name")?;
        let changed = self.change_group_send(&mutation, account_id, id, Change::Resume).await?;
        Ok(Response::new(ResumeGroupSendResponse { group_send: Some(to_group_send(changed)) }))
    }

    async fn cancel_group_send(
        &self,
        request: Request<CancelGroupSendRequest>,
    ) -> Result<Response<CancelGroupSendResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, id] = ids(&request.name, "name")?;
        let changed = self.change_group_send(&mutation, account_id, id, Change::Cancel).await?;
        Ok(Response::new(CancelGroupSendResponse { group_send: Some(to_group_send(changed)) }))
    }

    async fn list_group_send_outcomes(
        &self,
        request: Request<ListGroupSendOutcomesRequest>,
    ) -> Result<Response<ListGroupSendOutcomesResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListGroupSendOutcomes {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let [account_id, id] = ids(&request.parent, "parent")?;
        let (found, next_page_token) = self.list_group_send_outcomes(account_id, id, &page).await?;
        let group_send_outcomes =
            found.into_iter().map(|(user_id, standing)| to_outcome(account_id, user_id, standing)).collect();
        Ok(Response::new(ListGroupSendOutcomesResponse { group_send_outcomes, next_page_token }))
    }
}

fn ids<'a>(sent: &'a str, field: &str) -> Result<[&'a str; 2], Error> {
    let wrong = || Error::invalid_field(field, "must be accounts/{account}/groupSends/{group_send}");
    name::ids(sent, ["accounts", "groupSends"]).ok_or_else(wrong)
}

fn to_state(state: State) -> pb::GroupSendState {
    match state {
        State::Scheduled => pb::GroupSendState::Scheduled,
        State::Sending => pb::GroupSendState::Sending,
        State::Paused => pb::GroupSendState::Paused,
        State::Done => pb::GroupSendState::Done,
        State::Cancelled => pb::GroupSendState::Cancelled,
        State::Failed => pb::GroupSendState::Failed,
    }
}

fn to_status(reason: Reason) -> pb::GroupSendStatus {
    match reason {
        Reason::OverAllowance => pb::GroupSendStatus::OverAllowance,
        Reason::Capped => pb::GroupSendStatus::Capped,
        Reason::SharedCapped => pb::GroupSendStatus::SharedCapped,
        Reason::NoConsent => pb::GroupSendStatus::NoConsent,
        Reason::Blocked => pb::GroupSendStatus::Blocked,
        Reason::Failed => pb::GroupSendStatus::Failed,
        Reason::Cancelled => pb::GroupSendStatus::Cancelled,
    }
}

fn to_group_send(counted: Counted) -> pb::GroupSend {
    let Counted { group_send, pending_count, held_count } = counted;
    let refused = group_send.refused.iter();
    pb::GroupSend {
        name: group_send.name(),
        content: Some(to_content(&group_send.content)),
        messages_per_minute: i32::try_from(group_send.pace).unwrap_or(i32::MAX),
        schedule_time: Some(to_proto(group_send.schedule_time)),
        state: to_state(group_send.state).into(),
        planned_count: group_send.planned_count,
        pending_count,
        held_count,
        sent_count: group_send.sent_count,
        refused: refused
            .map(|(reason, count)| pb::GroupSendCount { status: to_status(*reason).into(), count: *count })
            .collect(),
        package: group_send.package,
        author: group_send.author,
        failure: group_send.failure,
        create_time: Some(to_proto(group_send.create_time)),
        update_time: Some(to_proto(group_send.update_time)),
    }
}

fn to_outcome(account_id: &str, user_id: String, standing: Standing) -> pb::GroupSendOutcome {
    let (status, message, deliver_time) = match standing {
        Standing::Pending => (pb::GroupSendStatus::Pending, String::new(), None),
        Standing::Held(time) => (pb::GroupSendStatus::Held, String::new(), Some(to_proto(time))),
        Standing::Done(Outcome::Sent(sequence)) => {
            (pb::GroupSendStatus::Sent, message::name(account_id, &user_id, sequence), None)
        }
        Standing::Done(Outcome::Refused(reason)) => (to_status(reason), String::new(), None),
    };
    pb::GroupSendOutcome { user: format!("users/{user_id}"), status: status.into(), message, deliver_time }
}
