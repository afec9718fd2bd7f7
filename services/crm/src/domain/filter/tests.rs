use proptest::prelude::*;

use super::*;
use crate::domain::interaction::SOURCES;

fn comparators() -> impl Strategy<Value = Comparator> {
    prop::sample::select(vec![
        Comparator::Less,
        Comparator::LessOrEqual,
        Comparator::Equal,
        Comparator::NotEqual,
        Comparator::GreaterOrEqual,
        Comparator::Greater,
    ])
}

fn numbers() -> impl Strategy<Value = Number> {
    prop::sample::select(vec![
        Number::Interactions,
        Number::Active,
        Number::Shares,
        Number::Orders,
        Number::OrderDays,
        Number::NetGmv,
    ])
}

fn moments() -> impl Strategy<Value = Moment> {
    prop::sample::select(vec![
        Moment::Follow,
        Moment::FirstInteraction,
        Moment::LastInteraction,
        Moment::LastActive,
        Moment::LastShare,
        Moment::LastOrder,
    ])
}

fn any_test() -> impl Strategy<Value = Test> {
    let days = (0..200_i64).prop_map(|days| days * Micros::PER_DAY);
    prop_oneof![
        any::<bool>().prop_map(Test::Following),
        (comparators(), prop::sample::select(Tier::ALL.to_vec())).prop_map(|(c, tier)| Test::Tier(c, tier)),
        (prop::sample::select(Stage::ALL.to_vec()), any::<bool>()).prop_map(|(s, is)| Test::Stage(s, is)),
        (prop::sample::select(ValueClass::ALL.to_vec()), any::<bool>())
            .prop_map(|(c, is)| Test::ValueClass(c, is)),
        (prop::sample::select(SOURCES.to_vec()), any::<bool>()).prop_map(|(s, is)| Test::Source(s, is)),
        Just(Test::HasSource),
        prop::sample::select(vec!["a", "b", "c"]).prop_map(|tag| Test::Tag(tag.to_owned())),
        Just(Test::HasTag),
        (numbers(), comparators(), -3..9_i64).prop_map(|(n, c, value)| Test::Number(n, c, value)),
        (moments(), comparators(), days.clone()).prop_map(|(m, c, time)| Test::Time(m, c, Micros(time))),
        (moments(), comparators(), days).prop_map(|(m, c, age)| Test::Age(m, c, age)),
        moments().prop_map(Test::HasTime),
    ]
}

/// Filters of all shapes, over the tags a, b and c and the days after 1970-01-01.
pub(crate) fn any_filter() -> impl Strategy<Value = Filter> {
    any_test().prop_map(Filter::Test).prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::Any),
            inner.prop_map(|part| Filter::Not(Box::new(part))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_as_the_same_filter(filter in any_filter()) {
        prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
    }

    #[test]
    fn no_text_makes_it_panic(text in "[a-z_(): <>=!\"'*A-Z0-9é-]{0,60}") {
        if let Err(Mistake { position, .. }) = Filter::parse(&text) {
            prop_assert!((1..=text.chars().count() + 1).contains(&position));
        }
    }
}

fn printed(text: &str) -> String {
    Filter::parse(text).unwrap_or_else(|mistake| panic!("{text}: {mistake}")).to_string()
}

#[test]
fn or_binds_closer_than_and_as_the_standard_says() {
    let cases = [
        (
            "tier >= FAVORABLE AND tags:\"vip\" AND NOT stage = DORMANT",
            "tier >= FAVORABLE AND tags:\"vip\" AND NOT stage = DORMANT",
        ),
        (
            "following = true AND order_count > 1 OR share_count > 2",
            "following = true AND (order_count > 1 OR share_count > 2)",
        ),
        ("tags:vip tags:dry-skin", "tags:\"vip\" AND tags:\"dry-skin\""),
        ("-tags:'vip' -following = true", "NOT tags:\"vip\" AND NOT following = true"),
        ("NOT (tags:a OR tags:b)", "NOT (tags:\"a\" OR tags:\"b\")"),
        ("((tier = TIER_TRUE_LOVE))", "tier = TRUE_LOVE"),
        ("following != true", "following = false"),
        ("net_gmv_minor >= -500", "net_gmv_minor >= -500"),
        ("last_order_age<2880m", "last_order_age < 2d"),
        ("follow_time > '2026-10-01T08:00:00+08:00'", "follow_time > \"2026-10-01T00:00:00Z\""),
        ("last_order_time:* source:* tags:*", "last_order_time:* AND source:* AND tags:*"),
    ];
    for (text, expected) in cases {
        assert_eq!(printed(text), expected);
    }
}

#[test]
fn a_mistake_is_named_with_its_place() {
    let deep = format!("{}following = true{}", "(".repeat(33), ")".repeat(33));
    let long = format!("tags:{}", "a".repeat(4_092));
    let many = vec!["following = true"; 101].join(" ");
    let cases = [
        ("", 1, "a field"),
        ("  ", 3, "a field"),
        ("vip", 1, "a field, one of following, tier"),
        ("tier >> FAVORABLE", 7, "one of POTENTIAL, PASSERBY, FAVORABLE, TRUE_LOVE"),
        ("tier = FAVOURABLE", 8, "one of POTENTIAL"),
        ("tier:FAVORABLE", 5, "=, !=, <, <=, > or >= after tier"),
        ("tags = vip", 6, ": after tags"),
        ("stage > NEW", 7, "= or != after stage"),
        ("following", 10, "= or != after following"),
        ("order_count >= many", 16, "a whole number"),
        ("order_count >=", 15, "a whole number"),
        ("last_active_time > 2026-10-01T00:00:00Z", 20, "a time in quotes"),
        ("last_active_time > \"yesterday\"", 20, "a time in quotes"),
        ("last_order_age < 30", 18, "a span of time"),
        ("last_order_age < 99999999999999d", 18, "a span of time"),
        ("last_order_time:x", 17, "*"),
        ("(following = true", 18, "AND, OR or )"),
        ("following = true)", 17, "AND, OR or the end"),
        ("following = true AND", 21, "a field"),
        ("following = true OR OR tags:a", 21, "a field"),
        ("NOT NOT following = true", 5, "a field"),
        ("tags:\"vip", 6, "a \" at the end"),
        ("粉丝 = true", 1, "a field"),
        ("following = true % 2", 18, "a field, a comparison"),
        (deep.as_str(), 33, "at most 32 parentheses"),
        (long.as_str(), 4_097, "the end: a filter has at most 4096 characters"),
        (many.as_str(), 1_701, "the end: a filter has at most 100 comparisons"),
    ];
    for (text, position, expected) in cases {
        let mistake = Filter::parse(text).expect_err(text);
        assert!(mistake.position == position && mistake.expected.starts_with(expected), "{text}: {mistake}");
    }
}

#[test]
fn the_tags_of_a_filter_are_known() {
    let filter = Filter::parse("tags:b (NOT tags:a OR tags:*) tags:b").unwrap();
    assert_eq!(filter.tag_ids().into_iter().collect::<Vec<_>>(), ["a", "b"]);
}
