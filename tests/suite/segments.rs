//! Segments (C6): filters over fans, saved and counted, never behind what was stored.

use std::time::Duration;

use prost_types::FieldMask;
use siyu_clock::Micros;
use siyu_proto::crm::v1::{
    CreateSegmentRequest, DeleteSegmentRequest, EstimateSegmentRequest, EstimateSegmentResponse,
    GetSegmentRequest, IngestInteractionsRequest, InteractionKind as Kind, ListSegmentsRequest, Segment,
    SourceDomain, UpdateSegmentRequest, interaction_service_client::InteractionServiceClient,
    segment_service_client::SegmentServiceClient,
};
use siyu_rpc::time::to_proto;
use siyu_tests::{Engine, TestSuite, cluster::Cluster, installation::create_accounts};
use tonic::{Code, Status};

use crate::{
    support::{event, execute, fields, follow, open_db, order, reason, seconds_ago, store},
    tags::{create as create_tag, delete as delete_tag, shop_with_fans, tag, untag},
};

const DAY: Duration = Duration::from_secs(86_400);

/// Counts the fans of `accounts/shop` of whom a filter holds.
pub(crate) async fn estimate(suite: &TestSuite, filter: &str) -> Result<EstimateSegmentResponse, Status> {
    let request = EstimateSegmentRequest {
        parent: "accounts/shop".to_owned(),
        filter: filter.to_owned(),
        ..EstimateSegmentRequest::default()
    };
    suite.segments().estimate_segment(request).await.map(tonic::Response::into_inner)
}

async fn count(suite: &TestSuite, filter: &str) -> i64 {
    let answer = estimate(suite, filter).await;
    answer.unwrap_or_else(|status| panic!("{filter}: {status}")).fan_count
}

fn name(segment_id: &str) -> String {
    format!("accounts/shop/segments/{segment_id}")
}

async fn create(suite: &TestSuite, segment_id: &str, filter: &str) -> Result<Segment, Status> {
    create_in(suite, "shop", segment_id, filter).await
}

/// Makes a segment of `accounts/{account}` that is called as its id.
pub(crate) async fn create_in(
    suite: &TestSuite,
    account: &str,
    segment_id: &str,
    filter: &str,
) -> Result<Segment, Status> {
    let segment =
        Segment { display_name: segment_id.to_owned(), filter: filter.to_owned(), ..Segment::default() };
    let request = CreateSegmentRequest {
        parent: format!("accounts/{account}"),
        segment: Some(segment),
        segment_id: segment_id.to_owned(),
        ..Default::default()
    };
    suite.segments().create_segment(request).await.map(|answer| answer.into_inner().segment.unwrap())
}

async fn get(suite: &TestSuite, segment_id: &str) -> Result<Segment, Status> {
    let request = GetSegmentRequest { name: name(segment_id) };
    suite.segments().get_segment(request).await.map(|answer| answer.into_inner().segment.unwrap())
}

async fn update(suite: &TestSuite, segment: Segment, path: &str) -> Result<Segment, Status> {
    let update_mask = Some(FieldMask { paths: vec![path.to_owned()] });
    let request = UpdateSegmentRequest { segment: Some(segment), update_mask, ..Default::default() };
    suite.segments().update_segment(request).await.map(|answer| answer.into_inner().segment.unwrap())
}

async fn estimate_of(suite: &TestSuite, segment: &str) -> Result<i64, Status> {
    let request = EstimateSegmentRequest {
        parent: "accounts/shop".to_owned(),
        segment: segment.to_owned(),
        ..EstimateSegmentRequest::default()
    };
    suite.segments().estimate_segment(request).await.map(|answer| answer.into_inner().fan_count)
}

