//! `HostService`: decode, call the use case, encode.

use siyu_proto::groups::v1::{
    ListHostMessagesRequest, ListHostMessagesResponse, PinHostMessageRequest, PinHostMessageResponse,
    PostHostMessageRequest, PostHostMessageResponse, RecallHostMessageRequest, RecallHostMessageResponse,
    StreamHostMessagesRequest, StreamHostMessagesResponse, host_service_server::HostService,
};
use siyu_rpc::{admit, admit_mutation};
use tonic::{Request, Response, Status};

use super::{
    convert::{content, group_ids, to_message, window},
    streams::{Answers, stream},
};
use crate::{Groups, app::posting::NewMessage};

/// The account speaks and reads as nobody in particular.
const NO_USER: &str = "";

#[tonic::async_trait]
impl HostService for Groups {
    type StreamHostMessagesStream = Answers<StreamHostMessagesResponse>;

    async fn post_host_message(
        &self,
        request: Request<PostHostMessageRequest>,
    ) -> Result<Response<PostHostMessageResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, group_id] = group_ids(&request.parent, "parent")?;
        let new = NewMessage {
            account_id: account_id.to_owned(),
            group_id: group_id.to_owned(),
            user_id: NO_USER.to_owned(),
            author: mutation.actor(),
            client_message_id: request.client_message_id.clone(),
            content: content(request.content)?,
        };
        let message = self.post(new).await?;
        Ok(Response::new(PostHostMessageResponse { message: Some(to_message(&message, true)) }))
    }

    async fn list_host_messages(
        &self,
        request: Request<ListHostMessagesRequest>,
    ) -> Result<Response<ListHostMessagesResponse>, Status> {
        let request = admit(request)?;
        let ids = group_ids(&request.parent, "parent")?;
        let (window, size) = window(request.before_sequence, request.after_sequence, request.page_size)?;
        let (found, has_more) = self.list_messages(ids, NO_USER, window, size).await?;
        let messages = found.iter().map(|message| to_message(message, true)).collect();
        Ok(Response::new(ListHostMessagesResponse { messages, has_more }))
    }

    async fn recall_host_message(
        &self,
        request: Request<RecallHostMessageRequest>,
    ) -> Result<Response<RecallHostMessageResponse>, Status> {
        let request = admit(request)?;
        let ids = group_ids(&request.parent, "parent")?;
        let message = self.recall(ids, NO_USER, request.sequence).await?;
        Ok(Response::new(RecallHostMessageResponse { message: Some(to_message(&message, true)) }))
    }

    async fn pin_host_message(
        &self,
        request: Request<PinHostMessageRequest>,
    ) -> Result<Response<PinHostMessageResponse>, Status> {
        let request = admit(request)?;
        let ids = group_ids(&request.parent, "parent")?;
        let pinned_sequence = self.pin(ids, NO_USER, request.sequence).await?;
        Ok(Response::new(PinHostMessageResponse { pinned_sequence }))
    }

    async fn stream_host_messages(
        &self,
        request: Request<StreamHostMessagesRequest>,
    ) -> Result<Response<Self::StreamHostMessagesStream>, Status> {
        let request = admit(request)?;
        let ids = group_ids(&request.parent, "parent")?;
        let arrivals = self.arrivals(ids, NO_USER, request.after).await?;
        let respond = |messages, cursor| StreamHostMessagesResponse { messages, cursor };
        Ok(Response::new(stream(arrivals, true, respond)))
    }
}
