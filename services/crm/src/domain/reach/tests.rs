use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3_600 * Micros::PER_SECOND;

fn plan(planned: RoaringBitmap) -> Plan {
    Plan {
        channel: Channel::Push,
        time: Micros(100 * HOUR),
        zone: TimeZone::UTC,
        is_service: false,
        is_high_priority: false,
        policy: Policy::default(),
        planned,
        excluded: RoaringBitmap::new(),
        followers: RoaringBitmap::new(),
        opted_out: RoaringBitmap::new(),
        topic_opted_out: RoaringBitmap::new(),
        own_quiet_hours: Vec::new(),
        touches: Vec::new(),
        shared: None,
    }
}

fn verdict_of(sets: &[Set], fan: u32) -> Option<Verdict> {
    sets.iter().find(|set| set.fans.contains(fan)).map(|set| set.verdict)
}

/// A plan in which everything may happen to fans 1 to 9.
fn mixed() -> Plan {
    let nightly = QuietHours { start_minute: 22 * 60, end_minute: 6 * 60 };
    let daily =
        |count, reserved_count| Cap { channels: Vec::new(), count, reserved_count, window: 24 * HOUR };
    Plan {
        policy: Policy { caps: vec![daily(5, 0), daily(2, 1)], quiet_hours: Some(nightly) },
        excluded: [1, 9, 20].into(),
        followers: (3..=9).collect(),
        opted_out: [2, 4].into(),
        topic_opted_out: [4, 5].into(),
        own_quiet_hours: vec![
            // Until 04:00, which is now, and until 07:00.
            (QuietHours { start_minute: 0, end_minute: 4 * 60 }, [6].into()),
            (QuietHours { start_minute: 3 * 60, end_minute: 7 * 60 }, [7].into()),
        ],
        touches: vec![Touch { channel: Channel::Group, time: Micros(90 * HOUR), fans: [6, 8].into() }],
        ..plan((1..=10).collect())
    }
}

#[test]
fn each_has_the_first_verdict_that_fits() {
    let sets = mixed().sets();
    let verdicts: Vec<_> = (1..=10).filter_map(|fan| verdict_of(&sets, fan)).collect();
    use Verdict::{Capped, Excluded, Held, NotFollowing, OptedOut, TopicOptedOut};
    let expected = [
        NotFollowing,
        NotFollowing,
        Held,
        OptedOut,
        TopicOptedOut,
        Capped(1),
        Held,
        Capped(1),
        Excluded,
        NotFollowing,
    ];
    assert_eq!(verdicts, expected);
    let held: Vec<_> =
        sets.iter().filter(|set| set.verdict == Held).map(|set| set.deliver_time.0 / HOUR).collect();
    assert_eq!(held, [102, 103]);
}

#[test]
fn a_service_message_waits_for_nobody_and_counts_nothing() {
    let sets = Plan { is_service: true, ..mixed() }.sets();
    assert_eq!(verdict_of(&sets, 8), Some(Verdict::Eligible));
    assert_eq!(verdict_of(&sets, 4), Some(Verdict::OptedOut));
    // One of high priority may have what is kept for it.
    let sets = Plan { is_high_priority: true, ..mixed() }.sets();
    assert_eq!(verdict_of(&sets, 8), Some(Verdict::Held));
}

#[test]
fn who_does_not_follow_may_be_reached_by_a_message() {
    let sets = Plan { channel: Channel::Message, ..mixed() }.sets();
    assert_eq!(verdict_of(&sets, 10), Some(Verdict::Held));
}

#[test]
fn verdicts_are_found_by_name() {
    let sets = mixed().sets();
    for verdict in sets.iter().map(|set| set.verdict).chain([Verdict::SharedCapped, Verdict::Eligible]) {
        assert_eq!(Verdict::named(verdict.name(), verdict.cap().unwrap_or_default()), Some(verdict));
    }
}

fn fans() -> impl Strategy<Value = RoaringBitmap> {
    prop::collection::vec(0_u32..40, 0..30).prop_map(|fans| fans.into_iter().collect())
}

