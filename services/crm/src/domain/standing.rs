//! Where a fan stands: the state machine of follow, intimacy and tier (feature C3).
//!
//! The score is a sum of points, each halved every half-life since its interaction. It is kept as its value at one
//! moment, because all parts decay alike. A late interaction adds its points decayed by its own age, so the score does
//! not depend on the order of arrival. The tier does, a little: hysteresis remembers. [`replay`] goes through a history
//! by event time, and is the truth that arrival order cannot change.

use siyu_clock::Micros;

use super::{
    interaction::Kind,
    tier::{Cause, Tier, TierChange},
    tier_rules::TierRules,
};

/// Where a fan stands under one version of the rules.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    pub(crate) following: bool,
    /// The latest follow or unfollow: by event time, and by event id among equal times.
    pub(crate) follow_change: Option<(Micros, String)>,
    /// None until the first interaction.
    pub(crate) tier: Option<Tier>,
    pub(crate) tier_since: Micros,
    /// Points at `score_time`.
    pub(crate) score: f64,
    pub(crate) score_time: Micros,
    /// When decay alone lowers the tier; none when it never does.
    pub(crate) next_change: Option<Micros>,
}

/// What of an interaction matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) kind: Kind,
    pub(crate) time: Micros,
    pub(crate) event_id: String,
}

/// Scores this close to an edge have reached it: sums in another order differ by less.
const TOLERANCE: f64 = 1e-9;
/// No decay is looked at further ahead than this: about 190 years.
const HORIZON: f64 = 6e15;

impl Standing {
    /// A user of whom nothing is known.
    pub(crate) fn unknown() -> Self {
        Self {
            following: false,
            follow_change: None,
            tier: None,
            tier_since: Micros(0),
            score: 0.0,
            score_time: Micros(0),
            next_change: None,
        }
    }

    /// The score at `time`, in points. Before `score_time` it is taken as it is there.
    pub(crate) fn score_at(&self, rules: &TierRules, time: Micros) -> f64 {
        self.score * decay(rules, self.score_time, time)
    }

    /// Lets time pass until `now`: where decay has lowered the tier, says so.
    pub(crate) fn settle(&mut self, rules: &TierRules, now: Micros) -> Option<TierChange> {
        if self.next_change.is_none_or(|due| due > now) {
            return None;
        }
        let from = self.tier?;
        let mut to = from;
        if to == Tier::TrueLove && self.falls_below(rules, rules.true_love.leave) <= now {
            to = Tier::Favorable;
        }
        if to == Tier::Favorable && self.falls_below(rules, rules.favorable.leave) <= now {
            to = Tier::Passerby;
        }
        self.enter(rules, to, now);
        (to != from).then(|| self.change(rules, Some(from), to, Cause::Decay, None, now))
    }

    /// Takes in an interaction, at the moment `now` it is processed. Answers the moves that came of it: at most one by
    /// decay up to now, and one by the interaction.
    pub(crate) fn apply(&mut self, rules: &TierRules, fact: &Fact, now: Micros) -> Vec<TierChange> {
        let mut changes = Vec::from_iter(self.settle(rules, now));
        self.add_points(rules, rules.points_of(fact.kind), fact.time);
        let cause = match self.take_follow(fact) {
            true if self.following => Cause::Follow,
            true => Cause::Unfollow,
            false => Cause::Interaction,
        };
        let from = self.tier;
        let to = self.reached(rules, now);
        if from == Some(to) {
            self.next_change = self.next_fall(rules, to);
        } else {
            self.enter(rules, to, now);
            changes.push(self.change(rules, from, to, cause, Some(fact.event_id.clone()), now));
        }
        changes
    }

    /// Adds points that were earned at `time`.
    fn add_points(&mut self, rules: &TierRules, points: f64, time: Micros) {
        if self.tier.is_none() {
            self.score_time = time;
        }
        if time >= self.score_time {
            self.score = self.score * decay(rules, self.score_time, time) + points;
            self.score_time = time;
        } else {
            self.score += points * decay(rules, time, self.score_time);
        }
    }

