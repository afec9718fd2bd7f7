//! Whom a message may reach (C9): pure set algebra over the ordinals of fans.

pub(crate) mod caps;
pub(crate) mod quiet_hours;
pub(crate) mod shared;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use caps::{Cap, Touch, capped};
use quiet_hours::{QuietHours, waking_time};
use shared::Shared;

/// Ways to reach fans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Channel {
    Push,
    Message,
    Group,
}

impl Channel {
    pub(crate) const ALL: [Self; 3] = [Self::Push, Self::Message, Self::Group];

    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Message => "message",
            Self::Group => "group",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }

    /// Whether it reaches followers alone.
    pub(crate) fn is_for_followers(self) -> bool {
        self == Self::Push
    }
}

/// What an account asks of its messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) caps: Vec<Cap>,
    pub(crate) quiet_hours: Option<QuietHours>,
}

/// What becomes of a fan whom a message is meant for, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// The channel is for followers, and they are none.
    NotFollowing,
    /// The sender excludes them.
    Excluded,
    /// They want nothing of the account.
    OptedOut,
    /// They want nothing about the topic.
    TopicOptedOut,
    /// They had as much as the cap with this place in the policy allows.
    Capped(usize),
    /// They had as much as all enterprises together may send them.
    SharedCapped,
    /// They are reached, once quiet hours are over.
    Held,
    /// They are reached at once.
    Eligible,
}

impl Verdict {
    /// What it is called in storage, without the place of the cap.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NotFollowing => "not_following",
            Self::Excluded => "excluded",
            Self::OptedOut => "opted_out",
            Self::TopicOptedOut => "topic_opted_out",
            Self::Capped(_) => "capped",
            Self::SharedCapped => "shared_capped",
            Self::Held => "held",
            Self::Eligible => "eligible",
        }
    }

    /// The verdict of that name, capped by the cap with that place.
    pub(crate) fn named(name: &str, cap: usize) -> Option<Self> {
        let all = [
            Self::NotFollowing,
            Self::Excluded,
            Self::OptedOut,
            Self::TopicOptedOut,
            Self::Capped(cap),
            Self::SharedCapped,
            Self::Held,
            Self::Eligible,
        ];
        all.into_iter().find(|verdict| verdict.name() == name)
    }

    /// The place of the cap that decided.
    pub(crate) fn cap(self) -> Option<usize> {
        match self {
            Self::Capped(place) => Some(place),
            _ => None,
        }
    }

    /// Whether they are reached, sooner or later.
    pub(crate) fn is_reached(self) -> bool {
        matches!(self, Self::Held | Self::Eligible)
    }
}

/// Fans with one verdict.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Set {
    pub(crate) verdict: Verdict,
    /// When they are reached, or would have been.
    pub(crate) deliver_time: Micros,
    /// Ordinals.
    pub(crate) fans: RoaringBitmap,
}

/// A message, and all that decides whom it may reach.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) channel: Channel,
    pub(crate) time: Micros,
    pub(crate) zone: TimeZone,
    /// Caps and quiet hours do not hold for it.
    pub(crate) is_service: bool,
    /// Some of what caps allow is kept for it.
    pub(crate) is_high_priority: bool,
    pub(crate) policy: Policy,
    /// Whom it is meant for.
    pub(crate) planned: RoaringBitmap,
    pub(crate) excluded: RoaringBitmap,
    pub(crate) followers: RoaringBitmap,
    pub(crate) opted_out: RoaringBitmap,
    /// Of its topic.
    pub(crate) topic_opted_out: RoaringBitmap,
    /// Quiet hours of fans' own, each fan once.
    pub(crate) own_quiet_hours: Vec<(QuietHours, RoaringBitmap)>,
    /// What reached fans before, or will: all that may lie in one window with this.
    pub(crate) touches: Vec<Touch>,
    /// None: it does not count for what all enterprises together send.
    pub(crate) shared: Option<Shared>,
}

impl Plan {
    /// What becomes of everybody it is meant for. Each is in one set, with the first verdict that fits in this order:
    /// not following, excluded, opted out, opted out of the topic, capped by the first cap that does, capped for all enterprises together, held,
    /// eligible.
    pub(crate) fn sets(&self) -> Vec<Set> {
        let mut left = self.planned.clone();
        let mut sets = Vec::new();
        let not_following = if self.channel.is_for_followers() {
            &self.planned - &self.followers
        } else {
            RoaringBitmap::new()
        };
        for (verdict, fans) in [
            (Verdict::NotFollowing, &not_following),
            (Verdict::Excluded, &self.excluded),
            (Verdict::OptedOut, &self.opted_out),
            (Verdict::TopicOptedOut, &self.topic_opted_out),
        ] {
            let found = &left & fans;
            left -= &found;
            sets.push(Set { verdict, deliver_time: self.time, fans: found });
        }
        if self.is_service {
            sets.push(Set { verdict: Verdict::Eligible, deliver_time: self.time, fans: left });
        } else {
            for (deliver_time, fans) in self.by_deliver_time(left) {
                sets.extend(self.cap(deliver_time, fans));
            }
        }
        sets.retain(|set| !set.fans.is_empty());
        sets
    }

    /// Fans by when they may be reached: at once, or when their quiet hours and those of the account are over.
    fn by_deliver_time(&self, mut left: RoaringBitmap) -> BTreeMap<Micros, RoaringBitmap> {
        let mut groups: BTreeMap<Micros, RoaringBitmap> = BTreeMap::new();
        for (own, fans) in &self.own_quiet_hours {
            let found = &left & fans;
            left -= &found;
            let time = waking_time(self.time, self.policy.quiet_hours, Some(*own), &self.zone);
            *groups.entry(time).or_default() |= found;
        }
        *groups.entry(waking_time(self.time, self.policy.quiet_hours, None, &self.zone)).or_default() |= left;
        groups
    }

    /// Those who may not be reached at the time, by the first cap that says so, and the others.
    fn cap(&self, deliver_time: Micros, mut left: RoaringBitmap) -> Vec<Set> {
        let mut sets = Vec::new();
        for (place, cap) in self.policy.caps.iter().enumerate().filter(|(_, cap)| cap.covers(self.channel)) {
            let allowed = cap.allowed(self.is_high_priority);
            let fans = capped(cap, allowed, deliver_time, &left, &self.touches);
            left -= &fans;
            sets.push(Set { verdict: Verdict::Capped(place), deliver_time, fans });
        }
        if let Some(shared) = &self.shared {
            let fans = shared.capped(deliver_time, &left);
            left -= &fans;
            sets.push(Set { verdict: Verdict::SharedCapped, deliver_time, fans });
        }
        let verdict = if deliver_time > self.time { Verdict::Held } else { Verdict::Eligible };
        sets.push(Set { verdict, deliver_time, fans: left });
        sets
    }

    /// Whom the sets reach, as persons: what counts for all enterprises together.
    pub(crate) fn shared_touches(&self, sets: &[Set]) -> Vec<Touch> {
        let Some(shared) = &self.shared else { return Vec::new() };
        let reached = sets.iter().filter(|set| set.verdict.is_reached());
        let touch = |set: &Set| Touch {
            channel: self.channel,
            time: set.deliver_time,
            fans: shared.persons.of(&set.fans),
        };
        reached.map(touch).collect()
    }
}
