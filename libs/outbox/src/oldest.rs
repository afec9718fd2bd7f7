use siyu_proto::common::v1::{
    EventCursor, FeedPartition, GetFeedRequest, event_feed_service_client::EventFeedServiceClient,
};
use siyu_rpc::{Error, peer::Peer};

use crate::follow::unanswered;

/// Where the oldest events lie that `feed` still has, which the service behind `peer` serves: where a consumer begins that
/// wants all there are.
///
/// # Errors
/// UNAVAILABLE when it does not answer.
pub async fn oldest_cursors(feed: &'static str, peer: &Peer) -> Result<Vec<EventCursor>, Error> {
    let request = GetFeedRequest { name: format!("feeds/{feed}") };
    let answer = EventFeedServiceClient::new(peer.clone()).get_feed(request).await;
    let cursor = |partition: FeedPartition| EventCursor {
        partition: partition.partition,
        position: partition.trimmed_position,
    };
    Ok(answer.map_err(unanswered)?.into_inner().partitions.into_iter().map(cursor).collect())
}