async fn whatever_is_stored_is_counted_at_once(suite: TestSuite) {
    shop_with_fans(&suite, &["u1", "u2", "u3"]).await;
    let answer = estimate(&suite, "following = true").await.unwrap();
    let expected = EstimateSegmentResponse {
        fan_count: 3,
        known_fan_count: 3,
        as_of: Some(seconds_ago(&suite, 0)),
        understood_filter: "following = true".to_owned(),
    };
    assert_eq!(answer, expected);

    // A user who is new, one who leaves, orders, shares: the next answer has them.
    let mut scan = event("s1", "u4", Kind::Scan, seconds_ago(&suite, 9));
    scan.source_domain = SourceDomain::External.into();
    let events = [
        scan,
        event("x1", "u3", Kind::Unfollow, seconds_ago(&suite, 1)),
        order("o1", "u1", seconds_ago(&suite, 3), 900),
        order("o2", "u1", seconds_ago(&suite, 86_400 * 3), 500),
        order("o3", "u2", seconds_ago(&suite, 2), 100),
        event("h1", "u2", Kind::Share, seconds_ago(&suite, 2)),
    ];
    store(&suite, "shop", &events).await;
    let cases = [
        ("following = true", 2),
        ("following = false", 2),
        ("follow_time:*", 2),
        ("tier = POTENTIAL", 2),
        ("tier >= PASSERBY", 2),
        ("source = EXTERNAL", 1),
        ("source != EXTERNAL", 3),
        ("source:*", 1),
        ("order_count >= 1", 2),
        ("order_day_count >= 2", 1),
        ("net_gmv_minor > 100", 1),
        ("net_gmv_minor > 99 AND share_count >= 1", 1),
        ("order_count = 2 OR share_count = 1", 2),
        ("NOT (order_count = 2 OR share_count = 1)", 2),
        ("interaction_count >= 3", 2),
        ("active_count > 0", 4),
        ("last_share_time:*", 1),
        ("last_order_age < 1d", 2),
        ("first_interaction_age > 1d", 1),
        ("last_order_time > \"2026-02-28T23:59:57Z\"", 1),
        ("stage = LOST", 1),
        ("stage = CONVERTED", 1),
        ("stage = REPURCHASING", 1),
        ("stage = NEW", 1),
        ("value_class = ORDINARY", 2),
        ("value_class != ORDINARY", 2),
    ];
    for (filter, expected) in cases {
        assert_eq!(count(&suite, filter).await, expected, "{filter}");
    }
    assert_eq!(estimate(&suite, "share_count > 9").await.unwrap().known_fan_count, 4);

    // Time alone changes the answer too.
    suite.advance(40 * DAY).await;
    assert_eq!(count(&suite, "last_order_age < 1d").await, 0);
    assert_eq!(count(&suite, "stage = DORMANT").await, 3);
    suite.finish().await;
}

async fn tags_are_counted_as_they_come_and_go(suite: TestSuite) {
    shop_with_fans(&suite, &["u1", "u2", "u3"]).await;
    create_tag(&suite, "shop", "vip").await.unwrap();
    assert_eq!(count(&suite, "tags:vip").await, 0);
    tag(&suite, "vip", &["u1", "u2"]).await.unwrap();
    assert_eq!((count(&suite, "tags:\"vip\"").await, count(&suite, "tags:*").await), (2, 2));
    untag(&suite, "vip", &["u1"]).await.unwrap();
    assert_eq!((count(&suite, "tags:vip").await, count(&suite, "-tags:vip").await), (1, 2));

    // A tag of the same id that is made anew is another tag.
    create(&suite, "vips", "tags:vip").await.unwrap();
    delete_tag(&suite, "vip", "").await.unwrap();
    let gone = estimate(&suite, "tags:vip").await.unwrap_err();
    assert_eq!((gone.code(), fields(&gone)), (Code::InvalidArgument, vec!["filter".to_owned()]));
    let broken = estimate_of(&suite, &name("vips")).await.unwrap_err();
    assert_eq!((broken.code(), reason(&broken).as_str()), (Code::FailedPrecondition, "WRONG_STATE"));
    create_tag(&suite, "shop", "vip").await.unwrap();
    assert_eq!(estimate_of(&suite, &name("vips")).await.unwrap(), 0);
    suite.advance(Duration::from_secs(1)).await;
    assert_eq!(count(&suite, "tags:*").await, 0);
    suite.finish().await;
}

