use proptest::prelude::*;

use super::*;
use crate::domain::tier_rules::Threshold;

const DAY: i64 = Micros::PER_DAY;

fn day(day: i64) -> Micros {
    Micros(day * DAY)
}

fn fact(kind: Kind, time: Micros, event_id: &str) -> Fact {
    Fact { kind, time, event_id: event_id.to_owned() }
}

/// 10 days half-life; an order is 40 points, a follow 0; favorable 30/20, true love 100/70.
fn rules() -> TierRules {
    let mut points = [0.0; Kind::ALL.len()];
    points[Kind::Order.index()] = 40.0;
    points[Kind::View.index()] = 1.0;
    TierRules {
        version: 1,
        half_life: 10 * DAY,
        points,
        favorable: Threshold { enter: 30.0, leave: 20.0 },
        true_love: Threshold { enter: 100.0, leave: 70.0 },
    }
}

fn tiers(changes: &[TierChange]) -> Vec<(Option<Tier>, Tier, Cause)> {
    changes.iter().map(|change| (change.from, change.to, change.cause)).collect()
}

#[test]
fn who_does_not_follow_is_potential_however_warm() {
    let mut fan = Standing::unknown();
    for order in 0..10 {
        fan.apply(&rules(), &fact(Kind::Order, day(0), &order.to_string()), day(0));
    }
    assert_eq!(fan.tier, Some(Tier::Potential));
    assert_eq!(fan.next_change, None);
    let changes = fan.apply(&rules(), &fact(Kind::Follow, day(0), "f"), day(0));
    assert_eq!(tiers(&changes), [(Some(Tier::Potential), Tier::TrueLove, Cause::Follow)]);
    assert_eq!(changes[0].event_id.as_deref(), Some("f"));
    let changes = fan.apply(&rules(), &fact(Kind::Unfollow, day(1), "u"), day(1));
    assert_eq!(tiers(&changes), [(Some(Tier::TrueLove), Tier::Potential, Cause::Unfollow)]);
}

#[test]
fn a_score_halves_with_every_half_life_and_is_taken_at_the_time_asked() {
    let mut fan = Standing::unknown();
    fan.apply(&rules(), &fact(Kind::Order, day(0), "o"), day(0));
    assert!((fan.score_at(&rules(), day(10)) - 20.0).abs() < 1e-9);
    assert!((fan.score_at(&rules(), day(30)) - 5.0).abs() < 1e-9);
}

#[test]
fn a_late_interaction_adds_its_points_decayed_by_its_own_age() {
    let mut late = Standing::unknown();
    late.apply(&rules(), &fact(Kind::Order, day(10), "b"), day(10));
    late.apply(&rules(), &fact(Kind::Order, day(0), "a"), day(12));
    assert!((late.score_at(&rules(), day(10)) - 60.0).abs() < 1e-9);
}

#[test]
fn decay_lowers_the_tier_at_the_announced_moment_and_not_before() {
    let mut fan = Standing::unknown();
    fan.apply(&rules(), &fact(Kind::Follow, day(0), "f"), day(0));
    fan.apply(&rules(), &fact(Kind::Order, day(0), "o"), day(0));
    assert_eq!(fan.tier, Some(Tier::Favorable));
    // 40 points fall to 20 in one half-life.
    let due = fan.next_change.unwrap();
    assert!((due.0 - day(10).0).abs() <= 3, "{due:?}");
    assert_eq!(fan.settle(&rules(), Micros(due.0 - 1)), None);
    let change = fan.settle(&rules(), due).unwrap();
    assert_eq!((change.to, change.cause), (Tier::Passerby, Cause::Decay));
    assert_eq!(fan.next_change, None);
}

#[test]
fn hysteresis_keeps_a_fan_between_the_edges() {
    let mut fan = Standing::unknown();
    fan.apply(&rules(), &fact(Kind::Follow, day(0), "f"), day(0));
    fan.apply(&rules(), &fact(Kind::Order, day(0), "o"), day(0));
    // Day 5: 28 points, below the way in and above the way out.
    assert_eq!(fan.settle(&rules(), day(5)), None);
    assert!(fan.apply(&rules(), &fact(Kind::View, day(5), "v"), day(5)).is_empty());
    assert_eq!(fan.tier, Some(Tier::Favorable));
    // A newcomer with the same score does not get in.
    let mut newcomer = Standing::unknown();
    newcomer.apply(&rules(), &fact(Kind::Order, day(0), "o"), day(5));
    newcomer.apply(&rules(), &fact(Kind::Follow, day(5), "f"), day(5));
    assert_eq!(newcomer.tier, Some(Tier::Passerby));
}

