//! `ContentService`: decode, call the use case, encode.

use siyu_clock::Micros;
use siyu_proto::{
    accounts::v1::{
        self as pb, CancelLiveRequest, CancelLiveResponse, EndLiveRequest, EndLiveResponse,
        GetContentRequest, GetContentResponse, ListContentsRequest, ListContentsResponse,
        RegisterContentRequest, RegisterContentResponse, StartLiveRequest, StartLiveResponse,
        UpdateContentRequest, UpdateContentResponse, content_service_server::ContentService,
    },
    common::v1::ErrorReason,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, etag, name, time::to_proto};
use tonic::{Code, Request, Response, Status};

use super::convert::moment;
use crate::{
    Accounts,
    app::{ContentChange, NewContent},
    domain::content::{ContentKind, ContentState, LiveStep},
    store::content::{Content, Filter},
};

#[tonic::async_trait]
impl ContentService for Accounts {
    async fn register_content(
        &self,
        request: Request<RegisterContentRequest>,
    ) -> Result<Response<RegisterContentResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let new = new_content(request.content.unwrap_or_default())?;
        let content = self.register_content(&mutation, account_id, &request.content_id, &new).await?;
        Ok(Response::new(RegisterContentResponse { content: Some(to_content(content)) }))
    }

    async fn get_content(
        &self,
        request: Request<GetContentRequest>,
    ) -> Result<Response<GetContentResponse>, Status> {
        let request = admit(request)?;
        let [account_id, content_id] = content_ids(&request.name, "name")?;
        let content = self.get_content(account_id, content_id).await?;
        Ok(Response::new(GetContentResponse { content: Some(to_content(content)) }))
    }

    async fn list_contents(
        &self,
        request: Request<ListContentsRequest>,
    ) -> Result<Response<ListContentsResponse>, Status> {
        let request = admit(request)?;
        let filter = filter(&request)?;
        let page =
            Page::read(request.page_size, &request.page_token, format!("{} {filter:?}", request.parent))?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let (contents, next_page_token) = self.list_contents(account_id, &filter, &page).await?;
        let contents = contents.into_iter().map(to_content).collect();
        Ok(Response::new(ListContentsResponse { contents, next_page_token }))
    }

    async fn update_content(
        &self,
        request: Request<UpdateContentRequest>,
    ) -> Result<Response<UpdateContentResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let sent = request.content.unwrap_or_default();
        let [account_id, content_id] = content_ids(&sent.name, "content.name")?;
        let changes = changes(&sent, &request.update_mask.unwrap_or_default().paths)?;
        let content = self.update_content(&mutation, account_id, content_id, &sent.etag, &changes).await?;
        Ok(Response::new(UpdateContentResponse { content: Some(to_content(content)) }))
    }

    async fn start_live(
        &self,
        request: Request<StartLiveRequest>,
    ) -> Result<Response<StartLiveResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, content_id] = content_ids(&request.name, "name")?;
        let content = self.step_live(&mutation, account_id, content_id, LiveStep::Start).await?;
        Ok(Response::new(StartLiveResponse { content: Some(to_content(content)) }))
    }

    async fn end_live(&self, request: Request<EndLiveRequest>) -> Result<Response<EndLiveResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, content_id] = content_ids(&request.name, "name")?;
        let content = self.step_live(&mutation, account_id, content_id, LiveStep::End).await?;
        Ok(Response::new(EndLiveResponse { content: Some(to_content(content)) }))
    }

    async fn cancel_live(
        &self,
        request: Request<CancelLiveRequest>,
    ) -> Result<Response<CancelLiveResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, content_id] = content_ids(&request.name, "name")?;
        let content = self.step_live(&mutation, account_id, content_id, LiveStep::Cancel).await?;
        Ok(Response::new(CancelLiveResponse { content: Some(to_content(content)) }))
    }
}

/// The ids of `accounts/{account}/contents/{content}`.
pub(super) fn content_ids<'a>(name: &'a str, field: &str) -> Result<[&'a str; 2], Error> {
    let ids = name::ids(name, ["accounts", "contents"]);
    ids.ok_or_else(|| Error::invalid_field(field, "must be accounts/{account}/contents/{content}"))
}

