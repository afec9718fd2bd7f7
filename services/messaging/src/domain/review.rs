//! Messages that somebody has to look at (M10).

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

/// Why a message is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    Words,
    Report,
}

impl Cause {
    /// What it is stored as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Report => "report",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Words, Self::Report].into_iter().find(|cause| cause.name() == name)
    }
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Open,
    Upheld,
    Dismissed,
}

impl State {
    /// What it is stored as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Upheld => "upheld",
            Self::Dismissed => "dismissed",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Open, Self::Upheld, Self::Dismissed].into_iter().find(|state| state.name() == name)
    }
}

/// A message that somebody has to look at, or had to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReviewItem {
    pub(crate) account_id: String,
    pub(crate) user_id: String,
    pub(crate) sequence: i64,
    pub(crate) cause: Cause,
    pub(crate) words: Vec<String>,
    /// What the user said of it.
    pub(crate) comment: String,
    pub(crate) state: State,
    pub(crate) create_time: Micros,
    pub(crate) decide_time: Option<Micros>,
    pub(crate) decider: String,
}

impl ReviewItem {
    /// `accounts/{account}/reviewItems/{cause}:{sequence}:{user}`
    pub(crate) fn name(&self) -> String {
        let Self { account_id, user_id, sequence, cause, .. } = self;
        format!("accounts/{account_id}/reviewItems/{}:{sequence}:{user_id}", cause.name())
    }
}

/// Cause, sequence and user of the id of a review item.
pub(crate) fn parse_id(item_id: &str) -> Option<(Cause, i64, &str)> {
    let mut parts = item_id.splitn(3, ':');
    let (cause, sequence, user_id) = (parts.next()?, parts.next()?, parts.next()?);
    Some((Cause::named(cause)?, sequence.parse().ok()?, user_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_what_it_is_about() {
        assert_eq!(parse_id("report:12:a:b"), Some((Cause::Report, 12, "a:b")));
        for wrong in ["", "report", "report:12", "other:1:ann", "words:x:ann"] {
            assert_eq!(parse_id(wrong), None, "{wrong}");
        }
    }
}
