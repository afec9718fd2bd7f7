use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{civil::date, tz::TimeZone};
use proptest::prelude::*;
use siyu_proto::{
    Validate,
    crm::v1::{Interaction, InteractionKind as Kind, SourceDomain},
};

use super::*;

const FIRST_DAY: Date = date(2026, 3, 1);
const DAYS: u32 = 31;

fn march(seed: u64) -> Traffic {
    Traffic::new(seed, FIRST_DAY, DAYS).unwrap()
}

fn all(traffic: &Traffic) -> impl Iterator<Item = &(usize, Interaction)> {
    (0..traffic.day_count()).flat_map(|day| traffic.day(day))
}

fn millis(interaction: &Interaction) -> i64 {
    let time = interaction.event_time.unwrap();
    time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000
}

fn local(interaction: &Interaction) -> DateTime {
    let time = jiff::Timestamp::from_millisecond(millis(interaction)).unwrap();
    time.to_zoned(TimeZone::get(TIME_ZONE).unwrap()).datetime()
}

#[test]
fn same_arguments_give_the_same_month_and_another_seed_another_one() {
    assert_eq!(march(1), march(1));
    assert_ne!(march(1), march(2));
}

#[test]
fn the_month_has_its_size() {
    for seed in 1..=3 {
        let traffic = march(seed);
        let count = traffic.interaction_count();
        assert!((40_000..=60_000).contains(&count), "{count}");
        assert_eq!(count, all(&traffic).count());
        assert!(traffic.day(31).is_empty());
        let users: BTreeSet<_> = all(&traffic).map(|(_, interaction)| &interaction.user).collect();
        assert_eq!(users.len(), 3_000);
    }
}

#[test]
fn all_kinds_and_sources_occur() {
    let traffic = march(1);
    let kinds: BTreeMap<_, usize> = all(&traffic).fold(BTreeMap::new(), |mut counts, (_, interaction)| {
        *counts.entry(interaction.kind()).or_default() += 1;
        counts
    });
    println!("{kinds:?}");
    assert_eq!(kinds.len(), 20);
    assert!(!kinds.contains_key(&Kind::Unspecified));
    for account in 0..accounts().len() {
        let sources: BTreeSet<_> =
            all(&traffic).filter(|(at, _)| *at == account).map(|(_, i)| i.source_domain()).collect();
        assert_eq!(sources.len(), 4, "{sources:?}");
        assert!(!sources.contains(&SourceDomain::Unspecified));
    }
}

#[test]
fn the_services_accept_accounts_and_interactions() {
    for (account_id, account) in accounts() {
        assert!(account.violations().is_empty(), "{account_id}: {:?}", account.violations());
    }
    for (_, interaction) in all(&march(1)) {
        assert!(interaction.violations().is_empty(), "{interaction:?}: {:?}", interaction.violations());
    }
}

#[test]
fn events_lie_in_their_day_in_order_with_unique_growing_ids() {
    let traffic = march(1);
    let mut last_id = vec![String::new(); accounts().len()];
    for day in 0..traffic.day_count() {
        let today =
            FIRST_DAY.checked_add(SignedDuration::from_hours(24 * i64::try_from(day).unwrap())).unwrap();
        assert!(!traffic.day(day).is_empty());
        assert!(traffic.day(day).is_sorted_by_key(|(_, interaction)| millis(interaction)));
        for (account, interaction) in traffic.day(day) {
            assert_eq!(local(interaction).date(), today);
            assert!(interaction.event_id > last_id[*account]);
            last_id[*account].clone_from(&interaction.event_id);
        }
    }
}

#[derive(Default)]
struct Order {
    user: String,
    amounts_minor: Vec<i64>,
    given_back: Vec<(Kind, i64)>,
}

fn orders(traffic: &Traffic) -> BTreeMap<(usize, String), Order> {
    let mut orders = BTreeMap::<_, Order>::new();
    for (account, interaction) in all(traffic) {
        let kind = interaction.kind();
        let is_purchase = matches!(kind, Kind::Order | Kind::OrderCancel | Kind::Refund);
        assert_eq!(interaction.purchase.is_some(), is_purchase);
        let Some(purchase) = &interaction.purchase else { continue };
        let key = (*account, purchase.order_id.clone());
        if kind == Kind::Order {
            let order = orders.entry(key).or_default();
            order.user.clone_from(&interaction.user);
            order.amounts_minor.push(purchase.amount_minor);
        } else {
            let order = orders.get_mut(&key).expect("the order comes first");
            assert_eq!(order.user, interaction.user);
            order.given_back.push((kind, purchase.amount_minor));
        }
    }
    orders
}

#[test]
fn orders_are_consistent() {
    let orders = orders(&march(1));
    assert!(orders.keys().map(|(_, id)| id).collect::<BTreeSet<_>>().len() == orders.len());
    for order in orders.values() {
        let total: i64 = order.amounts_minor.iter().sum();
        assert!(total > 0 && order.amounts_minor.iter().all(|&amount| amount >= 0));
        match *order.given_back.as_slice() {
            [] => {}
            [(Kind::OrderCancel, amount)] => assert_eq!(amount, 0),
            [(Kind::Refund, amount)] => assert!((1..=total).contains(&amount)),
            ref other => panic!("{other:?}"),
        }
    }
    assert!(orders.values().any(|order| order.amounts_minor.len() > 1));
    assert!(orders.values().any(|order| order.amounts_minor.contains(&0)));
}