fn new_content(sent: pb::Content) -> Result<NewContent, Error> {
    let publish_time = moment(sent.publish_time.as_ref(), "content.publish_time")?;
    let scheduled_time = moment(sent.scheduled_time.as_ref(), "content.scheduled_time")?;
    let kind = kind_of(sent.kind()).ok_or_else(|| Error::invalid_field("content.kind", "must be set"))?;
    let content_time = match kind {
        ContentKind::Video if scheduled_time.is_some() => {
            return Err(Error::invalid_field("content.scheduled_time", "must be unset for a video"));
        }
        ContentKind::Live if publish_time.is_some() => {
            return Err(Error::invalid_field("content.publish_time", "must be unset for a live"));
        }
        ContentKind::Video => publish_time,
        ContentKind::Live => scheduled_time,
    };
    Ok(NewContent {
        kind,
        title: sent.title,
        cover_uri: sent.cover_uri,
        topics: sent.topics,
        advertisement: sent.advertisement,
        content_time,
    })
}

/// The changes that a field mask asks for.
fn changes(sent: &pb::Content, paths: &[String]) -> Result<Vec<ContentChange>, Error> {
    if paths.is_empty() {
        return Err(Error::invalid_field("update_mask", "must name at least one field"));
    }
    let change = |path: &String| match path.as_str() {
        "title" => Ok(ContentChange::Title(sent.title.clone())),
        "cover_uri" => Ok(ContentChange::CoverUri(sent.cover_uri.clone())),
        "topics" => Ok(ContentChange::Topics(sent.topics.clone())),
        "advertisement" => Ok(ContentChange::Advertisement(sent.advertisement)),
        "scheduled_time" => {
            let field = "content.scheduled_time";
            let time = moment(sent.scheduled_time.as_ref(), field)?;
            time.map(ContentChange::ScheduledTime).ok_or_else(|| Error::invalid_field(field, "must be set"))
        }
        "name" | "kind" | "state" | "publish_time" | "start_time" | "end_time" | "etag" | "create_time"
        | "update_time" => {
            let message = format!("update_mask: {path} is fixed and cannot be updated");
            Err(Error::new(Code::InvalidArgument, ErrorReason::ImmutableField, message).with("field", path))
        }
        _ => Err(Error::invalid_field("update_mask", format!("{path:?} is not a field of a content"))),
    };
    paths.iter().map(change).collect()
}

fn filter(request: &ListContentsRequest) -> Result<Filter, Error> {
    let start_time = moment(request.start_time.as_ref(), "start_time")?;
    let end_time = moment(request.end_time.as_ref(), "end_time")?;
    Ok(Filter {
        kind: kind_of(request.kind()),
        state: state_of(request.state()),
        start_time: start_time.unwrap_or(Micros(i64::MIN)),
        end_time: end_time.unwrap_or(Micros(i64::MAX)),
    })
}

fn kind_of(kind: pb::ContentKind) -> Option<ContentKind> {
    match kind {
        pb::ContentKind::Unspecified => None,
        pb::ContentKind::Video => Some(ContentKind::Video),
        pb::ContentKind::Live => Some(ContentKind::Live),
    }
}

fn state_of(state: pb::ContentState) -> Option<ContentState> {
    match state {
        pb::ContentState::Unspecified => None,
        pb::ContentState::Published => Some(ContentState::Published),
        pb::ContentState::Scheduled => Some(ContentState::Scheduled),
        pb::ContentState::Live => Some(ContentState::Live),
        pb::ContentState::Ended => Some(ContentState::Ended),
        pb::ContentState::Cancelled => Some(ContentState::Cancelled),
    }
}

pub(crate) fn to_content(content: Content) -> pb::Content {
    let kind = match content.kind {
        ContentKind::Video => pb::ContentKind::Video,
        ContentKind::Live => pb::ContentKind::Live,
    };
    let state = match content.state {
        ContentState::Published => pb::ContentState::Published,
        ContentState::Scheduled => pb::ContentState::Scheduled,
        ContentState::Live => pb::ContentState::Live,
        ContentState::Ended => pb::ContentState::Ended,
        ContentState::Cancelled => pb::ContentState::Cancelled,
    };
    let content_time = to_proto(content.content_time);
    pb::Content {
        name: content.name(),
        kind: kind.into(),
        state: state.into(),
        title: content.title,
        cover_uri: content.cover_uri,
        topics: content.topics,
        advertisement: content.advertisement,
        publish_time: (content.kind == ContentKind::Video).then_some(content_time),
        scheduled_time: (content.kind == ContentKind::Live).then_some(content_time),
        start_time: content.start_time.map(to_proto),
        end_time: content.end_time.map(to_proto),
        etag: etag::of(content.revision),
        create_time: Some(to_proto(content.create_time)),
        update_time: Some(to_proto(content.update_time)),
    }
}
