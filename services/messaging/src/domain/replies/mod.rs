//! Automatic replies: rules, which of them answers a message, and when none does (M3).

mod automation;
mod fold;
mod hours;
mod matcher;
mod patterns;
mod rule;
mod rules;

pub(crate) use automation::{Automation, Heard, Held, HeldReason, ReplyLimits};
pub(crate) use fold::Folding;
pub(crate) use hours::Period;
pub(crate) use rule::{
    Definition, Keyword, KeywordMatch, MOST_KEYWORD_CHARS, MOST_ONCE, MOST_PATTERNS, MOST_RULES, ReplyRule,
    Size, Trigger,
};
pub(crate) use rules::{Asked, ReplyRules};
