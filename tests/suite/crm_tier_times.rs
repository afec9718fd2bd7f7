//! Tiers by the time things happened (C3, C10): the rebuild, and the flow between two moments.

use std::{collections::BTreeMap, time::Duration};

use rand::RngExt;
use siyu_proto::crm::v1::{
    GetTierFlowRequest, GetTierFlowResponse, Interaction, InteractionKind as Kind, Tier,
    TierChangeCause as Cause, TimeBasis,
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::support::{
    all_fans, at, event, fields, flow_map, follow, order, reason, seconds_ago, seeded, shuffled, store,
    tier_changes, tier_counts, tiers_rebuilt,
};

const DAY: i64 = 86_400;

/// What 600 users do in 150 days from now on: day, user and interaction.
fn history(suite: &TestSuite) -> Vec<(i64, Interaction)> {
    let mut random = seeded(11);
    let mut events = Vec::new();
    for number in 0..3_000 {
        let user = format!("u{}", random.random_range(0..600));
        let second = random.random_range(0..150 * DAY);
        let (id, time) = (format!("e{number}"), seconds_ago(suite, -second));
        let interaction = match random.random_range(0..10) {
            0..3 => follow(&id, &user, time),
            3 => event(&id, &user, Kind::Unfollow, time),
            4..8 => order(&id, &user, time, 100),
            _ => event(&id, &user, Kind::Share, time),
        };
        events.push((second / DAY, interaction));
    }
    events
}

async fn a_rebuild_gives_the_same_tiers_whatever_the_order_of_arrival(suite: TestSuite) {
    suite.account("lumi", "on-time").await;
    suite.account("lumi", "too-late").await;
    let history = history(&suite);
    for day in 0..150 {
        suite.advance(Duration::from_secs(86_400)).await;
        let of_day: Vec<_> =
            history.iter().filter(|(on, _)| *on == day).map(|(_, event)| event.clone()).collect();
        store(&suite, "on-time", &of_day).await;
    }
    let all: Vec<_> = history.into_iter().map(|(_, event)| event).collect();
    store(&suite, "too-late", &shuffled(&all, 5)).await;
    let arrived = tier_counts(&suite, "too-late").await;

    let on_time = tiers_rebuilt(&suite, "on-time").await;
    let too_late = tiers_rebuilt(&suite, "too-late").await;
    let fans = all_fans(&suite, "too-late").await;
    let mut by_user: BTreeMap<_, _> = fans.iter().map(|fan| (fan.user.clone(), fan)).collect();
    for expected in all_fans(&suite, "on-time").await {
        let found = by_user.remove(&expected.user).unwrap();
        assert_eq!(found.tier(), expected.tier(), "{}", expected.user);
        assert!((found.intimacy - expected.intimacy).abs() < 1e-9, "{expected:?} {found:?}");
        assert_eq!(found.next_tier_change_time.is_some(), expected.next_tier_change_time.is_some());
        assert_eq!(found.following, expected.following);
    }
    assert_eq!(by_user.len(), 0);

    for (steps, account) in [(on_time, "on-time"), (too_late, "too-late")] {
        let numbers: Vec<i64> = steps.iter().map(|step| step.fan_count).collect();
        assert!(numbers.len() > 1 && numbers.is_sorted(), "{numbers:?}");
        assert_eq!(steps.iter().position(|step| step.done), Some(steps.len() - 1));
        let last = steps.last().unwrap();
        assert_eq!(last.fan_count, i64::try_from(fans.len()).unwrap());
        let changes = tier_changes(&suite, &format!("accounts/{account}")).await;
        let rebuilt = changes.iter().take_while(|change| change.cause() == Cause::Rebuild).count();
        assert_eq!(last.changed_count, i64::try_from(rebuilt).unwrap());
        let again = tiers_rebuilt(&suite, account).await.pop().unwrap();
        assert_eq!((again.changed_count, again.done), (0, true));
    }
    // Late arrival had made a difference: fans whose score had been higher once were missing from the higher tiers.
    assert_ne!(tier_counts(&suite, "too-late").await, arrived);
    suite.finish().await;
}

async fn a_rebuild_of_nobody_is_done_at_once(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let steps = tiers_rebuilt(&suite, "shop").await;
    let steps: Vec<_> = steps.iter().map(|step| (step.fan_count, step.changed_count, step.done)).collect();
    assert_eq!(steps, [(0, 0, true)]);
    suite.finish().await;
}

fn between(start: &str, end: Option<&str>) -> GetTierFlowRequest {
    GetTierFlowRequest {
        parent: "accounts/shop".to_owned(),
        start_time: Some(at(start)),
        end_time: end.map(at),
        ..GetTierFlowRequest::default()
    }
}

async fn answer(suite: &TestSuite, request: GetTierFlowRequest) -> Result<GetTierFlowResponse, Status> {
    suite.analytics().get_tier_flow(request).await.map(tonic::Response::into_inner)
}

type Expected<'a> = (&'a str, Option<&'a str>, &'a [(Tier, Tier, i64)]);

