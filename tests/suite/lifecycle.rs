//! Lifecycle stages and value classes (C4): one by one with the reason, counted, and by other rules.

use std::{collections::BTreeMap, time::Duration};

use prost_types::Duration as ProtoDuration;
use siyu_proto::crm::v1::{
    ActivateLifecycleRulesRequest, BacktestLifecycleRulesRequest, BacktestLifecycleRulesResponse,
    CreateLifecycleRulesRequest, Explanation, FanLifecycle, GetFanLifecycleRequest,
    GetLifecycleDistributionRequest, InteractionKind as Kind, LifecycleRules, LifecycleStage as Stage,
    ListLifecycleRulesRequest, ValueClass as Value,
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::support::{event, fields, follow, order, purchase, reason, seconds_ago, send, store};

pub(crate) const DAY: i64 = 86_400;

pub(crate) fn days(days: i64) -> Option<ProtoDuration> {
    Some(ProtoDuration { seconds: days * DAY, nanos: 0 })
}

/// The platform's rules.
pub(crate) fn platform() -> LifecycleRules {
    LifecycleRules {
        dormant_after: days(30),
        lost_after: days(90),
        activated_count: 3,
        activated_within: days(30),
        repurchasing_order_days: 2,
        referring_share_count: 2,
        referring_within: days(90),
        recent_order_within: days(180),
        loyal_order_days: 4,
        high_quality_gmv_minor: 100_000,
        value_lost_after: days(180),
        ..LifecycleRules::default()
    }
}

/// Other rules: whoever does something once, and not long ago, is far.
pub(crate) fn strict() -> LifecycleRules {
    LifecycleRules {
        dormant_after: days(7),
        lost_after: days(20),
        activated_count: 1,
        activated_within: days(3),
        referring_share_count: 1,
        referring_within: days(5),
        recent_order_within: days(10),
        loyal_order_days: 2,
        high_quality_gmv_minor: 500,
        value_lost_after: days(15),
        ..platform()
    }
}

pub(crate) async fn create(suite: &TestSuite, rules: LifecycleRules) -> Result<LifecycleRules, Status> {
    let request = CreateLifecycleRulesRequest {
        parent: "accounts/shop".to_owned(),
        lifecycle_rules: Some(rules),
        ..Default::default()
    };
    let answer = suite.lifecycle().create_lifecycle_rules(request).await?;
    Ok(answer.into_inner().lifecycle_rules.unwrap())
}

pub(crate) async fn activate(suite: &TestSuite, version: i64) -> Result<LifecycleRules, Status> {
    let request = ActivateLifecycleRulesRequest { name: format!("accounts/shop/lifecycleRules/{version}") };
    let answer = suite.lifecycle().activate_lifecycle_rules(request).await?;
    Ok(answer.into_inner().lifecycle_rules.unwrap())
}

pub(crate) async fn backtest(
    suite: &TestSuite,
    version: i64,
) -> Result<BacktestLifecycleRulesResponse, Status> {
    let request = BacktestLifecycleRulesRequest { name: format!("accounts/shop/lifecycleRules/{version}") };
    suite.lifecycle().backtest_lifecycle_rules(request).await.map(tonic::Response::into_inner)
}

pub(crate) async fn lifecycle(suite: &TestSuite, user: &str) -> Result<FanLifecycle, Status> {
    let request = GetFanLifecycleRequest { name: format!("accounts/shop/fans/{user}") };
    let answer = suite.lifecycle().get_fan_lifecycle(request).await?;
    Ok(answer.into_inner().fan_lifecycle.unwrap())
}

/// How many fans are in each stage and value class; the sum is right and the rules are those of `version`.
pub(crate) async fn distribution(suite: &TestSuite, version: i64) -> BTreeMap<(Stage, Value), i64> {
    let request = GetLifecycleDistributionRequest { parent: "accounts/shop".to_owned() };
    let answer = suite.lifecycle().get_lifecycle_distribution(request).await.unwrap().into_inner();
    assert_eq!(answer.lifecycle_rules_version, version);
    assert_eq!(answer.as_of, Some(seconds_ago(suite, 0)));
    let counts: BTreeMap<_, _> =
        answer.counts.iter().map(|count| ((count.stage(), count.value_class()), count.fan_count)).collect();
    assert_eq!(counts.len(), answer.counts.len());
    assert_eq!(counts.values().sum::<i64>(), answer.fan_count);
    counts
}

/// A rule, and the facts it looked at as `name=value`.
fn told(explanation: Option<&Explanation>) -> (String, Vec<String>) {
    let Explanation { rule, facts } = explanation.unwrap();
    (rule.clone(), facts.iter().map(|fact| format!("{}={}", fact.name, fact.value)).collect())
}

async fn place(suite: &TestSuite, user: &str) -> (Stage, Value) {
    let fan = lifecycle(suite, user).await.unwrap();
    (fan.stage(), fan.value_class())
}

async fn a_fan_goes_through_a_life(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let now = |suite: &TestSuite| seconds_ago(suite, 0);
    store(&suite, "shop", &[event("e1", "u1", Kind::View, now(&suite))]).await;
    assert_eq!(place(&suite, "u1").await, (Stage::New, Value::LowFrequency));
    store(&suite, "shop", &[follow("e2", "u1", now(&suite))]).await;
    assert_eq!(place(&suite, "u1").await, (Stage::Settled, Value::LowFrequency));
    let liked = [event("e3", "u1", Kind::Like, now(&suite)), event("e4", "u1", Kind::Share, now(&suite))];
    store(&suite, "shop", &liked).await;
    assert_eq!(place(&suite, "u1").await, (Stage::Activated, Value::LowFrequency));
    store(&suite, "shop", &[order("e5", "u1", now(&suite), 30_000)]).await;
    assert_eq!(place(&suite, "u1").await, (Stage::Converted, Value::Ordinary));
    suite.advance(Duration::from_secs(86_400)).await;
    store(&suite, "shop", &[order("e6", "u1", now(&suite), 90_000)]).await;
    assert_eq!(place(&suite, "u1").await, (Stage::Repurchasing, Value::HighQuality));
    store(&suite, "shop", &[event("e7", "u1", Kind::Share, now(&suite))]).await;
    assert_eq!(place(&suite, "u1").await, (Stage::Referring, Value::HighQuality));

    let fan = lifecycle(&suite, "u1").await.unwrap();
    let (rule, facts) = told(fan.stage_explanation.as_ref());
    assert_eq!(rule, "an order, and at least 2 shares, the latest within 90 days");
    assert_eq!(facts, ["order_count=2", "share_count=2", "last_share_time=2026-03-02T00:00:00Z"]);
    let (rule, facts) = told(fan.value_explanation.as_ref());
    assert_eq!(
        rule,
        "spent at least 100000 in the minor unit, net of refunds, the latest order within 180 days"
    );
    assert_eq!(facts, ["net_gmv_minor=120000", "last_order_time=2026-03-02T00:00:00Z"]);
    assert_eq!((fan.lifecycle_rules_version, fan.as_of), (0, Some(now(&suite))));

    // A refund and a cancellation count.
    let back = purchase("e8", "u1", Kind::Refund, now(&suite), ("e6", 20_001));
    store(&suite, "shop", &[back]).await;
    assert_eq!(place(&suite, "u1").await, (Stage::Referring, Value::Ordinary));
    let cancelled =
        ["e5", "e6"].map(|id| purchase(&format!("c-{id}"), "u1", Kind::OrderCancel, now(&suite), (id, 0)));
    store(&suite, "shop", &cancelled).await;
    assert_eq!(place(&suite, "u1").await, (Stage::Activated, Value::LowFrequency));

    // Time alone does the rest, to the second.
    suite.advance(Duration::from_secs(30 * 86_400 - 1)).await;
    assert_eq!(place(&suite, "u1").await.0, Stage::Activated);
    suite.advance(Duration::from_secs(1)).await;
    assert_eq!(place(&suite, "u1").await.0, Stage::Dormant);
    suite.advance(Duration::from_secs(60 * 86_400)).await;
    assert_eq!(place(&suite, "u1").await, (Stage::Lost, Value::LowFrequency));
    suite.advance(Duration::from_secs(90 * 86_400)).await;
    assert_eq!(place(&suite, "u1").await, (Stage::Lost, Value::Lost));
    let back = event("e9", "u1", Kind::Unfollow, now(&suite));
    store(&suite, "shop", &[back]).await;
    let fan = lifecycle(&suite, "u1").await.unwrap();
    let (rule, facts) = told(fan.stage_explanation.as_ref());
    assert_eq!(rule, "unfollowed, and no order since");
    assert_eq!(
        facts,
        ["following=false", "follow_change_time=2026-08-29T00:00:00Z", "last_order_time=never"]
    );
    assert_eq!(lifecycle(&suite, "nobody").await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn rules_are_versions_and_one_is_in_force_at_once(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let sent = [
        follow("f1", "u1", seconds_ago(&suite, 10 * DAY)),
        follow("f2", "u2", seconds_ago(&suite, 30)),
        event("v3", "u3", Kind::View, seconds_ago(&suite, 40 * DAY)),
    ];
    store(&suite, "shop", &sent).await;
    let first = create(&suite, strict()).await.unwrap();
    let expected = LifecycleRules {
        name: "accounts/shop/lifecycleRules/1".to_owned(),
        version: 1,
        create_time: Some(seconds_ago(&suite, 0)),
        ..strict()
    };
    assert_eq!(first, expected);
    let before = BTreeMap::from([
        ((Stage::Settled, Value::LowFrequency), 2),
        ((Stage::Dormant, Value::LowFrequency), 1),
    ]);
    assert_eq!(distribution(&suite, 0).await, before);

    let tried = backtest(&suite, 1).await.unwrap();
    assert_eq!((tried.fan_count, tried.moved_count), (3, 3));
    assert_eq!(backtest(&suite, 0).await.unwrap().moved_count, 0);
    let foretold: BTreeMap<_, _> =
        tried.flows.iter().map(|flow| ((flow.to_stage(), flow.to_value_class()), flow.fan_count)).collect();
    assert_eq!(distribution(&suite, 0).await, before);
    assert!(activate(&suite, 1).await.unwrap().active);
    assert!(activate(&suite, 1).await.unwrap().active);
    assert_eq!(distribution(&suite, 1).await, foretold);
    let after = BTreeMap::from([
        ((Stage::Activated, Value::LowFrequency), 1),
        ((Stage::Dormant, Value::LowFrequency), 1),
        ((Stage::Lost, Value::Lost), 1),
    ]);
    assert_eq!(foretold, after);

    let request =
        ListLifecycleRulesRequest { parent: "accounts/shop".to_owned(), page_size: 1, ..Default::default() };
    let page = suite.lifecycle().list_lifecycle_rules(request.clone()).await.unwrap().into_inner();
    let name = "accounts/shop/lifecycleRules/0".to_owned();
    assert_eq!(page.lifecycle_rules, [LifecycleRules { name, ..platform() }]);
    let next = ListLifecycleRulesRequest { page_token: page.next_page_token, ..request };
    let page = suite.lifecycle().list_lifecycle_rules(next).await.unwrap().into_inner();
    assert_eq!(
        (page.lifecycle_rules, page.next_page_token.as_str()),
        (vec![LifecycleRules { active: true, ..expected }], "")
    );
    activate(&suite, 0).await.unwrap();
    assert_eq!(distribution(&suite, 0).await, before);
    suite.finish().await;
}

async fn mistakes_in_rules_are_named(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let cases = [
        ("dormant_after", LifecycleRules { dormant_after: None, ..platform() }),
        ("dormant_after", LifecycleRules { dormant_after: days(-1), ..platform() }),
        ("lost_after", LifecycleRules { lost_after: days(30), ..platform() }),
        ("lost_after", LifecycleRules { lost_after: days(3_651), ..platform() }),
        ("activated_count", LifecycleRules { activated_count: 0, ..platform() }),
        ("activated_within", LifecycleRules { activated_within: days(91), ..platform() }),
        ("repurchasing_order_days", LifecycleRules { repurchasing_order_days: 1, ..platform() }),
        ("loyal_order_days", LifecycleRules { repurchasing_order_days: 5, ..platform() }),
        ("high_quality_gmv_minor", LifecycleRules { high_quality_gmv_minor: i64::MAX, ..platform() }),
    ];
    for (field, rules) in cases {
        let status = create(&suite, rules).await.unwrap_err();
        let expected = ("INVALID_FIELD".to_owned(), vec![format!("lifecycle_rules.{field}")]);
        assert_eq!((reason(&status), fields(&status)), expected);
    }
    for status in [activate(&suite, 1).await.unwrap_err(), backtest(&suite, 1).await.unwrap_err()] {
        assert_eq!(reason(&status), "RESOURCE_NOT_FOUND");
    }
    let nowhere = GetLifecycleDistributionRequest { parent: "accounts/nowhere".to_owned() };
    let status = suite.lifecycle().get_lifecycle_distribution(nowhere).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(distribution(&suite, 0).await, BTreeMap::new());
    suite.finish().await;
}

async fn all_chunks_of_a_large_account_are_counted(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let views: Vec<_> = (0..12_001)
        .map(|number| {
            event(&format!("v{number}"), &format!("u{number}"), Kind::View, seconds_ago(&suite, 60))
        })
        .collect();
    for batch in views.chunks(1_000) {
        send(&suite, "shop", batch.to_vec()).await.unwrap();
    }
    assert_eq!(distribution(&suite, 0).await, BTreeMap::from([((Stage::New, Value::LowFrequency), 12_001)]));
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_fan_goes_through_a_life,
    rules_are_versions_and_one_is_in_force_at_once,
    mistakes_in_rules_are_named,
    all_chunks_of_a_large_account_are_counted,
);