    /// Takes in a follow or unfollow; says whether it changed anything. The latest by event time counts, so late ones
    /// do not undo what came after them.
    fn take_follow(&mut self, fact: &Fact) -> bool {
        let follows = match fact.kind {
            Kind::Follow => true,
            Kind::Unfollow => false,
            _ => return false,
        };
        let key = (fact.time, fact.event_id.clone());
        if self.follow_change.as_ref().is_some_and(|latest| *latest > key) {
            return false;
        }
        self.follow_change = Some(key);
        let changed = self.following != follows;
        self.following = follows;
        changed
    }

    /// The tier that following and score give at `now`, coming from the tier held.
    fn reached(&self, rules: &TierRules, now: Micros) -> Tier {
        if !self.following {
            return Tier::Potential;
        }
        let score = self.score_at(rules, now) + TOLERANCE;
        let held = self.tier.unwrap_or(Tier::Passerby).max(Tier::Passerby);
        if score >= rules.true_love.enter {
            Tier::TrueLove
        } else if score >= rules.favorable.enter {
            held.max(Tier::Favorable)
        } else {
            held
        }
    }

    fn enter(&mut self, rules: &TierRules, tier: Tier, now: Micros) {
        if self.tier != Some(tier) {
            self.tier_since = now;
        }
        self.tier = Some(tier);
        self.next_change = self.next_fall(rules, tier);
    }

    fn next_fall(&self, rules: &TierRules, tier: Tier) -> Option<Micros> {
        rules.threshold(tier).map(|threshold| self.falls_below(rules, threshold.leave))
    }

    /// When decay alone brings the score below `edge`.
    fn falls_below(&self, rules: &TierRules, edge: f64) -> Micros {
        if self.score <= edge {
            return self.score_time;
        }
        let micros = (to_f64(rules.half_life) * (self.score / edge).log2()).ceil().min(HORIZON);
        // Two microseconds more: then the score is below beyond any rounding.
        Micros(self.score_time.0.saturating_add(to_i64(micros)).saturating_add(2))
    }

    fn change(
        &self,
        rules: &TierRules,
        from: Option<Tier>,
        to: Tier,
        cause: Cause,
        event_id: Option<String>,
        time: Micros,
    ) -> TierChange {
        TierChange { from, to, cause, event_id, score: self.score_at(rules, time), time }
    }
}

/// Goes through a history as if every interaction had been processed the moment it happened, and on to `until`.
/// Interactions after `until` are left out. `facts` must be in the order of (time, event id).
pub(crate) fn replay<'a>(
    rules: &TierRules,
    facts: impl IntoIterator<Item = &'a Fact>,
    until: Micros,
) -> Standing {
    replay_known(rules, facts.into_iter().take_while(|fact| fact.time <= until), until)
}

/// Like [`replay`], with every interaction that is known at `now`: those of a clock that runs ahead count as if they
/// happened now.
pub(crate) fn replay_known<'a>(
    rules: &TierRules,
    facts: impl IntoIterator<Item = &'a Fact>,
    now: Micros,
) -> Standing {
    let mut standing = Standing::unknown();
    for fact in facts {
        standing.apply(rules, fact, fact.time.min(now));
    }
    // One settling goes down one path only; between interactions there is nothing else that could happen.
    standing.settle(rules, now);
    standing
}

/// What is left at `to` of a point earned at `from`: 0 to 1.
fn decay(rules: &TierRules, from: Micros, to: Micros) -> f64 {
    let age = to.0.saturating_sub(from.0).max(0);
    (-to_f64(age) / to_f64(rules.half_life)).exp2()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "beyond 2^53 microseconds (285 years) a microsecond does not matter"
)]
fn to_f64(micros: i64) -> f64 {
    micros as f64
}

#[expect(clippy::cast_possible_truncation, reason = "called with at most HORIZON")]
fn to_i64(micros: f64) -> i64 {
    micros as i64
}

#[cfg(test)]
mod tests;
