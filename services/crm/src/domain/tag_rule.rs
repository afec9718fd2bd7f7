//! Rules that give tags to fans (C5).

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::{
    behaviour::Behaviour,
    lifecycle::{Facts, Stage, is_within},
    lifecycle_rules::LifecycleRules,
    tier::Tier,
    value_class::ValueClass,
};

/// Most rules of an account.
pub(crate) const MOST_RULES: i64 = 100;

/// What a rule gives its tag for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Criterion {
    /// The tag stays as long as it holds.
    Condition(Condition),
    /// The tag stays once it was met.
    Behaviour(Behaviour),
}

/// What must hold of a fan: all that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Condition {
    pub(crate) min_tier: Option<Tier>,
    /// Any of them; none: whatever the stage.
    pub(crate) stages: Vec<Stage>,
    /// Any of them; none: whatever the class.
    pub(crate) value_classes: Vec<ValueClass>,
    /// 0 asks for nothing.
    pub(crate) min_order_count: i64,
    /// Net of refunds; 0 asks for nothing.
    pub(crate) min_net_minor: i64,
    /// The latest active interaction is no older than so many microseconds.
    pub(crate) active_within: Option<i64>,
}

impl Condition {
    /// Whether it asks for nothing, and so would hold of everybody.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it holds of a fan at `now`.
    pub(crate) fn holds(&self, tier: Tier, facts: &Facts, rules: &LifecycleRules, now: Micros) -> bool {
        let is_one_of_stages = self.stages.is_empty() || self.stages.contains(&Stage::of(facts, rules, now));
        let is_one_of_classes =
            self.value_classes.is_empty() || self.value_classes.contains(&ValueClass::of(facts, rules, now));
        let was_active =
            self.active_within.is_none_or(|span| is_within(facts.activity.last_active, span, now));
        let spent_enough = self.min_net_minor == 0 || facts.orders.net_minor >= self.min_net_minor;
        is_one_of_stages
            && is_one_of_classes
            && was_active
            && spent_enough
            && self.min_tier.is_none_or(|least| tier >= least)
            && facts.orders.count >= self.min_order_count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{activity::Activity, lifecycle::Orders};

    #[test]
    fn all_that_is_set_must_hold() {
        let now = Micros(100 * Micros::PER_DAY);
        let facts = Facts {
            following: true,
            follow_change: Some(Micros(0)),
            first_time: Micros(0),
            last_time: now,
            activity: Activity {
                active_count: 1,
                last_active: Some(Micros(90 * Micros::PER_DAY)),
                ..Activity::default()
            },
            orders: Orders { count: 2, day_count: 1, net_minor: 500, last: Some(now) },
        };
        let holds =
            |condition: &Condition| condition.holds(Tier::Favorable, &facts, &LifecycleRules::default(), now);
        let all = Condition {
            min_tier: Some(Tier::Favorable),
            stages: vec![Stage::New, Stage::Converted],
            value_classes: vec![ValueClass::Ordinary],
            min_order_count: 2,
            min_net_minor: 500,
            active_within: Some(10 * Micros::PER_DAY),
        };
        assert!(holds(&all) && !all.is_empty() && Condition::default().is_empty());
        for broken in [
            Condition { min_tier: Some(Tier::TrueLove), ..all.clone() },
            Condition { stages: vec![Stage::Settled], ..all.clone() },
            Condition { value_classes: vec![ValueClass::Loyal], ..all.clone() },
            Condition { min_order_count: 3, ..all.clone() },
            Condition { min_net_minor: 501, ..all.clone() },
            Condition { active_within: Some(9 * Micros::PER_DAY), ..all.clone() },
        ] {
            assert!(!holds(&broken), "{broken:?}");
        }
    }
}
