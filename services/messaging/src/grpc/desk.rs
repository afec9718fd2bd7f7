//! `DeskService`: decode, call the use case, encode.

use jiff::tz::TimeZone;
use siyu_proto::messaging::v1::{
    CreateMessagePolicyRequest, CreateMessagePolicyResponse, GetConversationRequest, GetConversationResponse,
    ListDeskConversationsRequest, ListDeskConversationsResponse, ListDeskMessagesRequest,
    ListDeskMessagesResponse, MarkDeskReadRequest, MarkDeskReadResponse, RecallDeskMessageRequest,
    RecallDeskMessageResponse, SendDeskMessageRequest, SendDeskMessageResponse, StreamDeskRequest,
    StreamDeskResponse, desk_service_server::DeskService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, name, time::from_proto};
use tonic::{Request, Response, Status};

use super::{
    convert::{content, ids, to_allowance, to_conversation, to_message, to_policy, window},
    streams::{Answers, Happened, stream},
};
use crate::{
    Messaging,
    app::{
        Owner,
        live::Inbox,
        sending::{Allowed, NewMessage},
    },
    domain::message::Sender,
};

const SIDE: Sender = Sender::Account;

#[tonic::async_trait]
impl DeskService for Messaging {
    type StreamDeskStream = Answers<StreamDeskResponse>;

    async fn send_desk_message(
        &self,
        request: Request<SendDeskMessageRequest>,
    ) -> Result<Response<SendDeskMessageResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, user_id] = ids(&request.parent, &request.user)?;
        let new = NewMessage {
            account_id: account_id.to_owned(),
            user_id: user_id.to_owned(),
            sender: SIDE,
            author: mutation.actor(),
            client_message_id: request.client_message_id,
            content: content(request.content)?,
            causation_depth: 0,
            zone: TimeZone::UTC,
            allowed: Allowed::Policy { is_certified: false },
            sent_time: None,
        };
        let message = self.send(new).await?;
        Ok(Response::new(SendDeskMessageResponse { message: Some(to_message(&message, SIDE)) }))
    }

    async fn get_conversation(
        &self,
        request: Request<GetConversationRequest>,
    ) -> Result<Response<GetConversationResponse>, Status> {
        let request = admit(request)?;
        let [account_id, user_id] = ids(&request.parent, &request.user)?;
        let (found, allowance) = self.get_conversation(account_id, user_id).await?;
        let conversation = match found {
            Some(conversation) => Some(to_conversation(&self.listed(conversation).await?, SIDE)),
            None => None,
        };
        Ok(Response::new(GetConversationResponse { conversation, allowance: Some(to_allowance(allowance)) }))
    }

    async fn list_desk_conversations(
        &self,
        request: Request<ListDeskConversationsRequest>,
    ) -> Result<Response<ListDeskConversationsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListDeskConversations {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let owner = Owner::Account(name::id(&request.parent, "accounts", "parent")?);
        let (listed, next_page_token) = self.list_conversations(owner, &page).await?;
        let conversations = listed.iter().map(|listed| to_conversation(listed, SIDE)).collect();
        Ok(Response::new(ListDeskConversationsResponse { conversations, next_page_token }))
    }

    async fn list_desk_messages(
        &self,
        request: Request<ListDeskMessagesRequest>,
    ) -> Result<Response<ListDeskMessagesResponse>, Status> {
        let request = admit(request)?;
        let ids = ids(&request.parent, &request.user)?;
        let (window, size) = window(request.before_sequence, request.after_sequence, request.page_size)?;
        let (found, has_more) = self.list_messages(ids, window, size).await?;
        let messages = found.iter().map(|message| to_message(message, SIDE)).collect();
        Ok(Response::new(ListDeskMessagesResponse { messages, has_more }))
    }

    async fn mark_desk_read(
        &self,
        request: Request<MarkDeskReadRequest>,
    ) -> Result<Response<MarkDeskReadResponse>, Status> {
        let request = admit(request)?;
        let ids = ids(&request.parent, &request.user)?;
        let conversation = self.mark_read(ids, SIDE, request.sequence).await?;
        let listed = self.listed(conversation).await?;
        Ok(Response::new(MarkDeskReadResponse { conversation: Some(to_conversation(&listed, SIDE)) }))
    }

    async fn recall_desk_message(
        &self,
        request: Request<RecallDeskMessageRequest>,
    ) -> Result<Response<RecallDeskMessageResponse>, Status> {
        let request = admit(request)?;
        let message = self.recall(ids(&request.parent, &request.user)?, SIDE, request.sequence).await?;
        Ok(Response::new(RecallDeskMessageResponse { message: Some(to_message(&message, SIDE)) }))
    }

    async fn stream_desk(
        &self,
        request: Request<StreamDeskRequest>,
    ) -> Result<Response<Self::StreamDeskStream>, Status> {
        let request = admit(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        self.check_account(account_id).await?;
        let arrivals = self.arrivals(Inbox::Account(account_id.to_owned()), request.after).await?;
        Ok(Response::new(stream(arrivals, SIDE, |Happened { messages, read_marks, cursor }| {
            StreamDeskResponse { messages, cursor, read_marks }
        })))
    }

    async fn create_message_policy(
        &self,
        request: Request<CreateMessagePolicyRequest>,
    ) -> Result<Response<CreateMessagePolicyResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let sent = request.message_policy.unwrap_or_default();
        let not_a_time = || Error::invalid_field("message_policy.effective_time", "is not a time");
        let effective_time = match &sent.effective_time {
            Some(time) => Some(from_proto(time).ok_or_else(not_a_time)?),
            None => None,
        };
        let limits = [sent.certified_limit, sent.basic_limit];
        let policy = self.create_message_policy(&mutation, limits, effective_time).await?;
        Ok(Response::new(CreateMessagePolicyResponse { message_policy: Some(to_policy(&policy)) }))
    }
}
