//! An envelope in hand: who asks gets the next share, once.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::Envelope;

/// A share that somebody has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grab {
    pub(crate) user_id: String,
    /// 1 for the first that was grabbed, and so on.
    pub(crate) place: i64,
    pub(crate) amount_minor: i64,
    pub(crate) grab_time: Micros,
}

/// What a fan has got out of envelopes of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fan {
    /// What is owed to the fan.
    pub(crate) payable_minor: i64,
    /// The last day on which the fan got something, such as `2026-03-01`; empty: never.
    pub(crate) day: String,
    /// How much that was on the day.
    pub(crate) day_minor: i64,
}

impl Fan {
    /// What the fan got on a day.
    pub(crate) fn got_on(&self, day: &str) -> i64 {
        if self.day == day { self.day_minor } else { 0 }
    }

    fn get(&mut self, amount: i64, day: &str) {
        self.day_minor = self.got_on(day) + amount;
        self.day = day.to_owned();
        self.payable_minor += amount;
    }
}

/// Why somebody gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// All shares are grabbed.
    Empty { share_count: i64 },
    /// The time is over.
    Over { end: Micros },
    /// The user is not in the group.
    NoMember,
    /// The fan would get more than a fan may get on a day.
    Capped { cap: i64, got: i64 },
}

/// An envelope that nobody else changes, with its next shares, and with those who ask and have one.
#[derive(Debug)]
pub(crate) struct Pot {
    pub(crate) envelope: Envelope,
    /// The day it is, in the time zone of the account.
    day: String,
    /// The most a fan may get on a day.
    fan_cap: Option<i64>,
    /// Places and amounts of the next shares, in order.
    free: VecDeque<(i64, i64)>,
    grabs: HashMap<String, Grab>,
    /// What was given away since it was opened, in order.
    new: Vec<Grab>,
}

impl Pot {
    pub(crate) fn new(
        envelope: Envelope,
        day: String,
        fan_cap: Option<i64>,
        grabs: impl IntoIterator<Item = Grab>,
    ) -> Self {
        let grabs = grabs.into_iter().map(|grab| (grab.user_id.clone(), grab)).collect();
        Self { envelope, day, fan_cap, free: VecDeque::new(), grabs, new: Vec::new() }
    }

    /// Lays out the next shares, by place and amount: as many as may be given.
    pub(crate) fn lay_out(&mut self, free: VecDeque<(i64, i64)>) {
        self.free = free;
    }

    /// The share that a user has.
    pub(crate) fn share_of(&self, user_id: &str) -> Option<&Grab> {
        self.grabs.get(user_id)
    }

    /// What was given away since it was opened.
    pub(crate) fn given(&self) -> &[Grab] {
        &self.new
    }

    /// Gives the next share to a user who has none, and to whom `fan` belongs.
    pub(crate) fn grab(
        &mut self,
        user_id: &str,
        is_member: bool,
        fan: &mut Fan,
        now: Micros,
    ) -> Result<Grab, Refusal> {
        if let Some(refusal) = self.envelope.refusal(now) {
            return Err(refusal);
        }
        if !is_member {
            return Err(Refusal::NoMember);
        }
        let share_count = self.envelope.terms.share_count;
        let &(place, amount_minor) = self.free.front().ok_or(Refusal::Empty { share_count })?;
        let got = fan.got_on(&self.day);
        if let Some(cap) = self.fan_cap.filter(|cap| got.saturating_add(amount_minor) > *cap) {
            return Err(Refusal::Capped { cap, got });
        }
        self.free.pop_front();
        fan.get(amount_minor, &self.day);
        self.envelope.give(amount_minor, now);
        let grab = Grab { user_id: user_id.to_owned(), place, amount_minor, grab_time: now };
        self.grabs.insert(user_id.to_owned(), grab.clone());
        self.new.push(grab.clone());
        Ok(grab)
    }
}
