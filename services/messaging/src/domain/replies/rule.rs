//! One rule of automatic replies.

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::{
    fold::Folding,
    hours::{self, Period},
    patterns,
};
use crate::domain::message::{Content, Sender};

/// Rules of an account.
pub(crate) const MOST_RULES: i64 = 5_000;
/// Rules of an account that answer once in a conversation, which keeps which of them have.
pub(crate) const MOST_ONCE: i64 = 100;
/// Characters of all keywords of an account.
pub(crate) const MOST_KEYWORD_CHARS: i64 = 200_000;
/// Regular expressions of an account.
pub(crate) const MOST_PATTERNS: i64 = 50;
/// Characters of a keyword that is no regular expression.
const LONGEST_KEYWORD: usize = 50;

/// What a rule answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Trigger {
    /// The first message of a user.
    Welcome,
    /// A message with one of its keywords.
    Keyword,
    /// A message while nobody is there.
    OutsideHours,
    /// A message that nothing else answers.
    Fallback,
}

impl Trigger {
    /// What it is counted as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::Keyword => "keyword",
            Self::OutsideHours => "outside_hours",
            Self::Fallback => "fallback",
        }
    }
}

/// How a keyword is looked for; of two with the same priority the earlier wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeywordMatch {
    /// It is the message.
    Exact,
    /// It is in the message.
    Contains,
    /// It is a regular expression that is found in the message.
    Regex,
}

/// What a message must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Keyword {
    pub(crate) text: String,
    pub(crate) matching: KeywordMatch,
}

impl Keyword {
    /// As it is looked for.
    pub(crate) fn folded(&self, folding: Folding) -> String {
        match self.matching {
            KeywordMatch::Regex => folding.fold_pattern(&self.text),
            _ => folding.fold(&self.text).trim().to_owned(),
        }
    }

    fn check(&self, folding: Folding) -> Result<(), String> {
        if self.matching == KeywordMatch::Regex {
            return patterns::check(&self.text, folding);
        }
        if self.folded(folding).is_empty() {
            return Err("must not be blank".to_owned());
        }
        if self.text.chars().count() > LONGEST_KEYWORD {
            return Err(format!("must have at most {LONGEST_KEYWORD} characters, unless it is a REGEX"));
        }
        Ok(())
    }
}

/// What a rule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Definition {
    pub(crate) trigger: Trigger,
    /// The higher is asked first.
    pub(crate) priority: i32,
    /// With `Keyword` alone.
    pub(crate) keywords: Vec<Keyword>,
    pub(crate) folding: Folding,
    /// When somebody is there; with `OutsideHours` alone.
    pub(crate) periods: Vec<Period>,
    /// What is sent, in this order.
    pub(crate) contents: Vec<Content>,
    /// It answers once in a conversation.
    pub(crate) is_once: bool,
    pub(crate) is_disabled: bool,
}

/// What a rule takes of what an account may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) rules: i64,
    pub(crate) keyword_chars: i64,
    pub(crate) patterns: i64,
    pub(crate) once: i64,
}

impl Definition {
    /// Whether it has what its trigger needs, and nothing else.
    ///
    /// # Errors
    /// The first field that is wrong, below the rule, and what is wrong with it.
    pub(crate) fn check(&self, account_id: &str) -> Result<(), (String, String)> {
        let wrong = |field: &str, rule: &str| Err((field.to_owned(), rule.to_owned()));
        match (self.trigger == Trigger::Keyword, self.keywords.is_empty()) {
            (true, true) => return wrong("keywords", "must be set with KEYWORD"),
            (false, false) => return wrong("keywords", "go with KEYWORD alone"),
            _ => {}
        }
        match (self.trigger == Trigger::OutsideHours, self.periods.is_empty()) {
            (true, true) => return wrong("opening_hours", "must be set with OUTSIDE_HOURS"),
            (false, false) => return wrong("opening_hours", "go with OUTSIDE_HOURS alone"),
            _ => {}
        }
        for (place, keyword) in self.keywords.iter().enumerate() {
            keyword.check(self.folding).map_err(|rule| (format!("keywords[{place}].text"), rule))?;
        }
        if let Some((place, rule)) = hours::mistake(&self.periods) {
            return Err((format!("opening_hours[{place}]"), rule.to_owned()));
        }
        for (place, content) in self.contents.iter().enumerate() {
            let checked = content.check(account_id, Sender::Account);
            checked.map_err(|(field, rule)| (format!("contents[{place}].{field}"), rule.to_owned()))?;
        }
        Ok(())
    }

    pub(crate) fn size(&self) -> Size {
        let of = |matching: fn(KeywordMatch) -> bool| {
            self.keywords.iter().filter(move |keyword| matching(keyword.matching))
        };
        let chars: usize =
            of(|matching| matching != KeywordMatch::Regex).map(|keyword| keyword.text.chars().count()).sum();
        let patterns = of(|matching| matching == KeywordMatch::Regex).count();
        Size {
            rules: 1,
            keyword_chars: i64::try_from(chars).unwrap_or(i64::MAX),
            patterns: i64::try_from(patterns).unwrap_or(i64::MAX),
            once: i64::from(self.is_once),
        }
    }
}

/// A rule as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReplyRule {
    pub(crate) rule_id: String,
    /// Is given to no other rule of the account, also not to one with the same id when this one is gone.
    pub(crate) number: i64,
    pub(crate) definition: Definition,
    pub(crate) revision: i64,
    pub(crate) create_time: Micros,
    pub(crate) update_time: Micros,
}
