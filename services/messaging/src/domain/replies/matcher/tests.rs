use proptest::prelude::*;
use siyu_clock::{Micros, Stopwatch};

use super::*;
use crate::domain::replies::{Definition, Keyword, Trigger};

fn rule(id: &str, priority: i32, folding: Folding, keywords: Vec<(KeywordMatch, String)>) -> ReplyRule {
    let keywords = keywords.into_iter().map(|(matching, text)| Keyword { text, matching }).collect();
    let definition = Definition {
        trigger: Trigger::Keyword,
        priority,
        keywords,
        folding,
        periods: Vec::new(),
        contents: Vec::new(),
        is_once: false,
        is_disabled: false,
    };
    let time = Micros(0);
    ReplyRule {
        rule_id: id.to_owned(),
        number: 0,
        definition,
        revision: 1,
        create_time: time,
        update_time: time,
    }
}

/// What the documents say, as a loop over everything. Answers the places of the rules that match, the winner first.
fn oracle(rules: &[ReplyRule], text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    for (place, rule) in rules.iter().enumerate() {
        let folding = rule.definition.folding;
        let message = folding.fold(text);
        for keyword in &rule.definition.keywords {
            let looked_for = folding.fold(&keyword.text).trim().to_owned();
            let is_found = match keyword.matching {
                KeywordMatch::Exact => message.trim() == looked_for,
                KeywordMatch::Contains => message.contains(&looked_for),
                KeywordMatch::Regex => regex::Regex::new(&keyword.text).unwrap().is_match(&message),
            };
            if is_found {
                let length = Reverse(looked_for.chars().count());
                let priority = Reverse(rule.definition.priority);
                found.push(((priority, keyword.matching, length, rule.rule_id.clone()), place));
            }
        }
    }
    found.sort();
    let mut told = BTreeSet::new();
    found.into_iter().map(|(_, place)| place).filter(|place| told.insert(*place)).collect()
}

fn keyword() -> impl Strategy<Value = (KeywordMatch, String)> {
    let literal = "[abＡ價价]{1,4}";
    prop_oneof![
        literal.prop_map(|text| (KeywordMatch::Exact, text)),
        literal.prop_map(|text| (KeywordMatch::Contains, text)),
        "[ab][ab.][ab]?".prop_map(|text| (KeywordMatch::Regex, text)),
    ]
}

fn folding() -> impl Strategy<Value = Folding> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(width, case, script)| Folding {
        width,
        case,
        script,
    })
}

proptest! {
    #[test]
    fn the_winner_is_that_of_a_loop_over_all_rules(
        rules in prop::collection::vec((0..3, folding(), prop::collection::vec(keyword(), 1..4)), 0..12),
        text in "[abＡ價价 ]{0,12}",
        spent in prop::collection::btree_set(0..12_usize, 0..6),
    ) {
        let rules: Vec<ReplyRule> = rules
            .into_iter()
            .enumerate()
            .map(|(place, (priority, folding, keywords))| rule(&format!("r{place:02}"), priority, folding, keywords))
            .collect();
        let matcher = Matcher::compile(&rules).unwrap();
        let expected = oracle(&rules, &text);
        prop_assert_eq!(&matcher.all(&text), &expected);
        let best = matcher.best(&text, |place| !spent.contains(&place));
        prop_assert_eq!(best, expected.into_iter().find(|place| !spent.contains(place)));
    }
}

#[test]
fn of_two_keywords_the_priority_wins_then_the_kind_then_the_length_then_the_id() {
    let plain = Folding::default();
    let contains = |text: &str| vec![(KeywordMatch::Contains, text.to_owned())];
    let regex = |text: &str| vec![(KeywordMatch::Regex, text.to_owned())];
    let exact = |text: &str| vec![(KeywordMatch::Exact, text.to_owned())];
    let rules = [
        rule("f", 1, plain, regex("营.*间")),
        rule("e", 0, plain, exact("营业时间")),
        rule("d", 0, plain, contains("营业时间")),
        rule("c", 0, plain, contains("时间")),
        rule("b", 0, plain, contains("营业")),
        rule("a", 0, plain, regex("营业时间几点.*")),
    ];
    let matcher = Matcher::compile(&rules).unwrap();
    let ids = |text: &str| -> String {
        matcher.all(text).into_iter().map(|place| rules[place].rule_id.as_str()).collect()
    };
    assert_eq!(ids(" 营业时间 "), "fedbc");
    assert_eq!(ids("营业时间几点?"), "fdbca");
    assert_eq!(ids("hello"), "");
}

