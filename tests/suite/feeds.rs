//! Feeds: merged, in pages that stay, as they happen, and what fans do with what they find.

use std::time::Duration;

use siyu_proto::{
    crm::v1::{
        InteractionKind, ReachPreference, UpdateReachPreferenceRequest,
        reach_service_client::ReachServiceClient,
    },
    subscriptions::v1::{
        CreatePushRequest, FeedAction, FeedItem, FeedReport, ListFeedRequest, Push, ReportFeedRequest,
        ReportFeedResponse, SchedulePushRequest, StreamFeedRequest, feed_service_client::FeedServiceClient,
    },
};
use siyu_tests::TestSuite;

use crate::{
    follows::{SHOP, follow, unfollow},
    pushes::{MINUTE, counts, create, named, pushes, schedule, shop_with, text},
    support::{seconds_ago, timeline},
};

pub(crate) fn feeds(suite: &TestSuite) -> FeedServiceClient<siyu::connect::Client> {
    FeedServiceClient::new(suite.client())
}

fn asking(user: &str) -> ListFeedRequest {
    ListFeedRequest { user: format!("users/{user}"), ..ListFeedRequest::default() }
}

/// The first page of a feed, which is seen by that.
pub(crate) async fn feed(suite: &TestSuite, user: &str) -> Vec<FeedItem> {
    feeds(suite).list_feed(asking(user)).await.unwrap().into_inner().items
}

/// The first page of a feed, at which is only peeked.
pub(crate) async fn unseen_feed(suite: &TestSuite, user: &str) -> Vec<FeedItem> {
    let request = ListFeedRequest { peek: true, ..asking(user) };
    feeds(suite).list_feed(request).await.unwrap().into_inner().items
}

pub(crate) async fn publish(suite: &TestSuite, id: &str, push: Push) {
    create(suite, id, push).await.unwrap();
    schedule(suite, id, None).await.unwrap();
    suite.advance(MINUTE).await;
}

pub(crate) async fn report(suite: &TestSuite, user: &str, reports: Vec<FeedReport>) -> ReportFeedResponse {
    let request = ReportFeedRequest { user: format!("users/{user}"), reports };
    feeds(suite).report_feed(request).await.unwrap().into_inner()
}

pub(crate) fn did(id: &str, push: &str, action: FeedAction) -> FeedReport {
    FeedReport { event_id: id.to_owned(), push: named(push), action: action.into(), ..FeedReport::default() }
}

async fn pages_stay_while_pushes_arrive(suite: TestSuite) {
    shop_with(&suite, &["ann"]).await;
    suite.account("mine", "other").await;
    follow(&suite, "accounts/other", "ann").await.unwrap();
    suite.advance(MINUTE).await;
    for id in ["one", "two", "three"] {
        publish(&suite, id, Push::default()).await;
    }
    let elsewhere = CreatePushRequest {
        parent: "accounts/other".to_owned(),
        push_id: "news".to_owned(),
        push: Some(Push { content: Some(text("news")), ..Push::default() }),
        ..CreatePushRequest::default()
    };
    let name = pushes(&suite).create_push(elsewhere).await.unwrap().into_inner().push.unwrap().name;
    let request = SchedulePushRequest { name: name.clone(), ..SchedulePushRequest::default() };
    pushes(&suite).schedule_push(request).await.unwrap();
    suite.advance(MINUTE).await;

    let request = ListFeedRequest { page_size: 2, ..asking("ann") };
    let first = feeds(&suite).list_feed(request.clone()).await.unwrap().into_inner();
    let found = |items: &[FeedItem]| items.iter().map(|item| item.push.clone()).collect::<Vec<_>>();
    assert_eq!(found(&first.items), [name.clone(), named("three")]);
    publish(&suite, "four", Push::default()).await;
    let second = ListFeedRequest { page_token: first.next_page_token, ..request };
    let second = feeds(&suite).list_feed(second).await.unwrap().into_inner();
    assert_eq!(found(&second.items), [named("two"), named("one")]);
    assert_eq!(second.next_page_token, "");
    let all = feed(&suite, "ann").await;
    assert_eq!(found(&all), [named("four"), name, named("three"), named("two"), named("one")]);
    assert_eq!(all.iter().filter(|item| item.seen_time.is_none()).count(), 1);
    let request = ListFeedRequest { account: "accounts/other".to_owned(), ..asking("ann") };
    assert_eq!(feeds(&suite).list_feed(request).await.unwrap().into_inner().items.len(), 1);

    unfollow(&suite, SHOP, "ann").await;
    assert_eq!(feed(&suite, "ann").await.len(), 1);
    follow(&suite, SHOP, "ann").await.unwrap();
    assert_eq!(feed(&suite, "ann").await.len(), 5);
    suite.finish().await;
}

