//! The content registry: videos and lives, what may happen to them, and the events that tell of it.

use std::time::Duration;

use prost_types::{FieldMask, Timestamp};
use siyu_proto::accounts::v1::{
    CancelLiveRequest, Content, ContentKind, ContentState, EndLiveRequest, GetContentRequest,
    ListContentsRequest, RegisterContentRequest, StartLiveRequest, UpdateContentRequest,
    content_service_client::ContentServiceClient,
};
use siyu_rpc::auth::Caller;
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    events::events_after,
    mutations::entries,
    support::{at, fields, reason},
};

pub(crate) type Client = ContentServiceClient<siyu::connect::Client>;

pub(crate) fn contents(suite: &TestSuite) -> Client {
    ContentServiceClient::new(suite.client())
}

pub(crate) fn live(scheduled_time: Timestamp) -> Content {
    Content {
        kind: ContentKind::Live.into(),
        title: "Spring novelties".to_owned(),
        scheduled_time: Some(scheduled_time),
        ..Content::default()
    }
}

fn video() -> Content {
    Content {
        kind: ContentKind::Video.into(),
        title: "How to".to_owned(),
        cover_uri: "https://example.com/cover.jpg".to_owned(),
        topics: vec!["skincare".to_owned()],
        advertisement: true,
        ..Content::default()
    }
}

/// Registers a content of `accounts/shop`.
pub(crate) async fn register(mut client: Client, id: &str, content: Content) -> Result<Content, Status> {
    let request = RegisterContentRequest {
        parent: "accounts/shop".to_owned(),
        content: Some(content),
        content_id: id.to_owned(),
    };
    Ok(client.register_content(request).await?.into_inner().content.unwrap())
}

pub(crate) async fn start(mut client: Client, name: &str) -> Result<Content, Status> {
    let request = StartLiveRequest { name: name.to_owned() };
    Ok(client.start_live(request).await?.into_inner().content.unwrap())
}

pub(crate) async fn end(mut client: Client, name: &str) -> Result<Content, Status> {
    let request = EndLiveRequest { name: name.to_owned() };
    Ok(client.end_live(request).await?.into_inner().content.unwrap())
}

pub(crate) async fn cancel(mut client: Client, name: &str) -> Result<Content, Status> {
    let request = CancelLiveRequest { name: name.to_owned() };
    Ok(client.cancel_live(request).await?.into_inner().content.unwrap())
}

pub(crate) async fn update(mut client: Client, content: Content, paths: &[&str]) -> Result<Content, Status> {
    let request = UpdateContentRequest {
        content: Some(content),
        update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
        ..UpdateContentRequest::default()
    };
    Ok(client.update_content(request).await?.into_inner().content.unwrap())
}

async fn get(suite: &TestSuite, name: &str) -> Content {
    let request = GetContentRequest { name: name.to_owned() };
    contents(suite).get_content(request).await.unwrap().into_inner().content.unwrap()
}

/// The ids of contents, in pages of two.
async fn list(suite: &TestSuite, request: ListContentsRequest) -> Vec<String> {
    let mut request = ListContentsRequest { parent: "accounts/shop".to_owned(), page_size: 2, ..request };
    let mut ids = Vec::new();
    loop {
        let page = contents(suite).list_contents(request.clone()).await.unwrap().into_inner();
        ids.extend(page.contents.iter().map(|content| content.name.rsplit('/').next().unwrap().to_owned()));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return ids;
        }
    }
}

/// Names of the events about contents, in their order.
async fn told(suite: &TestSuite) -> Vec<String> {
    suite.advance(Duration::from_millis(1)).await;
    let events = events_after(suite, Vec::new()).await.unwrap();
    let types = events.into_iter().map(|event| event.payload.unwrap().type_url);
    let names = types.map(|name| name.rsplit('.').next().unwrap().to_owned());
    names.filter(|name| name.starts_with("Live") || name.starts_with("Content")).collect()
}

