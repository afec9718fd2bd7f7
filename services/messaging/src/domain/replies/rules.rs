//! The rules of an account together: which of them answer a message.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use jiff::tz::TimeZone;
use siyu_clock::Micros;

use super::{
    hours,
    matcher::{Broken, Matcher},
    rule::{ReplyRule, Trigger},
};

/// A message that may be answered.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) text: &'a str,
    /// Whether the user has not written in the conversation before.
    pub(crate) is_first: bool,
    /// The time zone of the account.
    pub(crate) zone: &'a TimeZone,
    pub(crate) now: Micros,
}

/// The rules of an account that are in use, ready to be asked.
#[derive(Debug, Default)]
pub(crate) struct ReplyRules {
    /// The higher priority first, then by id.
    rules: Vec<ReplyRule>,
    /// Places of those without keywords, in the same order.
    by_trigger: HashMap<Trigger, Vec<usize>>,
    matcher: Matcher,
    /// Those that are not in use, too.
    numbers: HashSet<i64>,
}

impl ReplyRules {
    /// # Errors
    /// When their keywords are too large together.
    pub(crate) fn compile(mut rules: Vec<ReplyRule>) -> Result<Self, Broken> {
        let numbers = rules.iter().map(|rule| rule.number).collect();
        rules.retain(|rule| !rule.definition.is_disabled);
        rules.sort_by(|a, b| {
            let order = |rule: &ReplyRule| Reverse(rule.definition.priority);
            order(a).cmp(&order(b)).then_with(|| a.rule_id.cmp(&b.rule_id))
        });
        let mut by_trigger: HashMap<Trigger, Vec<usize>> = HashMap::new();
        for (place, rule) in rules.iter().enumerate() {
            if rule.definition.trigger != Trigger::Keyword {
                by_trigger.entry(rule.definition.trigger).or_default().push(place);
            }
        }
        Ok(Self { matcher: Matcher::compile(&rules)?, by_trigger, numbers, rules })
    }

    /// The rules that answer, in the order of their answers. Those that are `spent` are as if they were not there. The first
    /// message of a user is welcomed. Besides, a message is answered by the keyword that wins, else by what is said while nobody
    /// is there, else, where it was not welcomed, by the fallback.
    pub(crate) fn answers(&self, asked: &Asked<'_>, spent: &[i64]) -> Vec<&ReplyRule> {
        let welcome = if asked.is_first { self.first(Trigger::Welcome, spent, |_| true) } else { None };
        let may = |place: usize| !spent.contains(&self.rules[place].number);
        let keyword = || self.matcher.best(asked.text, may).map(|place| &self.rules[place]);
        let is_closed = |rule: &ReplyRule| !hours::is_open(&rule.definition.periods, asked.zone, asked.now);
        let outside = || self.first(Trigger::OutsideHours, spent, is_closed);
        let fallback =
            || if welcome.is_none() { self.first(Trigger::Fallback, spent, |_| true) } else { None };
        let answer = keyword().or_else(outside).or_else(fallback);
        welcome.into_iter().chain(answer).collect()
    }

    fn first(
        &self,
        trigger: Trigger,
        spent: &[i64],
        holds: impl Fn(&ReplyRule) -> bool,
    ) -> Option<&ReplyRule> {
        let mut rules = self.by_trigger.get(&trigger)?.iter().map(|place| &self.rules[*place]);
        rules.find(|rule| !spent.contains(&rule.number) && holds(rule))
    }

    /// All rules with a keyword in the text, the one that wins first.
    pub(crate) fn matching(&self, text: &str) -> Vec<&ReplyRule> {
        self.matcher.all(text).into_iter().map(|place| &self.rules[place]).collect()
    }

    /// Whether there is such a rule, in use or not.
    pub(crate) fn has(&self, number: i64) -> bool {
        self.numbers.contains(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        message::{Content, ContentKind},
        replies::{Definition, Folding, Keyword, KeywordMatch, Period},
    };

    fn rule(id: &str, trigger: Trigger, keywords: &[&str]) -> ReplyRule {
        let keyword = |text: &&str| Keyword { text: (*text).to_owned(), matching: KeywordMatch::Contains };
        let periods = vec![Period { day: 4, open_minute: 0, close_minute: 60 }];
        let content = Content { text: id.to_owned(), ..Content::empty(ContentKind::Text) };
        ReplyRule {
            rule_id: id.to_owned(),
            number: id.bytes().map(i64::from).sum(),
            definition: Definition {
                trigger,
                priority: 0,
                keywords: keywords.iter().map(keyword).collect(),
                folding: Folding::default(),
                periods: if trigger == Trigger::OutsideHours { periods } else { Vec::new() },
                contents: vec![content],
                is_once: false,
                is_disabled: false,
            },
            revision: 1,
            create_time: Micros(0),
            update_time: Micros(0),
        }
    }

    #[test]
    fn each_kind_of_rule_has_its_turn() {
        let rules = vec![
            rule("closed", Trigger::OutsideHours, &[]),
            rule("fallback", Trigger::Fallback, &[]),
            rule("price", Trigger::Keyword, &["价格"]),
            rule("welcome", Trigger::Welcome, &[]),
        ];
        let rules = ReplyRules::compile(rules).unwrap();
        let zone = TimeZone::UTC;
        let hour = 3_600_000_000;
        let answers = |text, is_first, now, spent: &[&str]| {
            let spent: Vec<i64> = spent.iter().map(|id| id.bytes().map(i64::from).sum()).collect();
            let asked = Asked { text, is_first, zone: &zone, now: Micros(now) };
            rules.answers(&asked, &spent).iter().map(|rule| rule.rule_id.clone()).collect::<Vec<_>>()
        };
        // 1970 began on a Thursday, and somebody was there for an hour.
        assert_eq!(answers("价格?", false, 0, &[]), ["price"]);
        assert_eq!(answers("价格?", true, hour, &[]), ["welcome", "price"]);
        assert_eq!(answers("hello", true, 0, &[]), ["welcome"]);
        assert_eq!(answers("hello", true, hour, &[]), ["welcome", "closed"]);
        assert_eq!(answers("hello", false, hour, &[]), ["closed"]);
        assert_eq!(answers("hello", false, 0, &[]), ["fallback"]);
        assert_eq!(answers("价格?", false, 0, &["price"]), ["fallback"]);
        assert_eq!(answers("hello", false, hour, &["closed"]), ["fallback"]);
        assert_eq!(answers("hello", false, 0, &["fallback"]), Vec::<String>::new());
        assert_eq!(answers("hello", true, 0, &["welcome"]), ["fallback"]);
    }

    #[test]
    fn of_two_the_higher_priority_answers_and_a_disabled_one_never() {
        let with = |id: &str, priority, is_disabled| {
            let mut rule = rule(id, Trigger::Fallback, &[]);
            rule.definition.priority = priority;
            rule.definition.is_disabled = is_disabled;
            rule
        };
        let rules = [with("a", 0, false), with("b", 5, false), with("c", 9, true), with("d", 5, false)];
        let rules = ReplyRules::compile(rules.to_vec()).unwrap();
        let asked = Asked { text: "", is_first: false, zone: &TimeZone::UTC, now: Micros(0) };
        assert_eq!(rules.answers(&asked, &[])[0].rule_id, "b");
        assert_eq!(rules.answers(&asked, &[i64::from(b'b')])[0].rule_id, "d");
        assert!(rules.has(i64::from(b'c')) && !rules.has(i64::from(b'e')));
    }
}
