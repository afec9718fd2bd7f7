//! Versions of the tier rules (C3): writing, trying, bringing into force.

use std::{collections::BTreeMap, time::Duration};

use prost_types::Duration as ProtoDuration;
use rand::RngExt;
use siyu_proto::crm::v1::{
    ActivateTierRulesRequest, BacktestTierRulesRequest, BacktestTierRulesResponse, CreateTierRulesRequest,
    Interaction, InteractionKind as Kind, KindWeight, ListTierRulesRequest, Tier, TierChangeCause as Cause,
    TierRules,
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::support::{
    all_fans, event, fan, fields, flow_map, follow, order, reason, seconds_ago, seeded, store, tier_changes,
    tier_counts,
};

fn weight(kind: Kind, points: f64) -> KindWeight {
    KindWeight { kind: kind.into(), points }
}

/// Half-life 10 days, orders 40 points, views 2; favorable 30/20, true love 90/60.
pub(crate) fn strict() -> TierRules {
    TierRules {
        half_life: Some(ProtoDuration { seconds: 864_000, nanos: 0 }),
        weights: vec![weight(Kind::Order, 40.0), weight(Kind::View, 2.0), weight(Kind::Like, 0.0)],
        favorable_enter: 30.0,
        favorable_leave: 20.0,
        true_love_enter: 90.0,
        true_love_leave: 60.0,
        ..TierRules::default()
    }
}

pub(crate) async fn create(suite: &TestSuite, rules: Option<TierRules>) -> Result<TierRules, Status> {
    let request = CreateTierRulesRequest {
        parent: "accounts/shop".to_owned(),
        tier_rules: rules,
        ..Default::default()
    };
    let answer = suite.tiers().create_tier_rules(request).await?;
    Ok(answer.into_inner().tier_rules.unwrap())
}

pub(crate) async fn activate(suite: &TestSuite, version: i64) -> Result<TierRules, Status> {
    let request = ActivateTierRulesRequest { name: format!("accounts/shop/tierRules/{version}") };
    let answer = suite.tiers().activate_tier_rules(request).await?;
    Ok(answer.into_inner().tier_rules.unwrap())
}

async fn backtest(suite: &TestSuite, version: i64) -> Result<BacktestTierRulesResponse, Status> {
    let request = BacktestTierRulesRequest { name: format!("accounts/shop/tierRules/{version}") };
    suite.tiers().backtest_tier_rules(request).await.map(tonic::Response::into_inner)
}

/// All versions, oldest first, read `page_size` at a time.
async fn versions(suite: &TestSuite, page_size: i32) -> Vec<TierRules> {
    let mut rules = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListTierRulesRequest { parent: "accounts/shop".to_owned(), page_size, page_token };
        let page = suite.tiers().list_tier_rules(request).await.unwrap().into_inner();
        assert!(page_size == 0 || page.tier_rules.len() <= usize::try_from(page_size).unwrap());
        rules.extend(page.tier_rules);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return rules;
        }
    }
}