#[test]
fn a_bomb_is_no_expression() {
    let check = |pattern: &str| patterns::check(pattern, Folding { case: true, ..Folding::default() });
    for pattern in ["(a{1000}){1000}", "\\w{200}", "((((a{10}){10}){10}){10}){10}", &"(".repeat(60), "a**("] {
        assert!(check(pattern).is_err(), "{pattern}");
    }
    assert!(check("(").unwrap_err().starts_with("must be a regular expression"));
    assert_eq!(check("a*").unwrap_err(), "must not match an empty text");
    for pattern in ["(a+)+$", "\\d{11}", "价(格|钱)|多少钱", "^(?i)hello\\b", "\\p{Han}+元", "[a-z]+@\\w+"]
    {
        assert_eq!(check(pattern), Ok(()), "{pattern}");
    }
}

/// Prints how long a message takes among as many rules as an account may have; what it must be is generous, for slow machines.
#[test]
fn thousands_of_rules_cost_microseconds() {
    let folding = Folding { width: true, case: true, script: true };
    let han = |number: u32| char::from_u32(0x4e00 + number).unwrap();
    let word =
        |number: u32| -> String { [han(number % 70), han(number / 70), han(number % 997)].iter().collect() };
    let rules: Vec<ReplyRule> = (0..5_000)
        .map(|number| {
            let matching = if number % 2 == 0 { KeywordMatch::Contains } else { KeywordMatch::Exact };
            let keywords = (0..4).map(|more| (matching, word(number * 4 + more))).collect();
            rule(&format!("r{number}"), 0, folding, keywords)
        })
        .chain((0..50).map(|number| {
            rule(
                &format!("p{number}"),
                0,
                folding,
                vec![(KeywordMatch::Regex, format!("订单{number}[0-9]{{6,12}}号"))],
            )
        }))
        .collect();
    let watch = Stopwatch::start();
    let matcher = Matcher::compile(&rules).unwrap();
    let compiled = watch.elapsed();
    let text = format!("你好，請問{}的價格是多少？ＶＩＰ可以打折嗎，謝謝", word(4_000));
    assert_eq!(matcher.best(&text, |_| true), Some(1_000));
    let watch = Stopwatch::start();
    for _ in 0..1_000 {
        assert!(matcher.best(&text, |_| true).is_some());
    }
    let each = watch.elapsed() / 1_000;
    println!("5,050 rules, 20,050 keywords: made ready in {compiled:?}, a message in {each:?}");
    assert!(each.as_micros() < 1_000, "{each:?}");
}

/// Expressions made to be slow, as many as there may be, and a text for them: still linear.
#[test]
fn the_worst_expressions_are_bounded() {
    let rules: Vec<ReplyRule> = (0..50)
        .map(|number| {
            let pattern = format!("(a|b)*a(a|b){{{}}}c{number}", 60 + number);
            rule(&format!("r{number}"), 0, Folding::default(), vec![(KeywordMatch::Regex, pattern)])
        })
        .collect();
    let matcher = Matcher::compile(&rules).unwrap();
    let text: String =
        (0..2_000_u32).map(|number| if number.count_ones() % 2 == 0 { 'a' } else { 'b' }).collect();
    let watch = Stopwatch::start();
    assert_eq!(matcher.best(&text, |_| true), None);
    println!("50 expressions made to be slow, 2,000 characters: {:?}", watch.elapsed());
    assert!(watch.elapsed().as_secs() < 5, "{:?}", watch.elapsed());
}
