//! `InboxService`: decode, call the use case, encode.

use jiff::tz::TimeZone;
use siyu_proto::messaging::v1::{
    ListConversationsRequest, ListConversationsResponse, ListMessagesRequest, ListMessagesResponse,
    MarkReadRequest, MarkReadResponse, RecallMessageRequest, RecallMessageResponse, SendMessageRequest,
    SendMessageResponse, StreamInboxRequest, StreamInboxResponse, inbox_service_server::InboxService,
};
use siyu_rpc::{Page, admit, name};
use tonic::{Request, Response, Status};

use super::{
    convert::{content, ids, to_conversation, to_message, window},
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

const SIDE: Sender = Sender::User;

#[tonic::async_trait]
impl InboxService for Messaging {
    type StreamInboxStream = Answers<StreamInboxResponse>;

    async fn send_message(
        &self,
        request: Request<SendMessageRequest>,
    ) -> Result<Response<SendMessageResponse>, Status> {
        let request = admit(request)?;
        let [account_id, user_id] = ids(&request.parent, &request.user)?;
        let new = NewMessage {
            account_id: account_id.to_owned(),
            user_id: user_id.to_owned(),
            sender: SIDE,
            author: String::new(),
            client_message_id: request.client_message_id,
            content: content(request.content)?,
            causation_depth: request.causation_depth,
            zone: TimeZone::UTC,
            allowed: Allowed::Any,
            sent_time: None,
        };
        let message = self.send(new).await?;
        Ok(Response::new(SendMessageResponse { message: Some(to_message(&message, SIDE)) }))
    }

    async fn list_conversations(
        &self,
        request: Request<ListConversationsRequest>,
    ) -> Result<Response<ListConversationsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListConversations {}", request.user);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let owner = Owner::User(name::id(&request.user, "users", "user")?);
        let (listed, next_page_token) = self.list_conversations(owner, &page).await?;
        let conversations = listed.iter().map(|listed| to_conversation(listed, SIDE)).collect();
        Ok(Response::new(ListConversationsResponse { conversations, next_page_token }))
    }

    async fn list_messages(
        &self,
        request: Request<ListMessagesRequest>,
    ) -> Result<Response<ListMessagesResponse>, Status> {
        let request = admit(request)?;
        let ids = ids(&request.parent, &request.user)?;
        let (window, size) = window(request.before_sequence, request.after_sequence, request.page_size)?;
        let (found, has_more) = self.list_messages(ids, window, size).await?;
        let messages = found.iter().map(|message| to_message(message, SIDE)).collect();
        Ok(Response::new(ListMessagesResponse { messages, has_more }))
    }

    async fn mark_read(
        &self,
        request: Request<MarkReadRequest>,
    ) -> Result<Response<MarkReadResponse>, Status> {
        let request = admit(request)?;
        let ids = ids(&request.parent, &request.user)?;
        let conversation = self.mark_read(ids, SIDE, request.sequence).await?;
        let listed = self.listed(conversation).await?;
        Ok(Response::new(MarkReadResponse { conversation: Some(to_conversation(&listed, SIDE)) }))
    }

    async fn recall_message(
        &self,
        request: Request<RecallMessageRequest>,
    ) -> Result<Response<RecallMessageResponse>, Status> {
        let request = admit(request)?;
        let message = self.recall(ids(&request.parent, &request.user)?, SIDE, request.sequence).await?;
        Ok(Response::new(RecallMessageResponse { message: Some(to_message(&message, SIDE)) }))
    }

    async fn stream_inbox(
        &self,
        request: Request<StreamInboxRequest>,
    ) -> Result<Response<Self::StreamInboxStream>, Status> {
        let request = admit(request)?;
        let inbox = Inbox::User(name::id(&request.user, "users", "user")?.to_owned());
        let arrivals = self.arrivals(inbox, request.after).await?;
        Ok(Response::new(stream(arrivals, SIDE, |Happened { messages, read_marks, cursor }| {
            StreamInboxResponse { messages, cursor, read_marks }
        })))
    }
}