async fn mistakes_in_rules_are_named_and_leave_nothing_behind(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let lasting = |seconds, nanos| Some(ProtoDuration { seconds, nanos });
    let weighing = |weights: Vec<KindWeight>| TierRules { weights, ..strict() };
    let cases = [
        ("tier_rules.half_life", TierRules { half_life: None, ..strict() }),
        ("tier_rules.half_life", TierRules { half_life: lasting(3_599, 999_999_999), ..strict() }),
        ("tier_rules.half_life", TierRules { half_life: lasting(315_360_000, 1), ..strict() }),
        ("tier_rules.weights", weighing(Vec::new())),
        ("tier_rules.weights", weighing(vec![weight(Kind::View, 1.0); 65])),
        (
            "tier_rules.weights[1].kind",
            weighing(vec![weight(Kind::View, 1.0), weight(Kind::Unspecified, 1.0)]),
        ),
        ("tier_rules.weights[0].kind", weighing(vec![KindWeight { kind: 99, points: 1.0 }])),
        ("tier_rules.weights[1].kind", weighing(vec![weight(Kind::View, 1.0), weight(Kind::View, 2.0)])),
        ("tier_rules.weights[0].points", weighing(vec![weight(Kind::View, -0.5)])),
        ("tier_rules.weights[0].points", weighing(vec![weight(Kind::View, 1_000_000.5)])),
        ("tier_rules.weights[0].points", weighing(vec![weight(Kind::View, f64::NAN)])),
        ("tier_rules.favorable_enter", TierRules { favorable_enter: f64::INFINITY, ..strict() }),
        ("tier_rules.favorable_leave", TierRules { favorable_leave: 0.0, ..strict() }),
        ("tier_rules.favorable_leave", TierRules { favorable_leave: 30.5, ..strict() }),
        (
            "tier_rules.true_love_enter",
            TierRules { true_love_enter: 29.5, true_love_leave: 25.0, ..strict() },
        ),
        ("tier_rules.true_love_leave", TierRules { true_love_leave: 90.5, ..strict() }),
        ("tier_rules.true_love_leave", TierRules { true_love_leave: 19.5, ..strict() }),
    ];
    for (field, rules) in cases {
        let status = create(&suite, Some(rules)).await.unwrap_err();
        assert_eq!((status.code(), reason(&status)), (Code::InvalidArgument, "INVALID_FIELD".to_owned()));
        let mut named = fields(&status);
        named.dedup();
        assert_eq!(named, [field], "{}", status.message());
    }
    assert_eq!(fields(&create(&suite, None).await.unwrap_err()), ["tier_rules"]);
    assert_eq!(versions(&suite, 0).await.len(), 1);
    let elsewhere = CreateTierRulesRequest {
        parent: "accounts/nowhere".to_owned(),
        tier_rules: Some(strict()),
        ..Default::default()
    };
    assert_eq!(suite.tiers().create_tier_rules(elsewhere).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn versions_are_numbered_listed_and_one_of_them_is_in_force(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let first = create(&suite, Some(strict())).await.unwrap();
    let expected = TierRules {
        name: "accounts/shop/tierRules/1".to_owned(),
        version: 1,
        // A kind that is worth nothing is as good as not named; the others come in the order of their numbers.
        weights: vec![weight(Kind::View, 2.0), weight(Kind::Order, 40.0)],
        create_time: Some(seconds_ago(&suite, 0)),
        ..strict()
    };
    assert_eq!(first, expected);
    suite.advance(Duration::from_secs(60)).await;
    let odd = TierRules {
        half_life: Some(ProtoDuration { seconds: 3_600, nanos: 1_000 }),
        favorable_enter: 0.1 + 0.2,
        favorable_leave: 1e-9,
        true_love_enter: 1e9,
        true_love_leave: 1.0 / 3.0,
        version: 77,
        active: true,
        ..first.clone()
    };
    let second = create(&suite, Some(odd.clone())).await.unwrap();
    let name = "accounts/shop/tierRules/2".to_owned();
    let create_time = Some(seconds_ago(&suite, 0));
    assert_eq!(second, TierRules { name, version: 2, active: false, create_time, ..odd });

    let listed = versions(&suite, 0).await;
    assert_eq!(listed[1..], [first, second]);
    let platform = &listed[0];
    assert_eq!((platform.version, platform.active, platform.create_time), (0, true, None));
    assert_eq!(platform.half_life, Some(ProtoDuration { seconds: 30 * 86_400, nanos: 0 }));
    assert_eq!(versions(&suite, 1).await, listed);
    assert_eq!(versions(&suite, 2).await, listed);

    for version in [2, 2, 1, 0] {
        let activated = activate(&suite, version).await.unwrap();
        let now_listed = versions(&suite, 0).await;
        let active: Vec<_> = now_listed.iter().filter(|rules| rules.active).collect();
        assert_eq!(active, [&activated]);
        assert_eq!(activated.version, version);
    }
    for status in [activate(&suite, 3).await.unwrap_err(), backtest(&suite, 3).await.unwrap_err()] {
        assert_eq!((status.code(), reason(&status)), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
        assert_eq!(status.message(), "accounts/shop/tierRules/3 does not exist");
    }
    suite.finish().await;
}

/// Fans with one to eight interactions each in the last 80 days; two of three follow.
fn population(suite: &TestSuite, fans: usize) -> Vec<Interaction> {
    let mut random = seeded(7);
    let mut events = Vec::new();
    for user in (0..fans).map(|number| format!("u{number}")) {
        for number in 0..random.random_range(1..=8) {
            let id = format!("{user}-{number}");
            let time = seconds_ago(suite, random.random_range(1..80 * 86_400));
            events.push(match random.random_range(0..8) {
                0..3 => event(&id, &user, Kind::View, time),
                3..5 => event(&id, &user, Kind::Share, time),
                5..7 => order(&id, &user, time, 100),
                _ => event(&id, &user, Kind::Unfollow, time),
            });
        }
        if random.random_range(0..3) > 0 {
            let time = seconds_ago(suite, random.random_range(1..80 * 86_400));
            events.push(follow(&format!("{user}-follow"), &user, time));
        }
    }
    events
}

async fn a_backtest_foretells_what_activation_does(suite: TestSuite) {
    const FANS: usize = 1_100;
    suite.account("lumi", "shop").await;
    store(&suite, "shop", &population(&suite, FANS)).await;
    let rules = TierRules { true_love_enter: 60.0, true_love_leave: 45.0, ..strict() };
    create(&suite, Some(rules)).await.unwrap();
    let before = all_fans(&suite, "shop").await;

    let foretold = backtest(&suite, 1).await.unwrap();
    assert_eq!(foretold.fan_count, i64::try_from(FANS).unwrap());
    assert_eq!(foretold.as_of, Some(seconds_ago(&suite, 0)));
    let flows = flow_map(&foretold.flows);
    assert_eq!(flows.values().sum::<i64>(), foretold.fan_count);
    let moved: BTreeMap<_, _> = flows.iter().filter(|((from, to), _)| from != to).collect();
    assert_eq!(moved.values().copied().sum::<i64>(), foretold.moved_count);
    assert!(foretold.moved_count > 50 && moved.len() >= 3, "{flows:?}");
    assert_eq!(all_fans(&suite, "shop").await, before, "a backtest changes nothing");

    let known = tier_changes(&suite, "accounts/shop").await.first().cloned();
    activate(&suite, 1).await.unwrap();
    assert_eq!(tier_changes(&suite, "accounts/shop").await.first().cloned(), known);
    suite.advance(Duration::from_micros(1)).await;

    let by_rules = tier_changes(&suite, "accounts/shop").await;
    let by_rules = by_rules.into_iter().take_while(|change| change.cause() == Cause::Rules);
    let mut counted = BTreeMap::<(Tier, Tier), i64>::new();
    for change in by_rules {
        assert_eq!((change.tier_rules_version, change.event_id.as_str()), (1, ""));
        *counted.entry((change.from_tier(), change.to_tier())).or_default() += 1;
    }
    assert_eq!(counted.iter().collect::<BTreeMap<_, _>>(), moved);
    let mut after = BTreeMap::<Tier, i64>::new();
    for ((_, to), count) in &flows {
        *after.entry(*to).or_default() += count;
    }
    assert_eq!(tier_counts(&suite, "shop").await, after);
    assert!(all_fans(&suite, "shop").await.iter().all(|fan| fan.tier_rules_version == 1));
    assert_eq!(backtest(&suite, 1).await.unwrap().moved_count, 0);
    suite.finish().await;
}

async fn a_fan_that_is_touched_first_follows_new_rules_at_once(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let ten_days = 864_000;
    for user in ["touched", "waiting"] {
        // 25 points by the default rules, 40 by the strict ones.
        let time = seconds_ago(&suite, 0);
        let history =
            [follow(&format!("{user}-f"), user, time), order(&format!("{user}-o"), user, time, 100)];
        store(&suite, "shop", &history).await;
    }
    create(&suite, Some(strict())).await.unwrap();
    activate(&suite, 1).await.unwrap();
    let liked = event("like", "touched", Kind::Like, seconds_ago(&suite, 0));
    store(&suite, "shop", &[liked]).await;

    let touched = fan(&suite, "shop", "touched").await;
    assert_eq!((touched.tier(), touched.tier_rules_version, touched.intimacy), (Tier::Favorable, 1, 40.0));
    let change = tier_changes(&suite, "accounts/shop/fans/touched").await.swap_remove(0);
    assert_eq!(
        (change.from_tier(), change.to_tier(), change.cause()),
        (Tier::Passerby, Tier::Favorable, Cause::Rules)
    );
    let waiting = fan(&suite, "shop", "waiting").await;
    assert_eq!((waiting.tier(), waiting.tier_rules_version, waiting.intimacy), (Tier::Passerby, 0, 25.0));

    // Until its turn comes a fan is what the old rules make of it, the half-life included.
    suite.clock.advance_to(suite.clock.now().plus(Duration::from_secs(ten_days)));
    let waiting = fan(&suite, "shop", "waiting").await;
    let by_old_rules = 25.0 * 2.0_f64.powf(-1.0 / 3.0);
    assert_eq!(waiting.tier_rules_version, 0);
    assert!((waiting.intimacy - by_old_rules).abs() < 1e-9, "{} {by_old_rules}", waiting.intimacy);
    assert_eq!(all_fans(&suite, "shop").await[1].intimacy, waiting.intimacy);

    suite.advance(Duration::from_secs(1)).await;
    let waiting = fan(&suite, "shop", "waiting").await;
    assert_eq!((waiting.tier(), waiting.tier_rules_version), (Tier::Passerby, 1));
    assert!((waiting.intimacy - 20.0).abs() < 1e-3, "{}", waiting.intimacy);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    mistakes_in_rules_are_named_and_leave_nothing_behind,
    versions_are_numbered_listed_and_one_of_them_is_in_force,
    a_backtest_foretells_what_activation_does,
    a_fan_that_is_touched_first_follows_new_rules_at_once,
);