fn is_wrong_state(status: &Status, words: &str) {
    assert_eq!(
        (status.code(), reason(status).as_str()),
        (Code::FailedPrecondition, "WRONG_STATE"),
        "{status}"
    );
    assert!(status.message().contains(words), "{status}");
}

async fn a_live_goes_its_way_and_everybody_hears_of_it(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let planned = at("2026-03-02T12:00:00Z");
    let first = register(contents(&suite), "l1", live(planned)).await.unwrap();
    assert_eq!((first.state(), first.scheduled_time), (ContentState::Scheduled, Some(planned)));
    let name = first.name.as_str();
    is_wrong_state(&end(contents(&suite), name).await.unwrap_err(), "is scheduled: it cannot end");

    let moved = Content { scheduled_time: Some(at("2026-03-03T12:00:00Z")), ..first.clone() };
    let moved = update(contents(&suite), moved, &["scheduled_time"]).await.unwrap();
    let stale =
        update(contents(&suite), Content { title: "Mine".to_owned(), ..first.clone() }, &["title"]).await;
    assert_eq!(reason(&stale.unwrap_err()), "ETAG_MISMATCH");
    assert_eq!(get(&suite, name).await, moved);

    let started = start(contents(&suite), name).await.unwrap();
    assert_eq!((started.state(), started.start_time), (ContentState::Live, Some(at("2026-03-01T00:00:00Z"))));
    suite.advance(Duration::from_secs(60)).await;
    assert_eq!(start(contents(&suite), name).await.unwrap(), started);
    is_wrong_state(&cancel(contents(&suite), name).await.unwrap_err(), "is live: it cannot be cancelled");
    let moved = Content { etag: String::new(), ..moved };
    is_wrong_state(&update(contents(&suite), moved, &["scheduled_time"]).await.unwrap_err(), "is live");
    let ended = end(contents(&suite), name).await.unwrap();
    assert_eq!((ended.state(), ended.end_time), (ContentState::Ended, Some(at("2026-03-01T00:01:00Z"))));
    assert_eq!(end(contents(&suite), name).await.unwrap(), ended);
    is_wrong_state(&start(contents(&suite), name).await.unwrap_err(), "is ended: it cannot start");

    let other = register(contents(&suite), "l2", live(planned)).await.unwrap();
    let cancelled = cancel(contents(&suite), &other.name).await.unwrap();
    assert_eq!(cancelled.state(), ContentState::Cancelled);
    assert_eq!(cancel(contents(&suite), &other.name).await.unwrap(), cancelled);
    is_wrong_state(&start(contents(&suite), &other.name).await.unwrap_err(), "is cancelled: it cannot start");

    let seen = register(contents(&suite), "v1", video()).await.unwrap();
    assert_eq!(
        (seen.state(), seen.publish_time),
        (ContentState::Published, Some(at("2026-03-01T00:01:00Z")))
    );
    is_wrong_state(&start(contents(&suite), &seen.name).await.unwrap_err(), "is a video: it cannot start");
    let told = told(&suite).await;
    assert_eq!(
        told,
        [
            "LiveScheduled",
            "LiveScheduled",
            "LiveStarted",
            "LiveEnded",
            "LiveScheduled",
            "LiveCancelled",
            "ContentPublished"
        ]
    );
    // What changed nothing is in no audit log.
    let methods = entries(&suite, "accounts/shop", "accounts").await;
    let starts = methods.iter().filter(|entry| entry.method.ends_with("/StartLive")).count();
    assert_eq!(starts, 1);
    suite.finish().await;
}

async fn the_same_content_is_registered_once(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let first = register(contents(&suite), "v1", video()).await.unwrap();
    suite.advance(Duration::from_secs(3600)).await;
    assert_eq!(register(contents(&suite), "v1", video()).await.unwrap(), first);
    let other = Content { title: "Another".to_owned(), ..video() };
    let status = register(contents(&suite), "v1", other).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::AlreadyExists, "RESOURCE_EXISTS".to_owned()));
    assert_eq!(get(&suite, &first.name).await, first);
    assert_eq!(told(&suite).await, ["ContentPublished"]);
    suite.finish().await;
}

