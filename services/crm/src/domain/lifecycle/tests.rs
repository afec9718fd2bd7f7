use proptest::prelude::*;

use super::*;
use crate::domain::value_class::ValueClass;

const DAY: i64 = Micros::PER_DAY;
const NOW: Micros = Micros(1_000 * DAY);

fn days_ago(days: i64) -> Micros {
    Micros(NOW.0 - days * DAY)
}

/// A follower who was seen today and did nothing else.
fn follower() -> Facts {
    Facts {
        following: true,
        follow_change: Some(days_ago(200)),
        first_time: days_ago(200),
        last_time: NOW,
        activity: Activity::default(),
        orders: Orders::default(),
    }
}

fn orders(count: i64, day_count: i64, last: i64) -> Orders {
    Orders { count, day_count, net_minor: 100 * count, last: Some(days_ago(last)) }
}

fn activity(active: i64, last_active: i64, shares: i64, last_share: i64) -> Activity {
    Activity {
        active_count: active,
        last_active: Some(days_ago(last_active)),
        share_count: shares,
        last_share: Some(days_ago(last_share)),
    }
}

fn stage(facts: &Facts) -> Stage {
    Stage::of(facts, &LifecycleRules::default(), NOW)
}

#[test]
fn each_stage_begins_where_its_rule_says() {
    let cases = [
        (Stage::New, Facts { following: false, follow_change: None, ..follower() }),
        (Stage::Settled, follower()),
        (Stage::Settled, Facts { activity: activity(2, 0, 0, 0), ..follower() }),
        (Stage::Activated, Facts { activity: activity(3, 30, 0, 0), ..follower() }),
        (Stage::Settled, Facts { activity: activity(3, 31, 0, 0), ..follower() }),
        (Stage::Converted, Facts { orders: orders(2, 1, 300), ..follower() }),
        (
            Stage::Converted,
            Facts { following: false, follow_change: None, orders: orders(1, 1, 5), ..follower() },
        ),
        (Stage::Repurchasing, Facts { orders: orders(2, 2, 300), ..follower() }),
        (Stage::Referring, Facts { orders: orders(1, 1, 5), activity: activity(2, 0, 2, 90), ..follower() }),
        (Stage::Converted, Facts { orders: orders(1, 1, 5), activity: activity(2, 0, 2, 91), ..follower() }),
        (Stage::Settled, Facts { activity: activity(2, 40, 2, 40), ..follower() }),
        (Stage::Dormant, Facts { last_time: days_ago(30), orders: orders(9, 9, 30), ..follower() }),
        (Stage::Lost, Facts { last_time: days_ago(90), orders: orders(9, 9, 90), ..follower() }),
        (Stage::Lost, Facts { following: false, follow_change: Some(days_ago(3)), ..follower() }),
        (
            Stage::Lost,
            Facts {
                following: false,
                follow_change: Some(days_ago(3)),
                orders: orders(5, 5, 4),
                ..follower()
            },
        ),
        (
            Stage::Repurchasing,
            Facts {
                following: false,
                follow_change: Some(days_ago(3)),
                orders: orders(5, 5, 3),
                ..follower()
            },
        ),
    ];
    for (expected, facts) in cases {
        assert_eq!(stage(&facts), expected, "{facts:?}");
    }
}

#[test]
fn each_value_class_begins_where_its_rule_says() {
    let spent = |net_minor, day_count, last| Orders { net_minor, ..orders(day_count, day_count, last) };
    let cases = [
        (ValueClass::LowFrequency, follower()),
        (ValueClass::LowFrequency, Facts { orders: spent(900_000, 9, 181), ..follower() }),
        (ValueClass::Ordinary, Facts { orders: spent(99_999, 3, 180), ..follower() }),
        (ValueClass::HighQuality, Facts { orders: spent(100_000, 1, 180), ..follower() }),
        (ValueClass::Loyal, Facts { orders: spent(0, 4, 180), ..follower() }),
        (ValueClass::Loyal, Facts { orders: spent(900_000, 4, 0), ..follower() }),
        (ValueClass::Lost, Facts { last_time: days_ago(180), orders: spent(900_000, 9, 180), ..follower() }),
    ];
    for (expected, facts) in cases {
        assert_eq!(ValueClass::of(&facts, &LifecycleRules::default(), NOW), expected, "{facts:?}");
    }
}

#[test]
fn what_decided_is_told_with_the_values() {
    let rules = LifecycleRules { lost_after: 90 * DAY + 1_000_000, ..LifecycleRules::default() };
    let silent = Facts { last_time: days_ago(100), ..follower() };
    let told = Stage::of(&silent, &rules, NOW).explain(&silent, &rules);
    assert_eq!(told.rule, "no interaction for at least 7776001 s");
    assert_eq!(told.facts, [("last_interaction_time", Value::Time(Some(days_ago(100))))]);
    let gone = Facts { following: false, follow_change: Some(days_ago(3)), ..silent };
    assert_eq!(Stage::Lost.explain(&gone, &rules).rule, "unfollowed, and no order since");
    let loyal = Facts { orders: orders(4, 4, 1), ..follower() };
    let told = ValueClass::Loyal.explain(&loyal, &rules);
    assert_eq!(told.rule, "orders on at least 4 distinct days, the latest within 180 days");
    assert_eq!(told.facts[0], ("order_day_count", Value::Number(4)));
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let time = || prop::option::of((0..300_i64).prop_map(days_ago));
    let counts = (0..6_i64, 0..6_i64, 0..6_i64, 0..200_000_i64);
    (any::<bool>(), time(), 0..300_i64, time(), time(), time(), counts).prop_map(
        |(following, follow_change, last, last_active, last_share, last_order, counts)| {
            let (active_count, share_count, day_count, net_minor) = counts;
            let has_ordered = last_order.is_some();
            let day_count = if has_ordered { day_count.max(1) } else { 0 };
            Facts {
                following,
                follow_change,
                first_time: days_ago(300),
                last_time: days_ago(last),
                activity: Activity { active_count, last_active, share_count, last_share },
                orders: Orders { count: day_count, day_count, net_minor, last: last_order },
            }
        },
    )
}

proptest! {
    #[test]
    fn time_alone_leads_to_dormant_and_then_to_lost(facts in any_facts()) {
        let rules = LifecycleRules::default();
        let mut was_dormant = false;
        for day in 0..100 {
            match Stage::of(&facts, &rules, Micros(facts.last_time.0 + day * DAY)) {
                Stage::Lost => prop_assert!(day >= 90 || facts.left()),
                Stage::Dormant => {
                    prop_assert!((30..90).contains(&day));
                    was_dormant = true;
                }
                _ => prop_assert!(day < 30 && !was_dormant),
            }
        }
    }

    #[test]
    fn more_orders_never_lead_back(facts in any_facts(), more in 1..5_i64) {
        let rules = LifecycleRules::default();
        let before = Stage::of(&facts, &rules, NOW);
        let mut bought = facts.clone();
        bought.orders = Orders { count: facts.orders.count + more, day_count: facts.orders.day_count + more, net_minor: facts.orders.net_minor, last: Some(NOW) };
        bought.last_time = NOW;
        let after = Stage::of(&bought, &rules, NOW);
        prop_assert!(after >= Stage::Converted && after < Stage::Dormant);
        prop_assert!(before >= Stage::Dormant || after >= before);
    }
}
