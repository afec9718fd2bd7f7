use std::{collections::BTreeMap, sync::Arc};

use siyu_proto::common::v1::{
    GetFeedRequest, GetFeedResponse, StreamEventsRequest, StreamEventsResponse,
    event_feed_service_server::{EventFeedService, EventFeedServiceServer, SERVICE_NAME},
};
use siyu_rpc::{Error, admit, name};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, service::Routes};

use crate::{Outbox, page::Cursors};

const DEFAULT_PAGE: usize = 500;
const MOST_PAGE: usize = 1_000;
/// Pages read before their reader has taken them.
const AHEAD: usize = 2;

/// Serves the feeds of the services of one process.
#[derive(Debug, Clone)]
pub struct FeedService {
    feeds: Arc<BTreeMap<&'static str, Outbox>>,
}

impl FeedService {
    /// Its name on the wire.
    pub const NAME: &'static str = SERVICE_NAME;

    /// Serves the events of these services.
    #[must_use]
    pub fn new(feeds: impl IntoIterator<Item = Outbox>) -> Self {
        Self { feeds: Arc::new(feeds.into_iter().map(|outbox| (outbox.feed, outbox)).collect()) }
    }

    /// Adds it to `routes`; a message may have at most `max_message_bytes`.
    #[must_use]
    pub fn add_to(&self, routes: Routes, max_message_bytes: usize) -> Routes {
        routes.add_service(
            EventFeedServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes),
        )
    }

    fn feed(&self, resource: &str, field: &str) -> Result<&Outbox, Error> {
        let feed = name::id(resource, "feeds", field)?;
        self.feeds.get(feed).ok_or_else(|| Error::not_found(resource))
    }
}

#[tonic::async_trait]
impl EventFeedService for FeedService {
    type StreamEventsStream = ReceiverStream<Result<StreamEventsResponse, Status>>;

    async fn get_feed(&self, request: Request<GetFeedRequest>) -> Result<Response<GetFeedResponse>, Status> {
        let request = admit(request)?;
        let (partitions, unpublished_count) = self.feed(&request.name, "name")?.describe().await?;
        Ok(Response::new(GetFeedResponse { partitions, unpublished_count }))
    }

    async fn stream_events(
        &self,
        request: Request<StreamEventsRequest>,
    ) -> Result<Response<Self::StreamEventsStream>, Status> {
        let request = admit(request)?;
        let outbox = self.feed(&request.parent, "parent")?.clone();
        let cursors = Cursors::read(&request.cursors)?;
        let page_size = match usize::try_from(request.page_size).unwrap_or_default() {
            0 => DEFAULT_PAGE,
            size => size.min(MOST_PAGE),
        };
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            if let Err(error) = outbox.send_pages(cursors, page_size, request.follow, &sender).await {
                // A reader that has gone needs no answer.
                let _ = sender.send(Err(error.into())).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

impl Outbox {
    /// Sends pages until the reader goes, or, unless it wants to follow, until all have been sent.
    async fn send_pages(
        &self,
        mut cursors: Cursors,
        page_size: usize,
        follow: bool,
        reader: &mpsc::Sender<Result<StreamEventsResponse, Status>>,
    ) -> Result<(), Error> {
        let mut published = self.published.subscribe();
        loop {
            // Marked before reading: what is published meanwhile ends the wait below at once.
            published.borrow_and_update();
            let with_news = self.with_news(&cursors).await?;
            let all_read = with_news.is_empty();
            for partition in with_news {
                let page = self.next_page(&mut cursors, partition, page_size).await?;
                if reader.send(Ok(page)).await.is_err() {
                    return Ok(());
                }
            }
            if all_read && !follow {
                return Ok(());
            }
            if all_read {
                tokio::select! {
                    _ = published.changed() => {}
                    () = tokio::time::sleep(self.settings.poll_interval) => {}
                    () = reader.closed() => return Ok(()),
                }
            }
        }
    }
}
