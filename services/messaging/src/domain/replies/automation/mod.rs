//! What a conversation remembers of automatic replies, and why one is held back (M3).

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::{
    rule::ReplyRule,
    rules::{Asked, ReplyRules},
};
use crate::domain::questionnaire::Run;

/// How far automatic replies go in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReplyLimits {
    /// An answer may be the so manieth of messages that programs have caused in a row.
    pub(crate) most_depth: i32,
    /// How long nothing is answered after an agent wrote, or was asked for.
    pub(crate) pause: Duration,
    /// So many messages are answered within the window, until an agent writes.
    pub(crate) most_answers: i32,
    pub(crate) window: Duration,
}

impl Default for ReplyLimits {
    fn default() -> Self {
        Self {
            most_depth: 3,
            pause: Duration::from_secs(30 * 60),
            most_answers: 20,
            window: Duration::from_secs(10 * 60),
        }
    }
}

/// Why a message has no automatic reply that there would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HeldReason {
    /// Programs have answered each other.
    Depth,
    /// Too many were sent in too short a time.
    TooMany,
    /// An agent is there, or was asked for.
    Agent,
}

impl HeldReason {
    /// What it is counted as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Depth => "depth",
            Self::TooMany => "too_many",
            Self::Agent => "agent",
        }
    }
}

/// A reply that was held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) reason: HeldReason,
    /// The message that has none.
    pub(crate) sequence: i64,
}

/// What a conversation remembers of automatic replies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Automation {
    /// The user has written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) has_asked: bool,
    /// Numbers of the rules that answer once and have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) spent: Vec<i64>,
    /// Nothing is answered before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) paused_until: Option<Micros>,
    /// When the window began in which messages were answered, and how many of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) answered: Option<(Micros, i32)>,
    /// Whether the last message of the user has no reply that there would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<Held>,
    /// When the user asked for an agent, who has not written since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hand_over_time: Option<Micros>,
    /// The questionnaire that the user is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<Box<Run>>,
}

/// A message of the user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard<'a> {
    pub(crate) sequence: i64,
    /// How many messages of programs in a row have caused it.
    pub(crate) depth: i32,
    pub(crate) text: &'a str,
    pub(crate) zone: &'a TimeZone,
    pub(crate) now: Micros,
}

impl Automation {
    /// The user writes; answers by which rules that is answered, in the order of their answers.
    pub(crate) fn hear_user<'a>(
        &mut self,
        rules: &'a ReplyRules,
        limits: &ReplyLimits,
        heard: Heard<'_>,
    ) -> Vec<&'a ReplyRule> {
        let Heard { text, zone, now, .. } = heard;
        let asked = Asked { text, is_first: !self.has_asked, zone, now };
        self.has_asked = true;
        self.held = None;
        let answers = rules.answers(&asked, &self.spent);
        let is_paused = self.paused_until.is_some_and(|until| now < until);
        if answers.is_empty() || !self.may_answer(limits, heard, is_paused) {
            return Vec::new();
        }
        let once = answers.iter().filter(|rule| rule.definition.is_once).map(|rule| rule.number);
        let once: Vec<i64> = once.collect();
        if !once.is_empty() {
            // What is kept does not grow with rules that come and go.
            self.spent.retain(|number| rules.has(*number));
            self.spent.extend(once);
        }
        answers
    }

    /// The user taps an item of the menu.
    pub(crate) fn hear_menu(&mut self) {
        self.has_asked = true;
        self.held = None;
    }

    /// Whether a tap is answered for which there is an answer: also where an agent is there, since it is that which they want.
    pub(crate) fn may_answer_tap(&mut self, limits: &ReplyLimits, heard: Heard<'_>) -> bool {
        self.may_answer(limits, heard, false)
    }

    /// Whether a message begins a questionnaire that it would begin.
    pub(crate) fn may_begin(&mut self, limits: &ReplyLimits, heard: Heard<'_>) -> bool {
        self.has_asked = true;
        let is_paused = self.paused_until.is_some_and(|until| heard.now < until);
        self.may_answer(limits, heard, is_paused)
    }

    /// Whether a message may be an answer to a questionnaire. These come to an end by themselves, and so are not counted.
    pub(crate) fn may_go_on(&mut self, limits: &ReplyLimits, heard: Heard<'_>) -> bool {
        self.has_asked = true;
        let is_deep = heard.depth >= limits.most_depth;
        self.held = is_deep.then_some(Held { reason: HeldReason::Depth, sequence: heard.sequence });
        !is_deep
    }

    /// The user asks for an agent.
    pub(crate) fn hand_over(&mut self, limits: &ReplyLimits, now: Micros) {
        self.hand_over_time = Some(now);
        self.pause(limits, now);
    }

    /// An agent writes.
    pub(crate) fn hear_agent(&mut self, limits: &ReplyLimits, now: Micros) {
        self.hand_over_time = None;
        self.answered = None;
        self.held = None;
        self.pause(limits, now);
    }

    fn pause(&mut self, limits: &ReplyLimits, now: Micros) {
        self.paused_until = Some(now.plus(limits.pause)).filter(|until| *until > now);
    }

    /// Whether a message is answered for which there is an answer: counts it, or says why not.
    fn may_answer(&mut self, limits: &ReplyLimits, heard: Heard<'_>, is_paused: bool) -> bool {
        let now = heard.now;
        let (begin, count) =
            self.answered.filter(|(begin, _)| now < begin.plus(limits.window)).unwrap_or((now, 0));
        let reason = if heard.depth >= limits.most_depth {
            Some(HeldReason::Depth)
        } else if count >= limits.most_answers {
            Some(HeldReason::TooMany)
        } else if is_paused {
            Some(HeldReason::Agent)
        } else {
            None
        };
        self.held = reason.map(|reason| Held { reason, sequence: heard.sequence });
        if reason.is_none() {
            self.answered = Some((begin, count + 1));
        }
        reason.is_none()
    }
}

#[cfg(test)]
mod tests;