#[test]
fn a_long_silence_falls_through_both_edges_in_one_move() {
    let mut fan = Standing::unknown();
    fan.apply(&rules(), &fact(Kind::Follow, day(0), "f"), day(0));
    for order in ["a", "b", "c"] {
        fan.apply(&rules(), &fact(Kind::Order, day(0), order), day(0));
    }
    assert_eq!(fan.tier, Some(Tier::TrueLove));
    let change = fan.settle(&rules(), day(365)).unwrap();
    assert_eq!((change.from, change.to, change.time), (Some(Tier::TrueLove), Tier::Passerby, day(365)));
}

#[test]
fn a_late_unfollow_does_not_undo_a_later_follow() {
    let mut fan = Standing::unknown();
    fan.apply(&rules(), &fact(Kind::Follow, day(5), "f2"), day(5));
    fan.apply(&rules(), &fact(Kind::Unfollow, day(3), "u1"), day(6));
    assert!(fan.following);
    assert_eq!(fan.follow_change, Some((day(5), "f2".to_owned())));
}

#[test]
fn a_replay_dates_moves_when_they_happened_and_leaves_the_future_out() {
    let history = [
        fact(Kind::Follow, day(0), "f"),
        fact(Kind::Order, day(1), "o"),
        fact(Kind::Order, day(50), "later"),
    ];
    assert_eq!(replay(&rules(), &history, day(0)).tier, Some(Tier::Passerby));
    assert_eq!(replay(&rules(), &history, day(2)).tier, Some(Tier::Favorable));
    let fallen = replay(&rules(), &history, day(40));
    assert_eq!((fallen.tier, fallen.tier_since), (Some(Tier::Passerby), day(40)));
    assert_eq!(replay(&rules(), &[], day(2)).tier, None);
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::View, Kind::Order, Kind::Follow, Kind::Unfollow, Kind::Like])
}

/// A history of up to 30 interactions within 100 days, in the order of event time.
fn histories() -> impl Strategy<Value = Vec<Fact>> {
    prop::collection::vec((kinds(), 0..100 * DAY), 1..30).prop_map(|events| {
        let mut facts: Vec<Fact> = events
            .into_iter()
            .enumerate()
            .map(|(place, (kind, time))| fact(kind, Micros(time), &format!("e{place:03}")))
            .collect();
        facts.sort_by(|a, b| (a.time, &a.event_id).cmp(&(b.time, &b.event_id)));
        facts
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever the order of arrival, score and follow state end the same.
    #[test]
    fn score_and_follow_do_not_depend_on_arrival(
        (history, arrival) in histories().prop_flat_map(|h| (Just(h.clone()), Just(h).prop_shuffle()))
    ) {
        let now = day(120);
        let in_time = replay(&rules(), &history, now);
        let mut as_arrived = Standing::unknown();
        for fact in &arrival {
            as_arrived.apply(&rules(), fact, now);
        }
        prop_assert_eq!(as_arrived.following, in_time.following);
        prop_assert_eq!(&as_arrived.follow_change, &in_time.follow_change);
        let (a, b) = (as_arrived.score_at(&rules(), now), in_time.score_at(&rules(), now));
        prop_assert!((a - b).abs() < 1e-6, "{} {}", a, b);
    }

    /// Processing on time, with the sweep running at arbitrary moments, is the replay.
    #[test]
    fn sweeping_now_and_then_changes_nothing(history in histories(), sweeps in prop::collection::vec(0..120 * DAY, 0..10)) {
        let now = day(120);
        let mut swept = Standing::unknown();
        let mut sweeps: Vec<Micros> = sweeps.into_iter().map(Micros).collect();
        sweeps.sort();
        let mut next_sweep = sweeps.into_iter().peekable();
        for fact in &history {
            while let Some(sweep) = next_sweep.next_if(|sweep| *sweep <= fact.time) {
                swept.settle(&rules(), sweep);
            }
            swept.apply(&rules(), fact, fact.time);
        }
        swept.settle(&rules(), now);
        let replayed = replay(&rules(), &history, now);
        prop_assert_eq!(swept.tier, replayed.tier);
        prop_assert_eq!(swept.next_change, replayed.next_change);
    }

    /// The announced moment is always in the future, and the tier always fits follow state and score.
    #[test]
    fn a_standing_is_always_consistent(history in histories()) {
        let rules = rules();
        let mut fan = Standing::unknown();
        for fact in &history {
            let now = fact.time;
            fan.apply(&rules, fact, now);
            let tier = fan.tier.unwrap();
            prop_assert_eq!(tier == Tier::Potential, !fan.following);
            prop_assert!(fan.next_change.is_none_or(|due| due > now));
            if let Some(threshold) = rules.threshold(tier) {
                prop_assert!(fan.score_at(&rules, now) >= threshold.leave - 1e-6);
            }
            if tier == Tier::Passerby {
                prop_assert!(fan.score_at(&rules, now) < rules.favorable.enter);
            }
        }
    }
}
