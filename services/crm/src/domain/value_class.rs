//! What a fan is worth as a customer (C4): like the stage, a pure function of facts, rules and time.

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::{
    lifecycle::{Explanation, Facts, Value, is_within, span},
    lifecycle_rules::LifecycleRules,
};

/// Value classes, from the most to the least valuable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum ValueClass {
    Loyal,
    HighQuality,
    Ordinary,
    LowFrequency,
    Lost,
}

impl ValueClass {
    pub(crate) const ALL: [Self; 5] =
        [Self::Loyal, Self::HighQuality, Self::Ordinary, Self::LowFrequency, Self::Lost];

    /// The value class of a fan at `now`: lost, or the first that holds from the top.
    pub(crate) fn of(facts: &Facts, rules: &LifecycleRules, now: Micros) -> Self {
        let orders = &facts.orders;
        if facts.silent_for(rules.value_lost_after, now) {
            Self::Lost
        } else if !is_within(orders.last, rules.recent_order_within, now) {
            Self::LowFrequency
        } else if orders.day_count >= rules.loyal_order_days {
            Self::Loyal
        } else if orders.net_minor >= rules.high_quality_gmv_minor {
            Self::HighQuality
        } else {
            Self::Ordinary
        }
    }

    /// Why a fan with these facts has this value class.
    pub(crate) fn explain(self, facts: &Facts, rules: &LifecycleRules) -> Explanation {
        let last_order = ("last_order_time", Value::Time(facts.orders.last));
        let recent = span(rules.recent_order_within);
        let (rule, facts) = match self {
            Self::Loyal => (
                format!(
                    "orders on at least {} distinct days, the latest within {recent}",
                    rules.loyal_order_days
                ),
                vec![("order_day_count", Value::Number(facts.orders.day_count)), last_order],
            ),
            Self::HighQuality => (
                format!(
                    "spent at least {} in the minor unit, net of refunds, the latest order within {recent}",
                    rules.high_quality_gmv_minor
                ),
                vec![("net_gmv_minor", Value::Number(facts.orders.net_minor)), last_order],
            ),
            Self::Ordinary => (format!("the latest order within {recent}"), vec![last_order]),
            Self::LowFrequency => (format!("no order within {recent}"), vec![last_order]),
            Self::Lost => (
                format!("no interaction for at least {}", span(rules.value_lost_after)),
                vec![("last_interaction_time", Value::Time(Some(facts.last_time)))],
            ),
        };
        Explanation { rule, facts }
    }
}