async fn who_listens_is_sent_what_arrives(suite: TestSuite) {
    shop_with(&suite, &["ann", "bea"]).await;
    publish(&suite, "before", Push::default()).await;
    let request = StreamFeedRequest { user: "users/ann".to_owned() };
    let mut stream = feeds(&suite).stream_feed(request).await.unwrap().into_inner();
    let mut next = async || {
        let wait = tokio::time::timeout(Duration::from_secs(20), stream.message());
        wait.await.expect("something arrives").unwrap().unwrap().items
    };
    assert!(next().await.is_empty());
    for id in ["one", "two"] {
        publish(&suite, id, Push::default()).await;
        let items = next().await;
        assert_eq!(items.len(), 1);
        assert_eq!(items[0].push, named(id));
        assert_eq!(counts(&suite, id).await.seen, 1);
    }
    assert_eq!(counts(&suite, "before").await.seen, 0);
    // A server that stops waits for those who still read.
    drop(stream);
    suite.finish().await;
}

async fn what_fans_do_is_counted_once_and_told_to_the_crm(suite: TestSuite) {
    shop_with(&suite, &["ann", "bea"]).await;
    publish(&suite, "spring", Push::default()).await;
    feed(&suite, "ann").await;
    let all = [
        ("o", FeedAction::Open),
        ("c", FeedAction::Click),
        ("l", FeedAction::Like),
        ("k", FeedAction::Collect),
        ("m", FeedAction::Comment),
        ("v", FeedAction::Convert),
    ];
    let reports = || all.iter().map(|(id, action)| did(id, "spring", *action)).collect::<Vec<_>>();
    for _ in 0..2 {
        assert_eq!(report(&suite, "ann", reports()).await.recorded_count, 6);
    }
    // Who does something with it has seen it.
    let again = vec![did("o2", "spring", FeedAction::Open)];
    assert_eq!(report(&suite, "bea", again.clone()).await.recorded_count, 1);
    assert_eq!(report(&suite, "bea", again).await.recorded_count, 1);
    let after = counts(&suite, "spring").await;
    assert_eq!((after.seen, after.opened, after.clicked, after.converted), (2, 2, 1, 1));
    assert!(feed(&suite, "ann").await[0].open_time.is_some());
    suite.advance(MINUTE).await;
    let told = timeline(&suite, "shop", "ann").await;
    let through: Vec<_> = told.iter().filter(|told| told.mount == named("spring")).collect();
    assert_eq!(through.len(), 5);
    assert!(through.iter().any(|told| told.kind() == InteractionKind::Click));

    let reports = vec![
        did("e1", "nothing", FeedAction::Open),
        FeedReport { event_id: "no space".to_owned(), ..did("", "spring", FeedAction::Open) },
        did("e2", "spring", FeedAction::Unspecified),
        FeedReport { event_time: Some(seconds_ago(&suite, 86_400)), ..did("e3", "spring", FeedAction::Open) },
        FeedReport { event_time: Some(seconds_ago(&suite, -3_600)), ..did("e4", "spring", FeedAction::Open) },
        did("e5", "spring", FeedAction::Open),
    ];
    let answer = report(&suite, "bea", reports).await;
    let wrong: Vec<_> = answer.rejections.iter().map(|one| (one.index, one.field.as_str())).collect();
    assert_eq!(wrong, [(0, "push"), (1, "event_id"), (2, "action"), (3, "event_time"), (4, "event_time")]);
    assert_eq!(answer.recorded_count, 1);
    let stranger = report(&suite, "zoe", vec![did("e6", "spring", FeedAction::Open)]).await;
    assert_eq!(stranger.rejections[0].field, "push");
    suite.finish().await;
}

async fn who_opts_out_finds_nothing_of_it(suite: TestSuite) {
    shop_with(&suite, &["ann", "bea"]).await;
    let about = |topic: &str| Push { topic: topic.to_owned(), ..Push::default() };
    publish(&suite, "ads", about("ads")).await;
    publish(&suite, "news", about("news")).await;
    let request = UpdateReachPreferenceRequest {
        parent: SHOP.to_owned(),
        user: "users/ann".to_owned(),
        reach_preference: Some(ReachPreference {
            opted_out_topics: vec!["ads".to_owned()],
            ..ReachPreference::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["opted_out_topics".to_owned()] }),
        ..UpdateReachPreferenceRequest::default()
    };
    ReachServiceClient::new(suite.client()).update_reach_preference(request).await.unwrap();
    suite.advance(MINUTE).await;
    let found: Vec<_> = feed(&suite, "ann").await.into_iter().map(|item| item.push).collect();
    assert_eq!(found, [named("news")]);
    assert_eq!(feed(&suite, "bea").await.len(), 2);
    publish(&suite, "more-ads", about("ads")).await;
    let after = counts(&suite, "more-ads").await;
    assert_eq!((after.planned, after.delivered), (2, 1));
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    pages_stay_while_pushes_arrive,
    who_listens_is_sent_what_arrives,
    what_fans_do_is_counted_once_and_told_to_the_crm,
    who_opts_out_finds_nothing_of_it
);