async fn contents_are_listed_latest_first(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    for (id, content) in [
        ("v1", Content { publish_time: Some(at("2026-02-01T00:00:00Z")), ..video() }),
        ("v2", Content { publish_time: Some(at("2026-02-02T00:00:00Z")), ..video() }),
        ("l1", live(at("2026-03-03T00:00:00Z"))),
        ("l2", live(at("2026-03-02T00:00:00Z"))),
        ("l3", live(at("2026-03-02T00:00:00Z"))),
    ] {
        register(contents(&suite), id, content).await.unwrap();
    }
    start(contents(&suite), "accounts/shop/contents/l2").await.unwrap();
    let all = ListContentsRequest::default;
    assert_eq!(list(&suite, all()).await, ["l1", "l3", "l2", "v2", "v1"]);
    let lives = ListContentsRequest { kind: ContentKind::Live.into(), ..all() };
    assert_eq!(list(&suite, lives.clone()).await, ["l1", "l3", "l2"]);
    let running = ListContentsRequest { state: ContentState::Live.into(), ..lives };
    assert_eq!(list(&suite, running).await, ["l2"]);
    let within = ListContentsRequest {
        start_time: Some(at("2026-02-02T00:00:00Z")),
        end_time: Some(at("2026-03-03T00:00:00Z")),
        ..all()
    };
    assert_eq!(list(&suite, within).await, ["l3", "l2", "v2"]);
    suite.finish().await;
}

async fn bad_contents_are_refused_and_leave_nothing(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let later = at("2026-03-02T00:00:00Z");
    for (content, field) in [
        (Content { kind: 0, ..video() }, "content.kind"),
        (Content { title: "  ".to_owned(), ..video() }, "content.title"),
        (Content { title: "x".repeat(1_000_000), ..video() }, "content.title"),
        (Content { cover_uri: "http://example.com/a".to_owned(), ..video() }, "content.cover_uri"),
        (Content { cover_uri: "https://u:p@example.com/a".to_owned(), ..video() }, "content.cover_uri"),
        (Content { topics: vec!["Bad Topic".to_owned()], ..video() }, "content.topics[0]"),
        (Content { topics: (0..11).map(|n| n.to_string()).collect(), ..video() }, "content.topics"),
        (Content { scheduled_time: Some(later), ..video() }, "content.scheduled_time"),
        (Content { publish_time: Some(later), ..video() }, "content.publish_time"),
        (Content { publish_time: Some(later), ..live(later) }, "content.publish_time"),
        (Content { scheduled_time: None, ..live(later) }, "content.scheduled_time"),
        (live(at("2026-02-01T00:00:00Z")), "content.scheduled_time"),
        (live(Timestamp { seconds: i64::MAX, nanos: 0 }), "content.scheduled_time"),
    ] {
        let status = register(contents(&suite), "bad", content).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status:.200}"
        );
    }
    for id in ["", "a/b", "ä", &"x".repeat(65)] {
        assert_eq!(fields(&register(contents(&suite), id, video()).await.unwrap_err()), ["content_id"]);
    }
    assert_eq!(list(&suite, ListContentsRequest::default()).await, [] as [String; 0]);
    let name = "accounts/shop/contents/nothing";
    assert_eq!(start(contents(&suite), name).await.unwrap_err().code(), Code::NotFound);
    // The platform alone announces.
    let user = ContentServiceClient::new(suite.client_as(&Caller::user("users/u1")).await);
    assert_eq!(register(user, "v1", video()).await.unwrap_err().code(), Code::PermissionDenied);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_live_goes_its_way_and_everybody_hears_of_it,
    the_same_content_is_registered_once,
    contents_are_listed_latest_first,
    bad_contents_are_refused_and_leave_nothing,
);
