//! What accounts ask of their messages, and what users want of accounts (C9, S8).

use std::time::Duration;

use prost_types::{FieldMask, Timestamp};
use siyu_proto::crm::v1::{
    CreateReachPolicyRequest, FrequencyCap, GetReachPolicyRequest, GetReachPreferenceRequest, QuietHours,
    ReachChannel, ReachPolicy, ReachPreference, ReachPreferenceChanged, UpdateReachPreferenceRequest,
    reach_service_client::ReachServiceClient,
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    events::feed_events,
    observed::settle,
    support::{at, fan, fields, follow, reason, seconds_ago, store},
};

pub(crate) type Client = ReachServiceClient<siyu::connect::Client>;

pub(crate) fn reach(suite: &TestSuite) -> Client {
    ReachServiceClient::new(suite.client())
}

pub(crate) const DAY: i64 = 86_400;

/// So many pushes in so many seconds.
pub(crate) fn cap(count: i64, seconds: i64) -> FrequencyCap {
    FrequencyCap {
        channels: vec![ReachChannel::Push.into()],
        count: Some(count),
        reserved_count: 0,
        window: Some(prost_types::Duration { seconds, nanos: 0 }),
    }
}

/// From one hour of the day to another.
pub(crate) fn hours(start: i64, end: i64) -> Option<QuietHours> {
    Some(QuietHours { start_minute: start * 60, end_minute: end * 60 })
}

/// Writes a policy of `accounts/shop`.
pub(crate) async fn write(suite: &TestSuite, reach_policy: ReachPolicy) -> Result<ReachPolicy, Status> {
    let request = CreateReachPolicyRequest {
        parent: "accounts/shop".to_owned(),
        reach_policy: Some(reach_policy),
        ..Default::default()
    };
    Ok(reach(suite).create_reach_policy(request).await?.into_inner().reach_policy.unwrap())
}

async fn policy_at(suite: &TestSuite, time: Option<Timestamp>) -> ReachPolicy {
    let request = GetReachPolicyRequest { parent: "accounts/shop".to_owned(), time };
    reach(suite).get_reach_policy(request).await.unwrap().into_inner().reach_policy.unwrap()
}

/// Changes fields of what a user wants of `accounts/shop`.
pub(crate) async fn prefer(
    suite: &TestSuite,
    user: &str,
    reach_preference: ReachPreference,
    paths: &[&str],
) -> Result<ReachPreference, Status> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let request = UpdateReachPreferenceRequest {
        parent: "accounts/shop".to_owned(),
        user: format!("users/{user}"),
        reach_preference: Some(reach_preference),
        update_mask: Some(FieldMask { paths }),
        ..Default::default()
    };
    Ok(reach(suite).update_reach_preference(request).await?.into_inner().reach_preference.unwrap())
}

async fn preference(suite: &TestSuite, user: &str) -> ReachPreference {
    let request =
        GetReachPreferenceRequest { parent: "accounts/shop".to_owned(), user: format!("users/{user}") };
    reach(suite).get_reach_preference(request).await.unwrap().into_inner().reach_preference.unwrap()
}

async fn the_latest_policy_before_a_time_is_in_force(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let none = policy_at(&suite, None).await;
    assert_eq!((none.version, none.frequency_caps, none.quiet_hours), (0, vec![], None));

    let first = ReachPolicy { frequency_caps: vec![cap(2, DAY)], ..ReachPolicy::default() };
    let first = write(&suite, first).await.unwrap();
    assert_eq!(
        (first.name.as_str(), first.effective_time),
        ("accounts/shop/reachPolicies/1", first.create_time)
    );
    let april = at("2026-04-01T00:00:00Z");
    let later =
        ReachPolicy { quiet_hours: hours(22, 8), effective_time: Some(april), ..ReachPolicy::default() };
    let later = write(&suite, later).await.unwrap();
    let never = ReachPolicy { frequency_caps: vec![cap(0, DAY)], ..ReachPolicy::default() };
    let never = write(&suite, never).await.unwrap();
    assert_eq!(never.frequency_caps[0].count, Some(0));
    assert_eq!(policy_at(&suite, None).await, never);
    assert_eq!(policy_at(&suite, Some(at("2026-03-31T23:59:59Z"))).await, never);
    assert_eq!(policy_at(&suite, Some(april)).await, later);
    suite.advance(Duration::from_secs(40 * 86_400)).await;
    assert_eq!(policy_at(&suite, None).await, later);
    suite.finish().await;
}