#[test]
fn amounts_are_those_of_a_skincare_shop_with_big_spenders() {
    let mut totals: Vec<i64> =
        orders(&march(1)).values().map(|order| order.amounts_minor.iter().sum()).collect();
    totals.sort_unstable();
    let (median, highest) = (totals[totals.len() / 2], totals[totals.len() - 1]);
    println!("{} orders, median {median}, highest {highest}", totals.len());
    let usual = totals.iter().filter(|&&total| (6_000..=40_000).contains(&total)).count();
    assert!(usual * 100 >= totals.len() * 80, "{usual} of {}", totals.len());
    assert!(highest > 8 * median, "{highest} against {median}");
}

#[test]
fn nobody_follows_twice_or_stops_before_following() {
    let mut following = HashMap::new();
    for (account, interaction) in all(&march(1)) {
        let now = match interaction.kind() {
            Kind::Follow => true,
            Kind::Unfollow => false,
            _ => continue,
        };
        let before = following.insert((*account, interaction.user.clone()), now).unwrap_or(false);
        assert_ne!(now, before, "{interaction:?}");
    }
}

/// Fans of each account in each tier by the default rules, hysteresis aside.
fn tiers(traffic: &Traffic) -> [[usize; 4]; 3] {
    let end = all(traffic).map(|(_, interaction)| millis(interaction)).max().unwrap();
    let mut fans = HashMap::<_, (bool, f64)>::new();
    for (account, interaction) in all(traffic) {
        let (following, score) = fans.entry((*account, &interaction.user)).or_default();
        let points = match interaction.kind() {
            Kind::View => 1.0,
            Kind::Like | Kind::HomepageVisit | Kind::Click => 2.0,
            Kind::Collect | Kind::LiveWatch | Kind::GroupMessage => 3.0,
            Kind::Comment => 4.0,
            Kind::Follow => 5.0,
            Kind::Share | Kind::PrivateMessage => 6.0,
            Kind::Order => 20.0,
            _ => 0.0,
        };
        let age_days = f64::from(i32::try_from((end - millis(interaction)) / 1_000).unwrap()) / 86_400.0;
        *score += points * 0.5_f64.powf(age_days / 30.0);
        match interaction.kind() {
            Kind::Follow => *following = true,
            Kind::Unfollow => *following = false,
            _ => {}
        }
    }
    let mut tiers = [[0; 4]; 3];
    for ((account, _), (following, score)) in fans {
        let tier = match (following, score) {
            (false, _) => 0,
            (true, ..30.0) => 1,
            (true, ..100.0) => 2,
            _ => 3,
        };
        tiers[account][tier] += 1;
    }
    tiers
}

#[test]
fn the_tier_funnel_narrows() {
    for seed in 1..=3 {
        let accounts = tiers(&march(seed));
        println!("{accounts:?}");
        for [potential, passerby, favorable, true_love] in accounts {
            assert!(potential > 2 * passerby, "{accounts:?}");
            assert!(passerby > favorable && favorable > true_love && true_love > 0, "{accounts:?}");
        }
    }
}

#[test]
fn some_follow_several_accounts() {
    let traffic = march(1);
    let follows: BTreeSet<_> = all(&traffic)
        .filter(|(_, interaction)| interaction.kind() == Kind::Follow)
        .map(|(account, interaction)| (&interaction.user, account))
        .collect();
    let mut accounts_of = BTreeMap::<_, usize>::new();
    for (user, _) in &follows {
        *accounts_of.entry(user).or_default() += 1;
    }
    println!("{} follows, {} users", follows.len(), accounts_of.len());
    assert!(accounts_of.values().any(|&count| count == 2));
    assert!(accounts_of.values().any(|&count| count == 3));
}

#[test]
fn repeat_customers_by_order_and_by_day_differ() {
    let traffic = march(1);
    let mut customers = HashMap::<_, (BTreeSet<_>, BTreeSet<_>)>::new();
    for (account, interaction) in all(&traffic) {
        if interaction.kind() == Kind::Order {
            let (orders, days) = customers.entry((account, &interaction.user)).or_default();
            orders.insert(&interaction.purchase.as_ref().unwrap().order_id);
            days.insert(local(interaction).date());
        }
    }
    let by_order = customers.values().filter(|(orders, _)| orders.len() >= 2).count();
    let by_day = customers.values().filter(|(_, days)| days.len() >= 2).count();
    println!("{} customers, {by_order} by order, {by_day} by day", customers.len());
    assert!(by_order > by_day && by_day > 0);
}

#[test]
fn live_evenings_spike_and_weekends_are_stronger() {
    let traffic = march(1);
    let host = accounts().iter().position(|(id, _)| *id == "lumi-host-anna").unwrap();
    // March 2026 begins on a Sunday; the host works on Tuesdays and not on Mondays.
    let evening = |first_day: usize| {
        let days = (first_day..28).step_by(7);
        days.flat_map(|day| traffic.day(day))
            .filter(|(account, i)| *account == host && (19..23).contains(&local(i).hour()))
            .count()
    };
    let (monday, tuesday) = (evening(1), evening(2));
    assert!(tuesday * 5 > monday * 7, "{tuesday} against {monday}");

    let size = |days: &[usize]| -> usize {
        (0..28).filter(|day| days.contains(&(day % 7))).map(|day| traffic.day(day).len()).sum()
    };
    let (weekend, week) = (size(&[0, 6]), size(&[1, 2, 3, 4, 5]));
    assert!(weekend * 5 > week * 2, "{weekend} in 8 days against {week} in 20");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn any_seed_and_length_works(seed: u64, days in 0_u32..12) {
        let traffic = Traffic::new(seed, FIRST_DAY, days).unwrap();
        prop_assert_eq!(traffic.day_count(), usize::try_from(days)?);
        let ids: BTreeSet<_> = all(&traffic).map(|(account, i)| (account, &i.event_id)).collect();
        prop_assert_eq!(ids.len(), traffic.interaction_count());
        orders(&traffic);
    }
}
