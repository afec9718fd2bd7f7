//! `ChatService`: decode, call the use case, encode.

use siyu_proto::groups::v1::{
    ListMessagesRequest, ListMessagesResponse, MarkReadRequest, MarkReadResponse, PinMessageRequest,
    PinMessageResponse, PostMessageRequest, PostMessageResponse, RecallMessageRequest, RecallMessageResponse,
    StreamMessagesRequest, StreamMessagesResponse, chat_service_server::ChatService,
};
use siyu_rpc::{Error, admit, name};
use tonic::{Request, Response, Status};

use super::{
    convert::{content, group_ids, to_message, window},
    streams::{Answers, stream},
};
use crate::{Groups, app::posting::NewMessage};

#[tonic::async_trait]
impl ChatService for Groups {
    type StreamMessagesStream = Answers<StreamMessagesResponse>;

    async fn post_message(
        &self,
        request: Request<PostMessageRequest>,
    ) -> Result<Response<PostMessageResponse>, Status> {
        let request = admit(request)?;
        let ([account_id, group_id], user_id) = ids(&request.parent, &request.user)?;
        let new = NewMessage {
            account_id: account_id.to_owned(),
            group_id: group_id.to_owned(),
            user_id: user_id.to_owned(),
            author: String::new(),
            client_message_id: request.client_message_id,
            content: content(request.content)?,
        };
        let message = self.post(new).await?;
        Ok(Response::new(PostMessageResponse { message: Some(to_message(&message, false)) }))
    }

    async fn list_messages(
        &self,
        request: Request<ListMessagesRequest>,
    ) -> Result<Response<ListMessagesResponse>, Status> {
        let request = admit(request)?;
        let (ids, user_id) = ids(&request.parent, &request.user)?;
        let (window, size) = window(request.before_sequence, request.after_sequence, request.page_size)?;
        let (found, has_more) = self.list_messages(ids, user_id, window, size).await?;
        let messages = found.iter().map(|message| to_message(message, false)).collect();
        Ok(Response::new(ListMessagesResponse { messages, has_more }))
    }

    async fn recall_message(
        &self,
        request: Request<RecallMessageRequest>,
    ) -> Result<Response<RecallMessageResponse>, Status> {
        let request = admit(request)?;
        let (ids, user_id) = ids(&request.parent, &request.user)?;
        let message = self.recall(ids, user_id, request.sequence).await?;
        Ok(Response::new(RecallMessageResponse { message: Some(to_message(&message, false)) }))
    }

    async fn pin_message(
        &self,
        request: Request<PinMessageRequest>,
    ) -> Result<Response<PinMessageResponse>, Status> {
        let request = admit(request)?;
        let (ids, user_id) = ids(&request.parent, &request.user)?;
        let pinned_sequence = self.pin(ids, user_id, request.sequence).await?;
        Ok(Response::new(PinMessageResponse { pinned_sequence }))
    }

    async fn mark_read(
        &self,
        request: Request<MarkReadRequest>,
    ) -> Result<Response<MarkReadResponse>, Status> {
        let request = admit(request)?;
        let (ids, user_id) = ids(&request.parent, &request.user)?;
        let (read_sequence, unread_count) = self.mark_read(ids, user_id, request.sequence).await?;
        Ok(Response::new(MarkReadResponse { read_sequence, unread_count }))
    }

    async fn stream_messages(
        &self,
        request: Request<StreamMessagesRequest>,
    ) -> Result<Response<Self::StreamMessagesStream>, Status> {
        let request = admit(request)?;
        let (ids, user_id) = ids(&request.parent, &request.user)?;
        let arrivals = self.arrivals(ids, user_id, request.after).await?;
        let respond = |messages, cursor| StreamMessagesResponse { messages, cursor };
        Ok(Response::new(stream(arrivals, false, respond)))
    }
}

/// Account and group, and the user.
fn ids<'a>(parent: &'a str, user: &'a str) -> Result<([&'a str; 2], &'a str), Error> {
    Ok((group_ids(parent, "parent")?, name::id(user, "users", "user")?))
}
