//! Where a fan is in the life of a customer (C4): a pure function of facts, rules and time, so that nothing has to be swept.

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::{activity::Activity, lifecycle_rules::LifecycleRules};

/// What stage and value class look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) following: bool,
    /// The latest follow or unfollow, by event time.
    pub(crate) follow_change: Option<Micros>,
    pub(crate) first_time: Micros,
    pub(crate) last_time: Micros,
    pub(crate) activity: Activity,
    pub(crate) orders: Orders,
}

/// Orders that were placed and not cancelled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Orders {
    pub(crate) count: i64,
    /// Distinct days with an order, in the zone of the account.
    pub(crate) day_count: i64,
    /// GMV less refunds.
    pub(crate) net_minor: i64,
    pub(crate) last: Option<Micros>,
}

/// Stages, in the order of a life that goes well, and the two of one that does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Stage {
    New,
    Settled,
    Activated,
    Converted,
    Repurchasing,
    Referring,
    Dormant,
    Lost,
}

/// Why a fan has a stage or a value class: the rule, and the facts it looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explanation {
    pub(crate) rule: String,
    /// By name.
    pub(crate) facts: Vec<(&'static str, Value)>,
}

/// The value of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    Flag(bool),
    Number(i64),
    /// None: never.
    Time(Option<Micros>),
}

impl Facts {
    /// Whether nothing was seen of the fan for at least `span`.
    pub(super) fn silent_for(&self, span: i64, now: Micros) -> bool {
        now.0.saturating_sub(self.last_time.0) >= span
    }

    /// Whether the fan unfollowed and has ordered nothing since.
    fn left(&self) -> bool {
        let unfollowed = self.follow_change.filter(|_| !self.following);
        unfollowed.is_some_and(|unfollowed| self.orders.last.is_none_or(|order| order < unfollowed))
    }

    fn refers(&self, rules: &LifecycleRules, now: Micros) -> bool {
        self.orders.count > 0
            && self.activity.share_count >= rules.referring_share_count
            && is_within(self.activity.last_share, rules.referring_within, now)
    }

    fn is_activated(&self, rules: &LifecycleRules, now: Micros) -> bool {
        self.following
            && self.activity.active_count >= rules.activated_count
            && is_within(self.activity.last_active, rules.activated_within, now)
    }
}

/// Whether a moment is no older than `span`.
pub(super) fn is_within(time: Option<Micros>, span: i64, now: Micros) -> bool {
    time.is_some_and(|time| now.0.saturating_sub(time.0) <= span)
}

impl Stage {
    pub(crate) const ALL: [Self; 8] = [
        Self::New,
        Self::Settled,
        Self::Activated,
        Self::Converted,
        Self::Repurchasing,
        Self::Referring,
        Self::Dormant,
        Self::Lost,
    ];

    /// The stage of a fan at `now`. The first rule that holds decides: who is gone is gone, whatever they once were, and of
    /// the others the furthest stage counts.
    pub(crate) fn of(facts: &Facts, rules: &LifecycleRules, now: Micros) -> Self {
        if facts.left() || facts.silent_for(rules.lost_after, now) {
            Self::Lost
        } else if facts.silent_for(rules.dormant_after, now) {
            Self::Dormant
        } else if facts.refers(rules, now) {
            Self::Referring
        } else if facts.orders.day_count >= rules.repurchasing_order_days {
            Self::Repurchasing
        } else if facts.orders.count > 0 {
            Self::Converted
        } else if facts.is_activated(rules, now) {
            Self::Activated
        } else if facts.following {
            Self::Settled
        } else {
            Self::New
        }
    }

    /// Why a fan with these facts has this stage.
    pub(crate) fn explain(self, facts: &Facts, rules: &LifecycleRules) -> Explanation {
        let following = ("following", Value::Flag(facts.following));
        let last = ("last_interaction_time", Value::Time(Some(facts.last_time)));
        let order_count = ("order_count", Value::Number(facts.orders.count));
        let (rule, facts) = match self {
            Self::Lost if facts.left() => (
                "unfollowed, and no order since".to_owned(),
                vec![
                    following,
                    ("follow_change_time", Value::Time(facts.follow_change)),
                    ("last_order_time", Value::Time(facts.orders.last)),
                ],
            ),
            Self::Lost => (format!("no interaction for at least {}", span(rules.lost_after)), vec![last]),
            Self::Dormant => {
                (format!("no interaction for at least {}", span(rules.dormant_after)), vec![last])
            }
            Self::Referring => (
                format!(
                    "an order, and at least {} shares, the latest within {}",
                    rules.referring_share_count,
                    span(rules.referring_within)
                ),
                vec![
                    order_count,
                    ("share_count", Value::Number(facts.activity.share_count)),
                    ("last_share_time", Value::Time(facts.activity.last_share)),
                ],
            ),
            Self::Repurchasing => (
                format!("orders on at least {} distinct days", rules.repurchasing_order_days),
                vec![("order_day_count", Value::Number(facts.orders.day_count))],
            ),
            Self::Converted => ("an order".to_owned(), vec![order_count]),
            Self::Activated => (
                format!(
                    "follows, and at least {} active interactions, the latest within {}",
                    rules.activated_count,
                    span(rules.activated_within)
                ),
                vec![
                    following,
                    ("active_count", Value::Number(facts.activity.active_count)),
                    ("last_active_time", Value::Time(facts.activity.last_active)),
                ],
            ),
            Self::Settled => ("follows".to_owned(), vec![following]),
            Self::New => {
                let first = ("first_interaction_time", Value::Time(Some(facts.first_time)));
                ("does not follow, and has not ordered".to_owned(), vec![following, order_count, first])
            }
        };
        Explanation { rule, facts }
    }
}

/// A span of time in words: whole days where it is so many.
pub(super) fn span(micros: i64) -> String {
    match micros % Micros::PER_DAY {
        0 => format!("{} days", micros / Micros::PER_DAY),
        _ => format!("{} s", micros / Micros::PER_SECOND),
    }
}

#[cfg(test)]
mod tests;
