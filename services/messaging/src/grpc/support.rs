//! `SupportService`: decode, call the use case, encode.

use siyu_clock::Micros;
use siyu_proto::messaging::v1::{
    CloseConversationRequest, CloseConversationResponse, CreateNoteRequest, CreateNoteResponse,
    DeleteAgentRequest, DeleteAgentResponse, ListAgentsRequest, ListAgentsResponse, ListNotesRequest,
    ListNotesResponse, ListQueueRequest, ListQueueResponse, Note as PbNote, RateConversationRequest,
    RateConversationResponse, ReopenConversationRequest, ReopenConversationResponse, SetAgentStateRequest,
    SetAgentStateResponse, SetLabelsRequest, SetLabelsResponse, SupportCase, TakeConversationRequest,
    TakeConversationResponse, TransferConversationRequest, TransferConversationResponse, UpdateAgentRequest,
    UpdateAgentResponse, support_service_server::SupportService,
};
use siyu_rpc::{Page, admit, admit_mutation, name, time::to_proto};
use tonic::{Request, Response, Status};

use super::{
    convert::{ids, to_conversation},
    desk_convert::{agent_ids, agent_of, presence, to_agent, to_case, to_rating},
};
use crate::{
    Messaging,
    domain::{desk::Desk, message::Sender},
    store::note::Note,
};

#[tonic::async_trait]
impl SupportService for Messaging {
    async fn set_agent_state(
        &self,
        request: Request<SetAgentStateRequest>,
    ) -> Result<Response<SetAgentStateResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let presence = presence(request.state())?;
        let agent = self.set_agent_state(&mutation, agent_ids(&request.name)?, presence).await?;
        Ok(Response::new(SetAgentStateResponse { agent: Some(to_agent(&agent)) }))
    }

    async fn update_agent(
        &self,
        request: Request<UpdateAgentRequest>,
    ) -> Result<Response<UpdateAgentResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let agent = self.update_agent(&mutation, agent_ids(&request.name)?, request.capacity).await?;
        Ok(Response::new(UpdateAgentResponse { agent: Some(to_agent(&agent)) }))
    }

    async fn delete_agent(
        &self,
        request: Request<DeleteAgentRequest>,
    ) -> Result<Response<DeleteAgentResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        self.delete_agent(&mutation, agent_ids(&request.name)?).await?;
        Ok(Response::new(DeleteAgentResponse {}))
    }

    async fn list_agents(
        &self,
        request: Request<ListAgentsRequest>,
    ) -> Result<Response<ListAgentsResponse>, Status> {
        let request = admit(request)?;
        let agents = self.list_agents(name::id(&request.parent, "accounts", "parent")?).await?;
        Ok(Response::new(ListAgentsResponse { agents: agents.iter().map(to_agent).collect() }))
    }

    async fn list_queue(
        &self,
        request: Request<ListQueueRequest>,
    ) -> Result<Response<ListQueueResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListQueue {} {}", request.parent, request.agent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let agent_id = agent_of(account_id, &request.agent)?;
        let (listed, next_page_token) = self.list_queue(account_id, agent_id, &page).await?;
        let conversations = listed.iter().map(|listed| to_conversation(listed, Sender::Account)).collect();
        Ok(Response::new(ListQueueResponse { conversations, next_page_token }))
    }

    async fn take_conversation(
        &self,
        request: Request<TakeConversationRequest>,
    ) -> Result<Response<TakeConversationResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = ids(&request.parent, &request.user)?;
        let desk = self.take(&mutation, ids, agent_of(ids[0], &request.agent)?).await?;
        Ok(Response::new(TakeConversationResponse { support_case: case(ids, &desk) }))
    }

    async fn transfer_conversation(
        &self,
        request: Request<TransferConversationRequest>,
    ) -> Result<Response<TransferConversationResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = ids(&request.parent, &request.user)?;
        let desk = self.transfer(&mutation, ids, agent_of(ids[0], &request.agent)?).await?;
        Ok(Response::new(TransferConversationResponse { support_case: case(ids, &desk) }))
    }

    async fn close_conversation(
        &self,
        request: Request<CloseConversationRequest>,
    ) -> Result<Response<CloseConversationResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = ids(&request.parent, &request.user)?;
        let desk = self.close(&mutation, ids).await?;
        Ok(Response::new(CloseConversationResponse { support_case: case(ids, &desk) }))
    }

    async fn reopen_conversation(
        &self,
        request: Request<ReopenConversationRequest>,
    ) -> Result<Response<ReopenConversationResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = ids(&request.parent, &request.user)?;
        let desk = self.reopen(&mutation, ids).await?;
        Ok(Response::new(ReopenConversationResponse { support_case: case(ids, &desk) }))
    }

    async fn set_labels(
        &self,
        request: Request<SetLabelsRequest>,
    ) -> Result<Response<SetLabelsResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = ids(&request.parent, &request.user)?;
        let desk = self.set_labels(&mutation, ids, &request.labels).await?;
        Ok(Response::new(SetLabelsResponse { support_case: case(ids, &desk) }))
    }

    async fn create_note(
        &self,
        request: Request<CreateNoteRequest>,
    ) -> Result<Response<CreateNoteResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = ids(&request.parent, &request.user)?;
        let note = self.create_note(&mutation, ids, &request.text).await?;
        Ok(Response::new(CreateNoteResponse { note: Some(to_note(note)) }))
    }

    async fn list_notes(
        &self,
        request: Request<ListNotesRequest>,
    ) -> Result<Response<ListNotesResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListNotes {} {}", request.parent, request.user);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (notes, next_page_token) = self.list_notes(ids(&request.parent, &request.user)?, &page).await?;
        Ok(Response::new(ListNotesResponse {
            notes: notes.into_iter().map(to_note).collect(),
            next_page_token,
        }))
    }

    async fn rate_conversation(
        &self,
        request: Request<RateConversationRequest>,
    ) -> Result<Response<RateConversationResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = ids(&request.parent, &request.user)?;
        let desk = self.rate(&mutation, ids, request.stars, &request.comment).await?;
        Ok(Response::new(RateConversationResponse { rating: desk.rating.as_ref().map(to_rating) }))
    }
}

fn case([account_id, _]: [&str; 2], desk: &Desk) -> Option<SupportCase> {
    Some(to_case(account_id, desk))
}

pub(super) fn to_note(note: Note) -> PbNote {
    let Note { account_id, user_id, number, author, text, create_time, forget_time } = note;
    PbNote {
        name: format!("accounts/{account_id}/conversations/{user_id}/notes/{number}"),
        author,
        text,
        create_time: Some(to_proto(Micros(create_time))),
        forget_time: forget_time.map(|time| to_proto(Micros(time))),
    }
}