async fn expect(suite: &TestSuite, basis: TimeBasis, cases: &[Expected<'_>]) {
    for (start, end, flows) in cases {
        let request = GetTierFlowRequest { basis: basis.into(), ..between(start, *end) };
        let found = answer(suite, request.clone()).await.unwrap();
        let expected: BTreeMap<_, _> = flows.iter().map(|(from, to, count)| ((*from, *to), *count)).collect();
        assert_eq!(flow_map(&found.flows), expected, "{start} {end:?}");
        assert_eq!(found.flows.len(), flows.len(), "each pair once");
        assert_eq!(found.start_time, request.start_time);
        assert_eq!(found.end_time, request.end_time.or(Some(seconds_ago(suite, 0))));
    }
}

async fn the_flow_by_processed_time_is_what_operators_saw(suite: TestSuite) {
    use Tier::{Favorable, Passerby, Potential, Unspecified};
    suite.account("lumi", "shop").await;
    let now = |suite: &TestSuite| seconds_ago(suite, 0);
    // March 1st, midnight, when the clock of the suite begins.
    store(&suite, "shop", &[follow("a", "u1", now(&suite)), event("b", "u2", Kind::View, now(&suite))]).await;
    suite.advance(Duration::from_secs(86_400)).await;
    store(&suite, "shop", &[order("c", "u1", now(&suite), 1), order("d", "u1", now(&suite), 1)]).await;
    // It happened in January, and was processed on March 2nd.
    store(&suite, "shop", &[follow("e", "u3", at("2026-01-01T00:00:00Z"))]).await;
    suite.advance(Duration::from_secs(86_400)).await;
    store(&suite, "shop", &[follow("f", "u2", now(&suite)), event("g", "u4", Kind::View, now(&suite))]).await;

    let (before, start) = ("2026-02-28T23:59:59.999999Z", "2026-03-01T00:00:00Z");
    let (noon_1, noon_2) = ("2026-03-01T12:00:00Z", "2026-03-02T12:00:00Z");
    let cases: [Expected<'_>; 7] = [
        ("2026-01-01T00:00:00Z", Some(before), &[]),
        (before, Some(noon_1), &[(Unspecified, Passerby, 1), (Unspecified, Potential, 1)]),
        // A change belongs to the time before it from its own moment on.
        (before, Some(start), &[(Unspecified, Passerby, 1), (Unspecified, Potential, 1)]),
        (start, Some(noon_1), &[(Passerby, Passerby, 1), (Potential, Potential, 1)]),
        (
            noon_1,
            Some(noon_2),
            &[(Passerby, Favorable, 1), (Potential, Potential, 1), (Unspecified, Passerby, 1)],
        ),
        (
            noon_2,
            None,
            &[
                (Favorable, Favorable, 1),
                (Passerby, Passerby, 1),
                (Potential, Passerby, 1),
                (Unspecified, Potential, 1),
            ],
        ),
        (
            before,
            None,
            &[(Unspecified, Favorable, 1), (Unspecified, Passerby, 2), (Unspecified, Potential, 1)],
        ),
    ];
    expect(&suite, TimeBasis::ProcessedTime, &cases).await;
    expect(&suite, TimeBasis::Unspecified, &cases).await;
    suite.finish().await;
}

async fn the_flow_by_event_time_is_what_happened(suite: TestSuite) {
    use Tier::{Favorable, Passerby, Potential, Unspecified};
    suite.account("lumi", "shop").await;
    // 45 points on January 10th, which fall below 20 on February 11th.
    store(
        &suite,
        "shop",
        &[
            follow("a", "u1", at("2026-01-01T00:00:00Z")),
            order("b", "u1", at("2026-01-10T00:00:00Z"), 1),
            order("c", "u1", at("2026-01-10T00:00:00Z"), 1),
            event("d", "u2", Kind::View, at("2026-02-15T00:00:00Z")),
        ],
    )
    .await;
    let cases: [Expected<'_>; 6] = [
        ("2025-01-01T00:00:00Z", Some("2025-12-31T00:00:00Z"), &[]),
        ("2025-12-01T00:00:00Z", Some("2026-01-05T00:00:00Z"), &[(Unspecified, Passerby, 1)]),
        ("2026-01-05T00:00:00Z", Some("2026-02-01T00:00:00Z"), &[(Passerby, Favorable, 1)]),
        ("2026-01-10T00:00:00Z", Some("2026-02-01T00:00:00Z"), &[(Favorable, Favorable, 1)]),
        ("2026-02-01T00:00:00Z", None, &[(Favorable, Passerby, 1), (Unspecified, Potential, 1)]),
        ("2025-12-01T00:00:00Z", None, &[(Unspecified, Passerby, 1), (Unspecified, Potential, 1)]),
    ];
    expect(&suite, TimeBasis::EventTime, &cases).await;
    // All of it was processed on March 1st.
    let cases: [Expected<'_>; 2] = [
        ("2026-01-05T00:00:00Z", Some("2026-02-20T00:00:00Z"), &[]),
        ("2026-02-20T00:00:00Z", None, &[(Unspecified, Passerby, 1), (Unspecified, Potential, 1)]),
    ];
    expect(&suite, TimeBasis::ProcessedTime, &cases).await;
    suite.finish().await;
}

async fn a_flow_goes_from_an_earlier_to_a_later_moment_not_in_the_future(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let start = "2026-02-01T00:00:00Z";
    let bad_nanos = Some(prost_types::Timestamp { seconds: 0, nanos: 1_000_000_000 });
    let cases = [
        ("end_time", between(start, Some(start))),
        ("end_time", between(start, Some("2026-01-01T00:00:00Z"))),
        ("end_time", between(start, Some("2026-03-01T00:00:00.000001Z"))),
        ("end_time", between("2026-03-01T00:00:00Z", None)),
        ("end_time", GetTierFlowRequest { end_time: bad_nanos, ..between(start, None) }),
        ("start_time", GetTierFlowRequest { start_time: None, ..between(start, None) }),
        ("start_time", GetTierFlowRequest { start_time: bad_nanos, ..between(start, None) }),
        ("basis", GetTierFlowRequest { basis: 3, ..between(start, None) }),
    ];
    for (field, request) in cases {
        let status = answer(&suite, request).await.unwrap_err();
        assert_eq!((status.code(), reason(&status)), (Code::InvalidArgument, "INVALID_FIELD".to_owned()));
        assert_eq!(fields(&status), [field], "{}", status.message());
    }
    answer(&suite, between(start, Some("2026-03-01T00:00:00Z"))).await.unwrap();
    for basis in [TimeBasis::EventTime, TimeBasis::ProcessedTime] {
        let parent = "accounts/nowhere".to_owned();
        let request = GetTierFlowRequest { parent, basis: basis.into(), ..between(start, None) };
        assert_eq!(answer(&suite, request).await.unwrap_err().code(), Code::NotFound);
    }
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_rebuild_gives_the_same_tiers_whatever_the_order_of_arrival,
    a_rebuild_of_nobody_is_done_at_once,
    the_flow_by_processed_time_is_what_operators_saw,
    the_flow_by_event_time_is_what_happened,
    a_flow_goes_from_an_earlier_to_a_later_moment_not_in_the_future,
);
