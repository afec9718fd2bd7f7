//! The rules behind lifecycle stage and value class (C4).

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

/// One version of the rules. Spans of time are in microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LifecycleRules {
    /// 0 is the platform's default.
    #[serde(default)]
    pub(crate) version: i64,
    /// Without any interaction for so long a fan is dormant.
    pub(crate) dormant_after: i64,
    /// Without any interaction for so long a fan is lost.
    pub(crate) lost_after: i64,
    /// A follower is activated by so many active interactions …
    pub(crate) activated_count: i64,
    /// … of which the latest is no older than this.
    pub(crate) activated_within: i64,
    /// Orders on so many distinct days are a repurchase.
    pub(crate) repurchasing_order_days: i64,
    /// A customer refers others by so many shares …
    pub(crate) referring_share_count: i64,
    /// … of which the latest is no older than this.
    pub(crate) referring_within: i64,
    /// A customer whose latest order is no older than this is a present one.
    pub(crate) recent_order_within: i64,
    /// A present customer with orders on so many distinct days is loyal.
    pub(crate) loyal_order_days: i64,
    /// A present customer who spent so much, net of refunds, is of high quality.
    pub(crate) high_quality_gmv_minor: i64,
    /// Without any interaction for so long a fan is worth nothing any more.
    pub(crate) value_lost_after: i64,
}

impl Default for LifecycleRules {
    /// The platform's rules, version 0. An order of ¥1,000 is what the cases call a large one.
    fn default() -> Self {
        Self {
            version: 0,
            dormant_after: 30 * Micros::PER_DAY,
            lost_after: 90 * Micros::PER_DAY,
            activated_count: 3,
            activated_within: 30 * Micros::PER_DAY,
            repurchasing_order_days: 2,
            referring_share_count: 2,
            referring_within: 90 * Micros::PER_DAY,
            recent_order_within: 180 * Micros::PER_DAY,
            loyal_order_days: 4,
            high_quality_gmv_minor: 100_000,
            value_lost_after: 180 * Micros::PER_DAY,
        }
    }
}

impl LifecycleRules {
    /// The first rule that a set of rules breaks against itself: the field and what it must be.
    pub(crate) fn mistake(&self) -> Option<(&'static str, &'static str)> {
        if self.lost_after <= self.dormant_after {
            Some(("lost_after", "must be longer than dormant_after"))
        } else if self.activated_within > self.lost_after {
            Some(("activated_within", "must be at most lost_after"))
        } else if self.loyal_order_days < self.repurchasing_order_days {
            Some(("loyal_order_days", "must be at least repurchasing_order_days"))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_together() {
        assert_eq!(LifecycleRules::default().mistake(), None);
    }

    #[test]
    fn rules_against_themselves_are_named() {
        let day = Micros::PER_DAY;
        let good = LifecycleRules::default();
        let cases = [
            ("lost_after", LifecycleRules { lost_after: 30 * day, ..good.clone() }),
            ("activated_within", LifecycleRules { activated_within: 91 * day, ..good.clone() }),
            ("loyal_order_days", LifecycleRules { loyal_order_days: 1, ..good }),
        ];
        for (field, rules) in cases {
            assert_eq!(rules.mistake().unwrap().0, field);
        }
    }
}
