//! `FeedService`: decode, call the use case, encode.

use siyu_proto::subscriptions::v1::{
    FeedAction, FeedItem, FeedRejection, FeedReport, ListFeedRequest, ListFeedResponse, ReportFeedRequest,
    ReportFeedResponse, StreamFeedRequest, StreamFeedResponse, feed_service_server::FeedService,
};
use siyu_rpc::{
    Page, admit, name,
    time::{from_proto, to_proto},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::push_convert::from_content;
use crate::{
    Subscriptions,
    app::feed::{Item, Report, Unusable},
    domain::{push, touch::Action},
};

const DEFAULT_SIZE: i32 = 20;
const MOST_SIZE: i32 = 100;

#[tonic::async_trait]
impl FeedService for Subscriptions {
    type StreamFeedStream = ReceiverStream<Result<StreamFeedResponse, Status>>;

    async fn list_feed(
        &self,
        request: Request<ListFeedRequest>,
    ) -> Result<Response<ListFeedResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListFeed {} {}", request.user, request.account);
        let size = if request.page_size == 0 { DEFAULT_SIZE } else { request.page_size.min(MOST_SIZE) };
        let page = Page::read(size, &request.page_token, arguments)?;
        let user_id = name::id(&request.user, "users", "user")?;
        let account_id = request.account.trim_start_matches("accounts/");
        let (items, next_page_token) = self.list_feed(user_id, account_id, request.peek, &page).await?;
        let items = items.into_iter().map(to_item).collect();
        Ok(Response::new(ListFeedResponse { items, next_page_token }))
    }

    async fn stream_feed(
        &self,
        request: Request<StreamFeedRequest>,
    ) -> Result<Response<Self::StreamFeedStream>, Status> {
        let request = admit(request)?;
        let mut arrivals = self.arrivals(name::id(&request.user, "users", "user")?).await?;
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            let mut next = Ok(Vec::new());
            loop {
                let message = next.map(|items: Vec<Item>| StreamFeedResponse {
                    items: items.into_iter().map(to_item).collect(),
                });
                let is_end = message.is_err();
                if sender.send(message.map_err(Status::from)).await.is_err() || is_end {
                    return;
                }
                next = tokio::select! {
                    arrived = arrivals.next() => arrived,
                    // The reader has gone.
                    () = sender.closed() => return,
                };
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn report_feed(
        &self,
        request: Request<ReportFeedRequest>,
    ) -> Result<Response<ReportFeedResponse>, Status> {
        let request = admit(request)?;
        let user_id = name::id(&request.user, "users", "user")?;
        let reports = request.reports.into_iter().map(report).collect();
        let mut answer = ReportFeedResponse::default();
        for (index, judged) in (0..).zip(self.report_feed(user_id, reports).await?) {
            match judged {
                Ok(()) => answer.recorded_count += 1,
                Err(Unusable { field, message }) => {
                    answer.rejections.push(FeedRejection { index, field: field.to_owned(), message });
                }
            }
        }
        Ok(Response::new(answer))
    }
}

fn to_item(item: Item) -> FeedItem {
    let push = &item.push;
    let corrects = match push.corrects.as_str() {
        "" => String::new(),
        push_id => push::name(&push.account_id, push_id),
    };
    FeedItem {
        push: push.name(),
        account: format!("accounts/{}", push.account_id),
        content: Some(from_content(push.content.clone())),
        topic: push.topic.clone(),
        corrects,
        deliver_time: Some(to_proto(item.deliver_time)),
        expire_time: Some(to_proto(item.expire_time)),
        seen_time: item.touch.map(|touch| to_proto(touch.seen_time)),
        open_time: item.touch.and_then(|touch| touch.open_time).map(to_proto),
    }
}

fn report(sent: FeedReport) -> Result<Report, Unusable> {
    let unusable = |field, message: &str| Unusable { field, message: message.to_owned() };
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    if sent.event_id.is_empty() || sent.event_id.len() > 100 || !sent.event_id.chars().all(is_allowed) {
        return Err(unusable("event_id", "must be 1 to 100 of A-Z a-z 0-9 . _ : -"));
    }
    let action = match sent.action() {
        FeedAction::Open => Action::Open,
        FeedAction::Click => Action::Click,
        FeedAction::Like => Action::Like,
        FeedAction::Collect => Action::Collect,
        FeedAction::Comment => Action::Comment,
        FeedAction::Convert => Action::Convert,
        FeedAction::Unspecified => return Err(unusable("action", "must be set")),
    };
    let ids = name::ids(&sent.push, ["accounts", "pushes"]);
    let [account_id, push_id] =
        ids.ok_or_else(|| unusable("push", "must be accounts/{account}/pushes/{push}"))?;
    if sent.target.chars().count() > 200 {
        return Err(unusable("target", "must have at most 200 characters"));
    }
    let time = match &sent.event_time {
        None => None,
        Some(time) => Some(from_proto(time).ok_or_else(|| unusable("event_time", "is not a time"))?),
    };
    Ok(Report {
        event_id: sent.event_id.clone(),
        account_id: account_id.to_owned(),
        push_id: push_id.to_owned(),
        action,
        target: sent.target.clone(),
        time,
    })
}
