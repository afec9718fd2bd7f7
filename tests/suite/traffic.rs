//! Where fans come from, by examples that can be counted by hand, and what is refused.

use prost_types::Duration;
use siyu_proto::crm::v1::{
    CompareSourcesRequest, GetHomepageFunnelRequest, Interaction, InteractionKind as Kind,
    ListCardResultsRequest, SourceDomain, SourceGrouping, SourceResult,
    traffic_service_client::TrafficServiceClient,
};
use siyu_tests::TestSuite;
use tonic::Code;

use crate::support::{at, event, fields, order, reason, store};

const HOMEPAGE: &str = "accounts/shop/homepage";
const POSTER: &str = "accounts/shop/entryCodes/poster";

/// At a minute of the last day of February in 2026.
fn did(id: &str, user: &str, kind: Kind, time: &str, mount: &str) -> Interaction {
    let time = at(&format!("2026-02-28T{time}:00Z"));
    Interaction { mount: mount.to_owned(), ..event(id, user, kind, time) }
}

async fn compared(suite: &TestSuite, group_by: SourceGrouping) -> Vec<SourceResult> {
    let request = CompareSourcesRequest {
        parent: "accounts/shop".to_owned(),
        group_by: group_by.into(),
        ..CompareSourcesRequest::default()
    };
    let answer = TrafficServiceClient::new(suite.client()).compare_sources(request).await.unwrap();
    let answer = answer.into_inner();
    assert_eq!(answer.attribution_window, Some(Duration { seconds: 86_400, nanos: 0 }));
    answer.results
}

/// u1 scans a poster, lands on the homepage and follows there; u2 follows after two visits; u3 follows by a live room that
/// the follow names; u4 followed long ago, and orders after a visit; u5 follows a day and a minute after a visit.
async fn a_follow_belongs_to_what_it_names_or_to_the_last_touch(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let poster = |interaction: Interaction| Interaction {
        source_domain: SourceDomain::External.into(),
        campaign: "spring".to_owned(),
        ..interaction
    };
    let early = |id: &str, user: &str, kind: Kind, time: &str| Interaction {
        event_time: Some(at(time)),
        ..did(id, user, kind, "00:00", "")
    };
    let mut interactions = vec![
        poster(did("01", "u1", Kind::Scan, "10:00", POSTER)),
        did("02", "u1", Kind::HomepageVisit, "10:01", HOMEPAGE),
        did("03", "u1", Kind::Follow, "10:02", ""),
        // Again, without having ceased to.
        did("04", "u1", Kind::Follow, "10:03", ""),
        did("05", "u2", Kind::HomepageVisit, "11:00", ""),
        did("06", "u2", Kind::HomepageVisit, "11:30", ""),
        did("07", "u2", Kind::Follow, "11:31", ""),
        did("08", "u3", Kind::HomepageVisit, "12:00", ""),
        did("09", "u3", Kind::Follow, "12:01", "lives/1"),
        early("10", "u4", Kind::Follow, "2026-01-01T00:00:00Z"),
        did("11", "u4", Kind::HomepageVisit, "13:00", ""),
        early("12", "u5", Kind::HomepageVisit, "2026-02-26T12:00:00Z"),
        early("13", "u5", Kind::Follow, "2026-02-27T12:01:00Z"),
    ];
    interactions.push(order("14", "u4", at("2026-02-28T13:05:00Z"), 4_200));
    store(&suite, "shop", &interactions).await;

    let source = |source: &str| SourceResult { source: source.to_owned(), ..SourceResult::default() };
    assert_eq!(
        compared(&suite, SourceGrouping::Mount).await,
        [
            SourceResult { follow_count: 2, ..source("") },
            SourceResult { scan_count: 1, person_count: 1, ..source(POSTER) },
            SourceResult {
                visit_count: 6,
                person_count: 5,
                follow_count: 2,
                follow_rate: 0.4,
                order_count: 1,
                gmv_minor: 4_200,
                ..source(HOMEPAGE)
            },
            SourceResult { follow_count: 1, ..source("lives/1") },
        ]
    );
    // The scan leads to the homepage, and the follow there still comes of it: the homepage is no entry code.
    let of_poster = SourceResult {
        scan_count: 1,
        visit_count: 1,
        person_count: 1,
        follow_count: 1,
        follow_rate: 1.0,
        ..SourceResult::default()
    };
    let by_code = compared(&suite, SourceGrouping::EntryCode).await;
    assert_eq!(by_code[1..], [SourceResult { source: POSTER.to_owned(), ..of_poster.clone() }]);
    for (group_by, name) in
        [(SourceGrouping::Campaign, "spring"), (SourceGrouping::SourceDomain, "SOURCE_DOMAIN_EXTERNAL")]
    {
        let found = compared(&suite, group_by).await;
        assert_eq!(found[1..], [SourceResult { source: name.to_owned(), ..of_poster.clone() }], "{name}");
    }

    let request = GetHomepageFunnelRequest { parent: "accounts/shop".to_owned(), ..Default::default() };
    let funnel = TrafficServiceClient::new(suite.client()).get_homepage_funnel(request).await.unwrap();
    let funnel = funnel.into_inner();
    assert_eq!((funnel.visit_count, funnel.visitor_count, funnel.stranger_count), (6, 5, 4));
    assert_eq!((funnel.new_follower_count, funnel.follow_rate), (2, 0.5));
    suite.finish().await;
}

