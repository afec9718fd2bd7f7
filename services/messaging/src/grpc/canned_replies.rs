//! `CannedReplyService`: decode, call the use case, encode.

use siyu_clock::Micros;
use siyu_proto::messaging::v1::{
    self as pb, CreateCannedReplyRequest, CreateCannedReplyResponse, DeleteCannedReplyRequest,
    DeleteCannedReplyResponse, GetCannedReplyRequest, GetCannedReplyResponse, ListCannedRepliesRequest,
    ListCannedRepliesResponse, RenderCannedReplyRequest, RenderCannedReplyResponse, ReplyVariable,
    UpdateCannedReplyRequest, UpdateCannedReplyResponse, canned_reply_service_server::CannedReplyService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, etag, name, time::to_proto};
use tonic::{Request, Response, Status};

use crate::{Messaging, store::canned_reply::CannedReply};

#[tonic::async_trait]
impl CannedReplyService for Messaging {
    async fn create_canned_reply(
        &self,
        request: Request<CreateCannedReplyRequest>,
    ) -> Result<Response<CreateCannedReplyResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let text = request.canned_reply.unwrap_or_default().text;
        let ids = [account_id, request.canned_reply_id.as_str()];
        let reply = self.create_canned_reply(&mutation, ids, &text).await?;
        Ok(Response::new(CreateCannedReplyResponse { canned_reply: Some(to_reply(reply)) }))
    }

    async fn get_canned_reply(
        &self,
        request: Request<GetCannedReplyRequest>,
    ) -> Result<Response<GetCannedReplyResponse>, Status> {
        let request = admit(request)?;
        let reply = self.get_canned_reply(reply_ids(&request.name, "name")?).await?;
        Ok(Response::new(GetCannedReplyResponse { canned_reply: Some(to_reply(reply)) }))
    }

    async fn list_canned_replies(
        &self,
        request: Request<ListCannedRepliesRequest>,
    ) -> Result<Response<ListCannedRepliesResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListCannedReplies {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let (replies, next_page_token) = self.list_canned_replies(account_id, &page).await?;
        let canned_replies = replies.into_iter().map(to_reply).collect();
        Ok(Response::new(ListCannedRepliesResponse { canned_replies, next_page_token }))
    }

    async fn update_canned_reply(
        &self,
        request: Request<UpdateCannedReplyRequest>,
    ) -> Result<Response<UpdateCannedReplyResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let sent = request.canned_reply.unwrap_or_default();
        let ids = reply_ids(&sent.name, "canned_reply.name")?;
        let reply = self.update_canned_reply(&mutation, ids, &sent.text, &sent.etag).await?;
        Ok(Response::new(UpdateCannedReplyResponse { canned_reply: Some(to_reply(reply)) }))
    }

    async fn delete_canned_reply(
        &self,
        request: Request<DeleteCannedReplyRequest>,
    ) -> Result<Response<DeleteCannedReplyResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        self.delete_canned_reply(&mutation, reply_ids(&request.name, "name")?, &request.etag).await?;
        Ok(Response::new(DeleteCannedReplyResponse {}))
    }

    async fn render_canned_reply(
        &self,
        request: Request<RenderCannedReplyRequest>,
    ) -> Result<Response<RenderCannedReplyResponse>, Status> {
        let request = admit(request)?;
        let ids = reply_ids(&request.name, "name")?;
        let user_id = name::id(&request.user, "users", "user")?;
        let variables = given(request.variables)?;
        let text = self.render_canned_reply(ids, user_id, &variables).await?;
        Ok(Response::new(RenderCannedReplyResponse { text }))
    }
}

/// Names of variables and what they are replaced by.
pub(super) fn given(variables: Vec<ReplyVariable>) -> Result<Vec<(String, String)>, Error> {
    let variables: Vec<_> = variables.into_iter().map(|variable| (variable.name, variable.value)).collect();
    for (place, (name, _)) in variables.iter().enumerate() {
        if variables[..place].iter().any(|(other, _)| other == name) {
            return Err(Error::invalid_field(format!("variables[{place}].name"), "is given twice"));
        }
    }
    Ok(variables)
}

/// Account and reply of a reply's name.
pub(super) fn reply_ids<'a>(name: &'a str, field: &str) -> Result<[&'a str; 2], Error> {
    let rule = "must be accounts/{account}/cannedReplies/{canned_reply}";
    name::ids(name, ["accounts", "cannedReplies"]).ok_or_else(|| Error::invalid_field(field, rule))
}

fn to_reply(reply: CannedReply) -> pb::CannedReply {
    pb::CannedReply {
        name: reply.name(),
        create_time: Some(to_proto(Micros(reply.create_time))),
        update_time: Some(to_proto(Micros(reply.update_time))),
        etag: etag::of(reply.revision),
        text: reply.text,
    }
}
