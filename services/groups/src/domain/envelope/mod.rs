//! Red envelopes (G8): what one is, how it is cut, and who gets which share.

mod budget;
mod pot;
mod shares;
#[cfg(test)]
mod tests;

pub(crate) use budget::{Budget, Caps, OverBudget};
pub(crate) use pot::{Fan, Grab, Pot, Refusal};
pub(crate) use shares::{Seed, cut};

use std::time::Duration;

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::threshold::Tier;

/// How long there is something to grab.
pub(crate) const LASTS: Duration = Duration::from_secs(24 * 3_600);

/// A field of an envelope, and the rule that it breaks.
pub(crate) type Wrong = (&'static str, &'static str);

/// How an envelope is cut into shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Fixed,
    Lucky,
}

impl Kind {
    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Lucky => "lucky",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Fixed, Self::Lucky].into_iter().find(|kind| kind.name() == name)
    }
}

/// Where an envelope stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Open,
    Empty,
    Expired,
}

impl State {
    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Empty => "empty",
            Self::Expired => "expired",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Open, Self::Empty, Self::Expired].into_iter().find(|state| state.name() == name)
    }
}

/// What is chosen of an envelope when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Terms {
    pub(crate) kind: Kind,
    pub(crate) total_minor: i64,
    pub(crate) share_count: i64,
    /// None: all members may grab.
    pub(crate) min_tier: Option<Tier>,
    pub(crate) greeting: String,
}

impl Terms {
    /// What no field says by itself.
    pub(crate) fn check(&self) -> Result<(), Wrong> {
        if self.total_minor < self.share_count {
            return Err(("total_minor", "must be at least share_count: every share is 1 at least"));
        }
        if self.kind == Kind::Fixed && self.total_minor % self.share_count != 0 {
            return Err(("total_minor", "must be a multiple of share_count, or the kind LUCKY"));
        }
        Ok(())
    }
}

/// Money for the members of a group. At every moment the total is what was grabbed, what is in escrow and what was refunded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Envelope {
    pub(crate) account_id: String,
    pub(crate) envelope_id: String,
    pub(crate) group_id: String,
    pub(crate) terms: Terms,
    pub(crate) author: String,
    /// What the shares are cut from. Nobody may know it before it is over: it does not go where answers are kept.
    #[serde(skip)]
    pub(crate) seed: Seed,
    pub(crate) seed_digest: String,
    /// The calendar by which days are told: that of its account.
    pub(crate) time_zone: String,
    /// Sequence of the message in the chat that announces it.
    pub(crate) message_sequence: i64,
    pub(crate) state: State,
    pub(crate) grabbed_count: i64,
    pub(crate) grabbed_minor: i64,
    pub(crate) escrow_minor: i64,
    pub(crate) refunded_minor: i64,
    pub(crate) create_time: Micros,
    pub(crate) expire_time: Micros,
    pub(crate) end_time: Option<Micros>,
}

impl Envelope {
    pub(crate) fn name(&self) -> String {
        name(&self.account_id, &self.group_id, &self.envelope_id)
    }

    /// Why nobody can grab anything at `now`, if so.
    pub(crate) fn refusal(&self, now: Micros) -> Option<Refusal> {
        match self.state {
            State::Empty => Some(Refusal::Empty { share_count: self.terms.share_count }),
            State::Expired => Some(Refusal::Over { end: self.expire_time }),
            State::Open if self.expire_time <= now => Some(Refusal::Over { end: self.expire_time }),
            State::Open => None,
        }
    }

    /// Where it stands at `now`, which storage learns a little later where its time is over.
    pub(crate) fn state_at(&self, now: Micros) -> State {
        if self.state == State::Open && self.expire_time <= now { State::Expired } else { self.state }
    }

    /// Gives away a share.
    fn give(&mut self, amount_minor: i64, now: Micros) {
        self.grabbed_count += 1;
        self.grabbed_minor += amount_minor;
        self.escrow_minor -= amount_minor;
        if self.grabbed_count == self.terms.share_count {
            self.state = State::Empty;
            self.end_time = Some(now);
        }
    }

    /// Ends it, when its time is over; answers what goes back to the budget. None where it has ended, or may not yet.
    pub(crate) fn expire(&mut self, now: Micros) -> Option<i64> {
        if self.state != State::Open || now < self.expire_time {
            return None;
        }
        let rest = self.escrow_minor;
        self.state = State::Expired;
        self.end_time = Some(now);
        self.refunded_minor = rest;
        self.escrow_minor = 0;
        Some(rest)
    }
}

/// `accounts/{account}/groups/{group}/envelopes/{envelope}`
pub(crate) fn name(account_id: &str, group_id: &str, envelope_id: &str) -> String {
    format!("accounts/{account_id}/groups/{group_id}/envelopes/{envelope_id}")
}