async fn mistakes_in_policies_are_named(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let caps = |cap: FrequencyCap| ReachPolicy { frequency_caps: vec![cap], ..ReachPolicy::default() };
    let quiet = |start_minute, end_minute| ReachPolicy {
        quiet_hours: Some(QuietHours { start_minute, end_minute }),
        ..ReachPolicy::default()
    };
    let cases = [
        ("frequency_caps[0].count", caps(FrequencyCap { count: None, ..cap(1, DAY) })),
        ("frequency_caps[0].count", caps(cap(-1, DAY))),
        ("frequency_caps[0].count", caps(cap(101, DAY))),
        ("frequency_caps[0].window", caps(cap(1, 59))),
        ("frequency_caps[0].window", caps(FrequencyCap { window: None, ..cap(1, DAY) })),
        ("frequency_caps[0].reserved_count", caps(FrequencyCap { reserved_count: 2, ..cap(1, DAY) })),
        ("frequency_caps[0].channels[0]", caps(FrequencyCap { channels: vec![0], ..cap(1, DAY) })),
        ("frequency_caps", ReachPolicy { frequency_caps: vec![cap(1, DAY); 11], ..ReachPolicy::default() }),
        ("quiet_hours.start_minute", quiet(1_440, 60)),
        ("quiet_hours.end_minute", quiet(60, -1)),
        ("quiet_hours.end_minute", quiet(480, 480)),
        (
            "effective_time",
            ReachPolicy { effective_time: Some(at("2026-02-01T00:00:00Z")), ..ReachPolicy::default() },
        ),
    ];
    for (field, policy) in cases {
        let status = write(&suite, policy).await.unwrap_err();
        let expected = vec![format!("reach_policy.{field}")];
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, expected), "{status}");
    }
    assert_eq!(policy_at(&suite, None).await.version, 0);
    let unknown = GetReachPolicyRequest { parent: "accounts/other".to_owned(), time: None };
    assert_eq!(reach(&suite).get_reach_policy(unknown).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn what_users_want_is_stored_and_told(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    store(&suite, "shop", &[follow("f1", "u1", seconds_ago(&suite, 5))]).await;
    assert_eq!(
        preference(&suite, "u1").await,
        ReachPreference { etag: "\"0\"".to_owned(), ..ReachPreference::default() }
    );

    let wanted = ReachPreference {
        opted_out: true,
        opted_out_topics: vec!["sun".to_owned(), "ads".to_owned()],
        quiet_hours: hours(13, 15),
        ..ReachPreference::default()
    };
    let stored = prefer(&suite, "u1", wanted.clone(), &["opted_out_topics", "quiet_hours"]).await.unwrap();
    assert_eq!(
        (stored.opted_out, &stored.opted_out_topics[..], stored.quiet_hours, stored.etag.as_str()),
        (false, &["ads".to_owned(), "sun".to_owned()][..], hours(13, 15), "\"1\"")
    );
    assert_eq!(preference(&suite, "u1").await, stored);
    let stale = ReachPreference { etag: "\"0\"".to_owned(), ..wanted.clone() };
    assert_eq!(reason(&prefer(&suite, "u1", stale, &["opted_out"]).await.unwrap_err()), "ETAG_MISMATCH");
    let fresh = ReachPreference { etag: stored.etag, opted_out: true, ..ReachPreference::default() };
    let changed = prefer(&suite, "u1", fresh, &["opted_out", "quiet_hours"]).await.unwrap();
    assert_eq!((changed.opted_out, changed.opted_out_topics.len(), changed.quiet_hours), (true, 2, None));
    // Somebody whom the account does not know may want nothing of it; that makes them no fan.
    prefer(&suite, "stranger", wanted, &["opted_out"]).await.unwrap();
    assert!(preference(&suite, "stranger").await.opted_out);

    settle(&suite).await;
    let events = feed_events(&suite, "feeds/crm", Vec::new()).await.unwrap();
    let told = events.into_iter().filter_map(|event| event.payload?.to_msg::<ReachPreferenceChanged>().ok());
    let told: Vec<_> =
        told.map(|event| (event.user, event.ordinal, event.reach_preference.unwrap().opted_out)).collect();
    let ordinal = fan(&suite, "shop", "u1").await.ordinal;
    assert_eq!(
        told,
        [
            ("users/u1".to_owned(), ordinal, false),
            ("users/u1".to_owned(), ordinal, true),
            ("users/stranger".to_owned(), 0, true),
        ]
    );
    suite.finish().await;
}

async fn mistakes_in_preferences_are_named(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let all = &["opted_out", "opted_out_topics", "quiet_hours"];
    let topics = |topics: Vec<String>| ReachPreference { opted_out_topics: topics, ..Default::default() };
    let quiet = |start_minute, end_minute| ReachPreference {
        quiet_hours: Some(QuietHours { start_minute, end_minute }),
        ..Default::default()
    };
    let cases: [(&str, ReachPreference, &[&str]); 8] = [
        ("reach_preference.opted_out_topics[0]", topics(vec!["No Topic".to_owned()]), all),
        ("reach_preference.opted_out_topics[0]", topics(vec!["x".repeat(1_000_000)]), all),
        ("reach_preference.opted_out_topics", topics((0..101).map(|n| n.to_string()).collect()), all),
        ("reach_preference.opted_out_topics", topics(vec!["a".to_owned(), "a".to_owned()]), all),
        ("reach_preference.quiet_hours.start_minute", quiet(7, 60), all),
        ("reach_preference.quiet_hours.end_minute", quiet(60, 60), all),
        ("update_mask", ReachPreference::default(), &[]),
        ("update_mask", ReachPreference::default(), &["topics"]),
    ];
    for (field, wanted, paths) in cases {
        let status = prefer(&suite, "u1", wanted, paths).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status:.200}"
        );
    }
    let fixed = prefer(&suite, "u1", ReachPreference::default(), &["etag"]).await.unwrap_err();
    assert_eq!(reason(&fixed), "IMMUTABLE_FIELD");
    assert_eq!(preference(&suite, "u1").await.update_time, None);
    let unknown =
        GetReachPreferenceRequest { parent: "accounts/other".to_owned(), user: "users/u1".to_owned() };
    assert_eq!(reach(&suite).get_reach_preference(unknown).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    the_latest_policy_before_a_time_is_in_force,
    mistakes_in_policies_are_named,
    what_users_want_is_stored_and_told,
    mistakes_in_preferences_are_named,
);