fn caps() -> impl Strategy<Value = Vec<Cap>> {
    let cap = (0_i64..4, 0_i64..3, 1_i64..30, 0_usize..4).prop_map(|(count, reserved, hours, channel)| Cap {
        channels: Channel::ALL.get(channel).copied().into_iter().collect(),
        count,
        reserved_count: reserved.min(count),
        window: hours * HOUR,
    });
    prop::collection::vec(cap, 0..3)
}

fn quiet_hours() -> impl Strategy<Value = QuietHours> {
    (0_i64..24, 1_i64..24).prop_map(|(start, length)| QuietHours {
        start_minute: start * 60,
        end_minute: (start + length) % 24 * 60,
    })
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let sets = (fans(), fans(), fans(), fans(), fans());
    let own = prop::collection::vec((quiet_hours(), fans()), 0..3);
    let kind = (0_usize..3, 0_i64..48, any::<bool>(), prop::bool::weighted(0.1));
    (sets, caps(), prop::option::of(quiet_hours()), own, kind).prop_map(|(sets, caps, quiet, own, kind)| {
        let (planned, excluded, followers, opted_out, topic_opted_out) = sets;
        let mut seen = RoaringBitmap::new();
        let mut own_quiet_hours = Vec::new();
        for (hours, fans) in own {
            own_quiet_hours.push((hours, &fans - &seen));
            seen |= fans;
        }
        Plan {
            channel: Channel::ALL[kind.0],
            time: Micros((100 + kind.1) * HOUR),
            is_high_priority: kind.2,
            is_service: kind.3,
            policy: Policy { caps, quiet_hours: quiet },
            excluded,
            followers,
            opted_out,
            topic_opted_out,
            own_quiet_hours,
            ..plan(planned)
        }
    })
}

/// Most touches of a fan that the cap counts within one of its windows.
fn fullest(cap: &Cap, touches: &[Touch], fan: u32) -> usize {
    let times: Vec<i64> = touches
        .iter()
        .filter(|touch| cap.covers(touch.channel) && touch.fans.contains(fan))
        .map(|touch| touch.time.0)
        .collect();
    let within = |start: i64| times.iter().filter(|time| (start..start + cap.window).contains(time)).count();
    times.iter().map(|start| within(*start)).max().unwrap_or_default()
}

proptest! {
    #[test]
    fn everybody_is_in_one_set(plan in any_plan()) {
        let sets = plan.sets();
        let number: u64 = sets.iter().map(|set| set.fans.len()).sum();
        prop_assert_eq!(number, plan.planned.len());
        let together = sets.into_iter().fold(RoaringBitmap::new(), |all, set| all | set.fans);
        prop_assert_eq!(together, plan.planned);
    }

    /// Whatever is planned in whatever order, nobody is reached more often than the caps allow; and who is capped really had
    /// as much.
    #[test]
    fn caps_hold_whatever_is_planned(policy in any_plan(), plans in prop::collection::vec(any_plan(), 1..8)) {
        let policy = policy.policy;
        let mut touches: Vec<Touch> = Vec::new();
        for plan in plans {
            let plan = Plan { policy: policy.clone(), touches: touches.clone(), is_service: false, ..plan };
            let before = touches.clone();
            for set in plan.sets() {
                let touch = Touch { channel: plan.channel, time: set.deliver_time, fans: set.fans.clone() };
                if set.verdict.is_reached() {
                    touches.push(touch);
                } else if let Some(place) = set.verdict.cap() {
                    let cap = &policy.caps[place];
                    let with: Vec<Touch> = before.iter().cloned().chain([touch]).collect();
                    for fan in &set.fans {
                        prop_assert!(fullest(cap, &with, fan) > cap.allowed(plan.is_high_priority));
                    }
                }
            }
            for cap in &policy.caps {
                for fan in 0..40 {
                    prop_assert!(fullest(cap, &touches, fan) <= cap.allowed(true));
                }
            }
        }
    }
}
