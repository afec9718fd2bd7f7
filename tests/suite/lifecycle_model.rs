//! Stages and value classes of random histories, in whatever order these arrive, against a plain computation.

use std::{collections::BTreeMap, time::Duration};

use rand::RngExt;
use siyu_proto::crm::v1::{
    Interaction, InteractionKind as Kind, LifecycleRules, LifecycleStage as Stage, ValueClass as Value,
};
use siyu_tests::TestSuite;

use crate::{
    lifecycle::{activate, create, distribution, lifecycle, platform, strict},
    support::{event, micros, order, purchase, seconds_ago, seeded, shuffled, store, tiers_rebuilt},
};

const USERS: usize = 60;
const DAY: i64 = 86_400_000_000;

fn seconds_of(span: Option<prost_types::Duration>) -> i64 {
    span.unwrap().seconds * 1_000_000
}

/// Some interactions of each user over the last 200 days, most of them long ago for most users.
fn histories(suite: &TestSuite, seed: u64) -> Vec<Interaction> {
    let mut random = seeded(seed);
    let mut sent = Vec::new();
    for user in 0..USERS {
        let name = format!("u{user}");
        let newest = random.random_range(0..if user % 2 == 0 { 4 } else { 120 }) * 86_400;
        for number in 0..random.random_range(1..12) {
            let time = seconds_ago(suite, newest + random.random_range(0..80 * 86_400));
            let id = format!("e{user}-{number}");
            let kinds =
                [Kind::View, Kind::HomepageVisit, Kind::Like, Kind::Share, Kind::Follow, Kind::Unfollow];
            match random.random_range(0..9) {
                kind @ 0..6 => sent.push(event(&id, &name, kinds[kind], time)),
                _ => {
                    let amount = random.random_range(0..60_000);
                    sent.push(order(&id, &name, time, amount));
                    let later = seconds_ago(suite, random.random_range(0..newest + 1));
                    match random.random_range(0..6) {
                        0 => {
                            sent.push(purchase(&format!("c{id}"), &name, Kind::OrderCancel, later, (&id, 0)))
                        }
                        1 => sent.push(purchase(
                            &format!("r{id}"),
                            &name,
                            Kind::Refund,
                            later,
                            (&id, amount / 2),
                        )),
                        _ => {}
                    }
                }
            }
        }
    }
    sent
}

/// What the rules say of one user's history at `now`, computed as the documentation has it.
fn expected(history: &[&Interaction], rules: &LifecycleRules, now: i64) -> (Stage, Value) {
    let time = |interaction: &&&Interaction| micros(interaction.event_time.as_ref());
    let latest = |kinds: &dyn Fn(Kind) -> bool| {
        history.iter().filter(|one| kinds(one.kind())).map(|one| time(&one)).max()
    };
    let count = |kinds: &dyn Fn(Kind) -> bool| history.iter().filter(|one| kinds(one.kind())).count();
    let within = |time: Option<i64>, span| time.is_some_and(|time| now - time <= seconds_of(span));
    let last = latest(&|_| true).unwrap();
    let silent = |span| now - last >= seconds_of(span);

    let turn = history.iter().filter(|one| matches!(one.kind(), Kind::Follow | Kind::Unfollow));
    let turn = turn.max_by_key(|one| (micros(one.event_time.as_ref()), one.event_id.clone()));
    let following = turn.is_some_and(|turn| turn.kind() == Kind::Follow);
    let cancelled = |id: &str| {
        history
            .iter()
            .any(|one| one.kind() == Kind::OrderCancel && one.purchase.as_ref().unwrap().order_id == id)
    };
    let orders: Vec<_> =
        history.iter().filter(|one| one.kind() == Kind::Order && !cancelled(&one.event_id)).collect();
    let last_order = orders.iter().map(|one| micros(one.event_time.as_ref())).max();
    // Asia/Shanghai is eight hours ahead.
    let mut days: Vec<i64> =
        orders.iter().map(|one| (micros(one.event_time.as_ref()) + DAY / 3).div_euclid(DAY)).collect();
    days.sort_unstable();
    days.dedup();
    let day_count = i64::try_from(days.len()).unwrap();
    let amount = |one: &Interaction| one.purchase.as_ref().unwrap().amount_minor;
    let refunds = history.iter().filter(|one| one.kind() == Kind::Refund);
    let refunds = refunds.filter(|one| !cancelled(&one.purchase.as_ref().unwrap().order_id));
    let net = orders.iter().map(|one| amount(one)).sum::<i64>() - refunds.map(|one| amount(one)).sum::<i64>();

    let is_active = |kind| {
        !matches!(kind, Kind::View | Kind::HomepageVisit | Kind::Unfollow | Kind::OrderCancel | Kind::Refund)
    };
    let is_share = |kind| kind == Kind::Share;
    let left = turn.is_some_and(|turn| {
        !following && last_order.is_none_or(|order| order < micros(turn.event_time.as_ref()))
    });
    let many = |number: usize, least| i64::try_from(number).unwrap() >= least;
    let stage = if left || silent(rules.lost_after) {
        Stage::Lost
    } else if silent(rules.dormant_after) {
        Stage::Dormant
    } else if !orders.is_empty()
        && many(count(&is_share), rules.referring_share_count)
        && within(latest(&is_share), rules.referring_within)
    {
        Stage::Referring
    } else if day_count >= rules.repurchasing_order_days {
        Stage::Repurchasing
    } else if !orders.is_empty() {
        Stage::Converted
    } else if following
        && many(count(&is_active), rules.activated_count)
        && within(latest(&is_active), rules.activated_within)
    {
        Stage::Activated
    } else if following {
        Stage::Settled
    } else {
        Stage::New
    };
    let recent = within(last_order, rules.recent_order_within);
    let value = match recent {
        _ if silent(rules.value_lost_after) => Value::Lost,
        false => Value::LowFrequency,
        true if day_count >= rules.loyal_order_days => Value::Loyal,
        true if net >= rules.high_quality_gmv_minor => Value::HighQuality,
        true => Value::Ordinary,
    };
    (stage, value)
}

async fn random_histories_are_judged_as_documented(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let sent = histories(&suite, 11);
    store(&suite, "shop", &shuffled(&sent, 5)).await;
    let mut of_users: BTreeMap<String, Vec<&Interaction>> = BTreeMap::new();
    for interaction in &sent {
        of_users.entry(interaction.user.replace("users/", "")).or_default().push(interaction);
    }
    let strict = LifecycleRules { version: create(&suite, strict()).await.unwrap().version, ..strict() };
    let mut seen = BTreeMap::new();
    for (step, rules) in [platform(), strict.clone(), platform(), strict].into_iter().enumerate() {
        activate(&suite, rules.version).await.unwrap();
        if step == 2 {
            suite.advance(Duration::from_secs(25 * 86_400)).await;
            tiers_rebuilt(&suite, "shop").await;
        }
        let now = suite.clock.now().0;
        let mut counts = BTreeMap::new();
        for (user, history) in &of_users {
            let place = expected(history, &rules, now);
            let fan = lifecycle(&suite, user).await.unwrap();
            assert_eq!((fan.stage(), fan.value_class()), place, "{user} at step {step}: {history:?}");
            *counts.entry(place).or_default() += 1;
            *seen.entry(place.0).or_insert(0) += 1;
        }
        assert_eq!(distribution(&suite, rules.version).await, counts);
    }
    assert_eq!(seen.len(), 8, "the histories lead everywhere: {seen:?}");
    suite.finish().await;
}

siyu_tests::on_both_engines!(random_histories_are_judged_as_documented);
