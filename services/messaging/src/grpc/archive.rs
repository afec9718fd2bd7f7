//! `ArchiveService`: decode, call the use case, encode.

use std::sync::Arc;

use futures_util::stream;
use prost_types::Timestamp;
use siyu_clock::Micros;
use siyu_proto::messaging::v1::{
    self as pb, EraseConversationRequest, EraseConversationResponse, ExportConversationsRequest,
    ExportConversationsResponse, GetRetentionRequest, GetRetentionResponse, MessageSender,
    SearchMessagesRequest, SearchMessagesResponse, SetRetentionRequest, SetRetentionResponse,
    archive_service_server::ArchiveService,
};
use siyu_rpc::{
    Error, Page, admit, admit_mutation, name,
    time::{from_proto, to_proto},
};
use tonic::{Request, Response, Status};

use super::{
    convert::{ids, sender, to_message},
    streams::Answers,
};
use crate::{
    Messaging,
    app::archive::Export,
    domain::{archive::TimeRange, message::Sender, retention::Retention, search::Search},
};

/// Who is shown what is found.
const SIDE: Sender = Sender::Account;
/// Most messages of a page: they are sent in one piece.
const MOST_FOUND: i32 = 200;

#[tonic::async_trait]
impl ArchiveService for Messaging {
    type ExportConversationsStream = Answers<ExportConversationsResponse>;

    async fn search_messages(
        &self,
        request: Request<SearchMessagesRequest>,
    ) -> Result<Response<SearchMessagesResponse>, Status> {
        let request = admit(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let user_id = user_of(&request.user)?;
        if request.query.trim().is_empty() {
            return Err(Error::invalid_field("query", "must not be spaces alone").into());
        }
        let from = match request.sender() {
            MessageSender::Unspecified => None,
            side => Some(sender(side)?),
        };
        let range = range(request.start_time.as_ref(), request.end_time.as_ref())?;
        let search = Search::new(&request.query, from, range);
        let arguments = format!("SearchMessages {account_id} {user_id:?} {search:?}");
        let page = Page::read(request.page_size.min(MOST_FOUND), &request.page_token, arguments)?;
        let found = self.search(account_id, user_id, &search, &page).await?;
        Ok(Response::new(SearchMessagesResponse {
            messages: found.messages.iter().map(|message| to_message(message, SIDE)).collect(),
            next_page_token: found.next_page_token,
            looked_at_count: i64::try_from(found.looked_at).unwrap_or(i64::MAX),
        }))
    }

    async fn export_conversations(
        &self,
        request: Request<ExportConversationsRequest>,
    ) -> Result<Response<Self::ExportConversationsStream>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?.to_owned();
        let user_id = user_of(&request.user)?.map(ToOwned::to_owned);
        let range = range(request.start_time.as_ref(), request.end_time.as_ref())?;
        let arguments = format!("ExportConversations {account_id} {user_id:?} {range:?}");
        let page = Page::read(0, &request.page_token, arguments)?;
        let after = page.after.clone().unwrap_or_default();
        let export = Export { account_id, user_id, range, page };
        self.begin_export(&mutation, &export).await?;
        // What comes next is read when the reader takes more, and not before.
        let state = (self.clone(), Arc::new(export), after);
        let answers = stream::try_unfold(state, |(messaging, export, (user_id, sequence))| async move {
            let Some((messages, place)) = messaging.export_next(&export, (&user_id, sequence)).await? else {
                return Ok::<_, Status>(None);
            };
            let answer = ExportConversationsResponse {
                messages: messages.iter().map(|message| to_message(message, SIDE)).collect(),
                next_page_token: export.page.token_after(place.clone())?,
            };
            Ok(Some((answer, (messaging, export, place))))
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn set_retention(
        &self,
        request: Request<SetRetentionRequest>,
    ) -> Result<Response<SetRetentionResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let retention = self.set_retention(&mutation, account_id, request.days).await?;
        Ok(Response::new(SetRetentionResponse { retention: Some(to_retention(&retention)) }))
    }

    async fn get_retention(
        &self,
        request: Request<GetRetentionRequest>,
    ) -> Result<Response<GetRetentionResponse>, Status> {
        let request = admit(request)?;
        let found = self.get_retention(name::id(&request.parent, "accounts", "parent")?).await?;
        let retention = found.as_ref().map(to_retention).unwrap_or_default();
        Ok(Response::new(GetRetentionResponse { retention: Some(retention) }))
    }

    async fn erase_conversation(
        &self,
        request: Request<EraseConversationRequest>,
    ) -> Result<Response<EraseConversationResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let erased = self.erase(&mutation, ids(&request.parent, &request.user)?).await?;
        let erased_count = i64::try_from(erased).unwrap_or(i64::MAX);
        Ok(Response::new(EraseConversationResponse { erased_count }))
    }
}

/// The user whose conversation alone is meant, if one is.
fn user_of(user: &str) -> Result<Option<&str>, Error> {
    if user.is_empty() { Ok(None) } else { name::id(user, "users", "user").map(Some) }
}

/// When messages were stored that are meant.
fn range(start: Option<&Timestamp>, end: Option<&Timestamp>) -> Result<TimeRange, Error> {
    let time = |time: Option<&Timestamp>, field: &str, unset: Micros| match time {
        Some(time) => from_proto(time).ok_or_else(|| Error::invalid_field(field, "is not a time")),
        None => Ok(unset),
    };
    let range = TimeRange {
        start: time(start, "start_time", TimeRange::ALL.start)?,
        end: time(end, "end_time", TimeRange::ALL.end)?,
    };
    if range.end <= range.start {
        return Err(Error::invalid_field("end_time", "must be after start_time"));
    }
    Ok(range)
}

fn to_retention(retention: &Retention) -> pb::Retention {
    pb::Retention {
        days: retention.days,
        update_time: Some(to_proto(retention.update_time)),
        done_time: retention.done_time.map(to_proto),
    }
}