async fn a_segment_is_made_listed_changed_and_deleted(suite: TestSuite) {
    shop_with_fans(&suite, &["u1", "u2"]).await;
    let made = create(&suite, "fans", "following = true").await.unwrap();
    assert_eq!((made.name.as_str(), made.etag.as_str()), ("accounts/shop/segments/fans", "\"1\""));
    assert_eq!(estimate_of(&suite, &made.name).await.unwrap(), 2);
    let again = create(&suite, "fans", "following = true").await.unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists);
    create(&suite, "buyers", "order_count > 0").await.unwrap();

    let changed = Segment { filter: "following = false".to_owned(), ..made.clone() };
    let changed = update(&suite, changed, "filter").await.unwrap();
    assert_eq!((get(&suite, "fans").await.unwrap(), changed.etag.as_str()), (changed.clone(), "\"2\""));
    assert_eq!(estimate_of(&suite, &made.name).await.unwrap(), 0);
    let stale = update(&suite, made.clone(), "description").await.unwrap_err();
    assert_eq!(reason(&stale), "ETAG_MISMATCH");
    let fixed = update(&suite, changed.clone(), "create_time").await.unwrap_err();
    assert_eq!(reason(&fixed), "IMMUTABLE_FIELD");

    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListSegmentsRequest { parent: "accounts/shop".to_owned(), page_size: 1, page_token };
        let page = suite.segments().list_segments(request).await.unwrap().into_inner();
        listed.extend(page.segments.into_iter().map(|segment| segment.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, [name("buyers"), name("fans")]);

    let deletion =
        DeleteSegmentRequest { name: name("fans"), request_id: "r1".to_owned(), ..Default::default() };
    suite.segments().delete_segment(deletion.clone()).await.unwrap();
    suite.segments().delete_segment(deletion).await.unwrap();
    assert_eq!(get(&suite, "fans").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(estimate_of(&suite, &name("fans")).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn what_is_wrong_is_named(suite: TestSuite) {
    shop_with_fans(&suite, &["u1"]).await;
    let syntax = estimate(&suite, "tier >= FAVORABLE AND").await.unwrap_err();
    assert_eq!((syntax.code(), fields(&syntax)), (Code::InvalidArgument, vec!["filter".to_owned()]));
    assert!(syntax.message().starts_with("filter: at character 22: expected a field"), "{syntax}");
    let unknown = create(&suite, "x", "tags:nobody-made-this").await.unwrap_err();
    assert_eq!(fields(&unknown), ["segment.filter"]);
    assert!(unknown.message().contains("names the tag \"nobody-made-this\""), "{unknown}");
    assert_eq!(fields(&create(&suite, "x", "").await.unwrap_err()), ["segment.filter"]);
    assert_eq!(fields(&create(&suite, "X", "tags:*").await.unwrap_err()), ["segment_id"]);
    let made = create(&suite, "x", "tags:*").await.unwrap();
    let blank = Segment { display_name: " ".to_owned(), ..made.clone() };
    assert_eq!(fields(&update(&suite, blank, "display_name").await.unwrap_err()), ["segment.display_name"]);
    let wrong = Segment { filter: "tags".to_owned(), ..made };
    assert_eq!(fields(&update(&suite, wrong, "filter").await.unwrap_err()), ["segment.filter"]);

    let long = estimate(&suite, &"a".repeat(1_000_000)).await.unwrap_err();
    assert_eq!(fields(&long), ["filter"]);
    assert_eq!(fields(&estimate(&suite, "").await.unwrap_err()), ["filter"]);
    assert_eq!(fields(&estimate_of(&suite, "accounts/other/segments/x").await.unwrap_err()), ["segment"]);
    let nobody = EstimateSegmentRequest {
        parent: "accounts/nobody".to_owned(),
        filter: "tags:*".to_owned(),
        ..Default::default()
    };
    assert_eq!(suite.segments().estimate_segment(nobody).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn there_is_a_limit(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let db = open_db(suite.config.crm_database_url()).await;
    let many = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000) \
                INSERT INTO segment SELECT 'shop', 's' || n, 's', '', 'tags:*', 1, 0, 0 FROM numbers";
    execute(&db, many).await;
    db.close().await;
    let full = create(&suite, "one-more", "tags:*").await.unwrap_err();
    assert_eq!((full.code(), reason(&full).as_str()), (Code::ResourceExhausted, "LIMIT_REACHED"));
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    whatever_is_stored_is_counted_at_once,
    tags_are_counted_as_they_come_and_go,
    a_segment_is_made_listed_changed_and_deleted,
    what_is_wrong_is_named,
    there_is_a_limit,
);

/// What one process stores, the next answer of another has.
#[tokio::test(flavor = "multi_thread")]
async fn no_process_is_behind_another() {
    // 2026-03-01T00:00:00Z
    let start = Micros::from_seconds(1_772_323_200);
    let quiet = ["crm.sweep_interval=24h", "accounts.sweep_interval=24h"];
    let Some(cluster) = Cluster::start(Engine::Postgres, 2, start, &quiet).await.unwrap() else { return };
    create_accounts(&cluster.accounts_client(), &["shop".to_owned()]).await.unwrap();
    let mut expected = 0;
    for round in 0..20 {
        let writer = cluster.crm[round % 2].client.clone();
        let reader = cluster.crm[(round + 1) % 2].client.clone();
        let time = to_proto(start);
        let interactions = (0..=round)
            .map(|number| follow(&format!("{round}-{number}"), &format!("u{round}-{number}"), time));
        let request = IngestInteractionsRequest {
            parent: "accounts/shop".to_owned(),
            interactions: interactions.collect(),
        };
        let mut writer = InteractionServiceClient::new(writer);
        expected += writer.ingest_interactions(request).await.unwrap().into_inner().accepted_count;
        let request = EstimateSegmentRequest {
            parent: "accounts/shop".to_owned(),
            filter: "following = true".to_owned(),
            ..Default::default()
        };
        let answer = SegmentServiceClient::new(reader).estimate_segment(request).await.unwrap().into_inner();
        assert_eq!(answer.fan_count, expected, "round {round}");
    }
    cluster.remove().await.unwrap();
}
