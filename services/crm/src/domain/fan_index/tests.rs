use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::domain::{
    filter::{Comparator, Filter, Moment, Number, Test, tests::any_filter},
    lifecycle::Stage,
    lifecycle_rules::LifecycleRules,
    tier::Tier,
    value_class::ValueClass,
};

fn context() -> Context {
    let tags = [("a", 1), ("b", 2), ("c", 3)].map(|(id, number)| (id.to_owned(), number));
    Context {
        rules: LifecycleRules::default(),
        now: Micros(150 * Micros::PER_DAY),
        tags: HashMap::from(tags),
    }
}

/// Whether a filter holds of one fan, from what is known of them.
fn holds(filter: &Filter, profile: &Profile, context: &Context) -> bool {
    match filter {
        Filter::All(parts) => parts.iter().all(|part| holds(part, profile, context)),
        Filter::Any(parts) => parts.iter().any(|part| holds(part, profile, context)),
        Filter::Not(part) => !holds(part, profile, context),
        Filter::Test(test) => test_holds(test, profile, context),
    }
}

fn test_holds(test: &Test, profile: &Profile, context: &Context) -> bool {
    let Profile { tier, source, interaction_count, facts, tags, .. } = profile;
    let moment = |moment: Moment| match moment {
        Moment::Follow => facts.follow_change.filter(|_| facts.following),
        Moment::FirstInteraction => Some(facts.first_time),
        Moment::LastInteraction => Some(facts.last_time),
        Moment::LastActive => facts.activity.last_active,
        Moment::LastShare => facts.activity.last_share,
        Moment::LastOrder => facts.orders.last,
    };
    let compared = |left: Option<i64>, comparator: Comparator, right: i64| {
        left.map_or(comparator == Comparator::NotEqual, |left| comparator.holds(left, right))
    };
    match test {
        Test::Following(following) => facts.following == *following,
        Test::Tier(comparator, other) => comparator.holds(*tier, *other),
        Test::Stage(stage, is) => (Stage::of(facts, &context.rules, context.now) == *stage) == *is,
        Test::ValueClass(class, is) => (ValueClass::of(facts, &context.rules, context.now) == *class) == *is,
        Test::Source(other, is) => (*source == Some(*other)) == *is,
        Test::HasSource => source.is_some(),
        Test::Tag(tag_id) => tags.contains(&context.tags[tag_id]),
        Test::HasTag => !tags.is_empty(),
        Test::Number(number, comparator, value) => {
            let left = match number {
                Number::Interactions => *interaction_count,
                Number::Active => facts.activity.active_count,
                Number::Shares => facts.activity.share_count,
                Number::Orders => facts.orders.count,
                Number::OrderDays => facts.orders.day_count,
                Number::NetGmv => facts.orders.net_minor,
            };
            comparator.holds(left, *value)
        }
        Test::Time(which, comparator, time) => compared(moment(*which).map(|at| at.0), *comparator, time.0),
        Test::Age(which, comparator, age) => {
            compared(moment(*which).map(|at| context.now.0 - at.0), *comparator, *age)
        }
        Test::HasTime(which) => moment(*which).is_some(),
    }
}

fn days() -> impl Strategy<Value = Micros> {
    (0..150_i64).prop_map(|days| Micros(days * Micros::PER_DAY))
}

fn profile(ordinal: u32) -> impl Strategy<Value = Profile> {
    let activity = (0..5_i64, prop::option::of(days()), 0..4_i64, prop::option::of(days())).prop_map(
        |(active_count, last_active, share_count, last_share)| Activity {
            active_count,
            last_active,
            share_count,
            last_share,
        },
    );
    let orders = (0..4_i64, 0..4_i64, -4..9_i64, prop::option::of(days()))
        .prop_map(|(count, day_count, net_minor, last)| Orders { count, day_count, net_minor, last });
    let facts = (any::<bool>(), prop::option::of(days()), days(), days(), activity, orders).prop_map(
        |(following, follow_change, first_time, last_time, activity, orders)| Facts {
            following,
            follow_change,
            first_time,
            last_time,
            activity,
            orders,
        },
    );
    let source = prop::option::of(prop::sample::select(SOURCES.to_vec()));
    let tags = prop::sample::subsequence(vec![1, 2, 3], 0..=3);
    (prop::sample::select(Tier::ALL.to_vec()), source, 0..9_i64, facts, tags).prop_map(
        move |(tier, source, interaction_count, facts, tags)| Profile {
            ordinal,
            tier,
            source,
            interaction_count,
            facts,
            tags,
        },
    )
}

/// Fans with the ordinals 1 to 40, and how some of them are later.
fn fans_and_changes() -> impl Strategy<Value = (Vec<Profile>, Vec<Profile>)> {
    let before = (1..=40).map(profile).collect::<Vec<_>>();
    let after = prop::sample::subsequence((1..=50).collect::<Vec<u32>>(), 0..=50)
        .prop_flat_map(|ordinals| ordinals.into_iter().map(profile).collect::<Vec<_>>());
    (before, after)
}

proptest! {
    #[test]
    fn an_index_selects_what_looking_at_each_fan_does(
        filter in any_filter(),
        (before, after) in fans_and_changes(),
    ) {
        let mut index = FanIndex::with_room(20);
        index.apply(&before);
        index.apply(&after);
        let mut fans: BTreeMap<u32, &Profile> = before.iter().map(|fan| (fan.ordinal, fan)).collect();
        fans.extend(after.iter().map(|fan| (fan.ordinal, fan)));
        let expected: RoaringBitmap =
            fans.values().filter(|fan| holds(&filter, fan, &context())).map(|fan| fan.ordinal).collect();
        prop_assert_eq!(index.select(&filter, &context()), expected);
        prop_assert_eq!(index.len(), fans.len() as u64);
        for fan in fans.values() {
            prop_assert_eq!(index.facts(fan.ordinal), fan.facts.clone());
        }
    }
}

#[test]
fn its_size_is_known() {
    let mut index = FanIndex::with_room(999);
    assert_eq!(index.bytes(), index.columns.net_minor.capacity() * 76 + 2 * 8 + 8 * 8);
    let empty = index.bytes();
    index.apply(&[]);
    assert_eq!((index.len(), index.bytes()), (0, empty));
}