async fn what_makes_no_sense_is_refused_by_name(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let mut traffic = TrafficServiceClient::new(suite.client());
    let compare = CompareSourcesRequest {
        parent: "accounts/shop".to_owned(),
        group_by: SourceGrouping::Mount.into(),
        ..CompareSourcesRequest::default()
    };
    let lasting = |seconds| Some(Duration { seconds, nanos: 0 });
    let (early, late) = (Some(at("2026-01-01T00:00:00Z")), Some(at("2026-02-01T00:00:00Z")));
    for (field, request) in [
        ("parent", CompareSourcesRequest { parent: "shop".to_owned(), ..compare.clone() }),
        ("group_by", CompareSourcesRequest { group_by: 0, ..compare.clone() }),
        ("group_by", CompareSourcesRequest { group_by: 9, ..compare.clone() }),
        ("attribution_window", CompareSourcesRequest { attribution_window: lasting(59), ..compare.clone() }),
        (
            "attribution_window",
            CompareSourcesRequest { attribution_window: lasting(7_776_001), ..compare.clone() },
        ),
        ("end_time", CompareSourcesRequest { start_time: late, end_time: early, ..compare.clone() }),
        ("end_time", CompareSourcesRequest { start_time: late, end_time: late, ..compare.clone() }),
        ("page_size", CompareSourcesRequest { page_size: -1, ..compare.clone() }),
    ] {
        let status = traffic.compare_sources(request).await.unwrap_err();
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec![field.to_owned()]));
    }
    let cards = ListCardResultsRequest { parent: "accounts/shop".to_owned(), ..Default::default() };
    for card in ["accounts/other/cards/tea", "cards/tea", &"x".repeat(1_000_000)] {
        let request = ListCardResultsRequest { card: card.to_owned(), ..cards.clone() };
        let status = traffic.list_card_results(request).await.unwrap_err();
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec!["card".to_owned()]));
    }
    // What nobody has ever done is nothing, and who is not there is nobody.
    assert_eq!(traffic.compare_sources(compare.clone()).await.unwrap().into_inner().results, []);
    assert_eq!(traffic.list_card_results(cards.clone()).await.unwrap().into_inner().results, []);
    let nobody = "accounts/nobody".to_owned();
    let status = traffic.compare_sources(CompareSourcesRequest { parent: nobody.clone(), ..compare }).await;
    assert_eq!(reason(&status.unwrap_err()), "RESOURCE_NOT_FOUND");
    let status = traffic.list_card_results(ListCardResultsRequest { parent: nobody.clone(), ..cards }).await;
    assert_eq!(reason(&status.unwrap_err()), "RESOURCE_NOT_FOUND");
    let request = GetHomepageFunnelRequest { parent: nobody, ..Default::default() };
    assert_eq!(reason(&traffic.get_homepage_funnel(request).await.unwrap_err()), "RESOURCE_NOT_FOUND");
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_follow_belongs_to_what_it_names_or_to_the_last_touch,
    what_makes_no_sense_is_refused_by_name,
);
