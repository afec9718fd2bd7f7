use super::*;
use crate::domain::{
    message::{Content, ContentKind},
    replies::{Definition, Folding, Trigger},
};

const MINUTE: i64 = 60_000_000;

fn rules(is_once: bool) -> ReplyRules {
    let rule = |id: &str, number, trigger| ReplyRule {
        rule_id: id.to_owned(),
        number,
        definition: Definition {
            trigger,
            priority: 0,
            keywords: Vec::new(),
            folding: Folding::default(),
            periods: Vec::new(),
            contents: vec![Content::empty(ContentKind::Text)],
            is_once,
            is_disabled: false,
        },
        revision: 1,
        create_time: Micros(0),
        update_time: Micros(0),
    };
    let rules = vec![rule("welcome", 1, Trigger::Welcome), rule("fallback", 2, Trigger::Fallback)];
    ReplyRules::compile(rules).unwrap()
}

/// Whose turn it is, at a minute.
fn heard(depth: i32, minute: i64) -> Heard<'static> {
    static UTC: TimeZone = TimeZone::UTC;
    Heard { sequence: minute + 1, depth, text: "hello", zone: &UTC, now: Micros(minute * MINUTE) }
}

fn ids(answers: &[&ReplyRule]) -> Vec<String> {
    answers.iter().map(|rule| rule.rule_id.clone()).collect()
}

#[test]
fn a_user_is_welcomed_once_and_a_rule_that_answers_once_is_spent() {
    let (rules, limits) = (rules(true), ReplyLimits::default());
    let mut automation = Automation::default();
    let mut hear = |minute| ids(&automation.hear_user(&rules, &limits, heard(0, minute)));
    assert_eq!(hear(0), ["welcome"]);
    assert_eq!(hear(1), ["fallback"]);
    assert_eq!(hear(2), Vec::<String>::new());
    assert_eq!(automation.spent, [1, 2]);
    assert_eq!(automation.held, None);
}

#[test]
fn programs_are_answered_up_to_a_depth() {
    let (rules, limits) = (rules(false), ReplyLimits::default());
    let mut automation = Automation::default();
    for depth in 0..3 {
        assert_eq!(automation.hear_user(&rules, &limits, heard(depth, 0)).len(), 1);
    }
    assert!(automation.hear_user(&rules, &limits, heard(3, 7)).is_empty());
    assert_eq!(automation.held, Some(Held { reason: HeldReason::Depth, sequence: 8 }));
    // A person is answered again.
    assert_eq!(automation.hear_user(&rules, &limits, heard(0, 8)).len(), 1);
    assert_eq!(automation.held, None);
}

#[test]
fn programs_that_do_not_say_so_are_answered_so_often() {
    let (rules, limits) = (rules(false), ReplyLimits::default());
    let mut automation = Automation::default();
    let mut hear = |minute| automation.hear_user(&rules, &limits, heard(0, minute)).len();
    assert_eq!((0..30).map(|_| hear(0)).sum::<usize>(), 20);
    assert_eq!((hear(9), hear(10), hear(11)), (0, 1, 1));
    for _ in 0..30 {
        automation.hear_user(&rules, &limits, heard(0, 12));
    }
    assert_eq!(automation.held.map(|held| held.reason), Some(HeldReason::TooMany));
    assert!(!automation.may_answer_tap(&limits, heard(0, 12)));
}

#[test]
fn where_an_agent_is_or_was_asked_for_nothing_else_answers() {
    let (rules, limits) = (rules(false), ReplyLimits::default());
    let mut automation = Automation::default();
    automation.hear_agent(&limits, Micros(0));
    assert!(automation.hear_user(&rules, &limits, heard(0, 29)).is_empty());
    assert_eq!(automation.held, Some(Held { reason: HeldReason::Agent, sequence: 30 }));
    // It was asked for.
    assert!(automation.may_answer_tap(&limits, heard(0, 29)));
    assert_eq!(automation.held, None);
    assert_eq!(ids(&automation.hear_user(&rules, &limits, heard(0, 30))), ["fallback"]);
    automation.hand_over(&limits, Micros(31 * MINUTE));
    assert!(automation.hear_user(&rules, &limits, heard(0, 60)).is_empty());
    assert_eq!(automation.hand_over_time, Some(Micros(31 * MINUTE)));
    automation.hear_agent(&limits, Micros(60 * MINUTE));
    assert_eq!(automation.hand_over_time, None);
    // Nothing is paused where that is so wanted.
    automation.hear_agent(&ReplyLimits { pause: Duration::ZERO, ..limits }, Micros(60 * MINUTE));
    assert_eq!(automation.hear_user(&rules, &limits, heard(0, 60)).len(), 1);
}

#[test]
fn a_questionnaire_is_begun_as_others_are_answered_and_goes_on_for_people() {
    let limits = ReplyLimits::default();
    let mut automation = Automation::default();
    automation.hear_agent(&limits, Micros(0));
    assert!(!automation.may_begin(&limits, heard(0, 1)));
    assert_eq!(automation.held.map(|held| held.reason), Some(HeldReason::Agent));
    assert!(automation.has_asked);
    assert!((0..30).all(|_| automation.may_go_on(&limits, heard(2, 1))));
    assert_eq!(automation.held, None);
    assert!(!automation.may_go_on(&limits, heard(3, 1)));
    assert_eq!(automation.held, Some(Held { reason: HeldReason::Depth, sequence: 2 }));
    assert_eq!((0..30).filter(|_| automation.may_begin(&limits, heard(0, 60))).count(), 20);
}

#[test]
fn it_is_kept_in_few_bytes() {
    assert_eq!(serde_json::to_string(&Automation::default()).unwrap(), "{}");
    let mut automation = Automation { has_asked: true, spent: vec![7], ..Automation::default() };
    automation.hear_agent(&ReplyLimits::default(), Micros(5));
    let json = serde_json::to_string(&automation).unwrap();
    assert_eq!(json, r#"{"has_asked":true,"spent":[7],"paused_until":1800000005}"#);
    assert_eq!(serde_json::from_str::<Automation>(&json).unwrap(), automation);
}
