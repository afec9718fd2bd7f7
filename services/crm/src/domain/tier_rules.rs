//! The rules that turn interactions into intimacy and intimacy into tiers.

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::{interaction::Kind, tier::Tier};

/// One version of the rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TierRules {
    /// 0 is the platform's default.
    pub(crate) version: i64,
    /// After so many microseconds a score is worth half.
    pub(crate) half_life: i64,
    /// Points of each kind, in the order of [`Kind::ALL`].
    pub(crate) points: [f64; Kind::ALL.len()],
    pub(crate) favorable: Threshold,
    pub(crate) true_love: Threshold,
}

/// The edge of a tier, in points. Between `leave` and `enter` a fan stays what they are, so that nobody flaps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Threshold {
    /// From this score on a fan belongs.
    pub(crate) enter: f64,
    /// Below this score a fan no longer belongs.
    pub(crate) leave: f64,
}

impl Default for TierRules {
    /// The platform's rules, version 0: half-life 30 days (domain.md C3); what costs a user more counts more.
    fn default() -> Self {
        let mut points = [0.0; Kind::ALL.len()];
        for (kind, worth) in [
            (Kind::View, 1.0),
            (Kind::Like, 2.0),
            (Kind::Comment, 4.0),
            (Kind::Share, 6.0),
            (Kind::Collect, 3.0),
            (Kind::LiveWatch, 3.0),
            (Kind::HomepageVisit, 2.0),
            (Kind::Click, 2.0),
            (Kind::PrivateMessage, 6.0),
            (Kind::GroupMessage, 3.0),
            (Kind::Order, 20.0),
            (Kind::Follow, 5.0),
            (Kind::Scan, 2.0),
            (Kind::CouponClaim, 4.0),
            (Kind::CouponRedeem, 8.0),
            (Kind::Lead, 10.0),
            (Kind::Booking, 8.0),
            (Kind::LiveAppointment, 4.0),
        ] {
            points[kind.index()] = worth;
        }
        Self {
            version: 0,
            half_life: 30 * Micros::PER_DAY,
            points,
            favorable: Threshold { enter: 30.0, leave: 20.0 },
            true_love: Threshold { enter: 100.0, leave: 70.0 },
        }
    }
}

impl TierRules {
    /// What an interaction adds to the score at its own time.
    pub(crate) fn points_of(&self, kind: Kind) -> f64 {
        self.points[kind.index()]
    }

    /// The edge of a tier; potential and passerby have none, following alone decides between them.
    pub(crate) fn threshold(&self, tier: Tier) -> Option<Threshold> {
        match tier {
            Tier::Potential | Tier::Passerby => None,
            Tier::Favorable => Some(self.favorable),
            Tier::TrueLove => Some(self.true_love),
        }
    }

    /// The first rule that a set of rules breaks against itself: the field and what it must be.
    pub(crate) fn mistake(&self) -> Option<(&'static str, &'static str)> {
        let Threshold { enter: favorable_enter, leave: favorable_leave } = self.favorable;
        let Threshold { enter: true_love_enter, leave: true_love_leave } = self.true_love;
        if favorable_leave > favorable_enter {
            Some(("favorable_leave", "must be at most favorable_enter"))
        } else if true_love_enter < favorable_enter {
            Some(("true_love_enter", "must be at least favorable_enter"))
        } else if true_love_leave > true_love_enter {
            Some(("true_love_leave", "must be at most true_love_enter"))
        } else if true_love_leave < favorable_leave {
            Some(("true_love_leave", "must be at least favorable_leave"))
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
        assert_eq!(TierRules::default().mistake(), None);
    }

    #[test]
    fn rules_against_themselves_are_named() {
        let with = |favorable: (f64, f64), true_love: (f64, f64)| TierRules {
            favorable: Threshold { enter: favorable.0, leave: favorable.1 },
            true_love: Threshold { enter: true_love.0, leave: true_love.1 },
            ..TierRules::default()
        };
        assert_eq!(with((10.0, 11.0), (20.0, 15.0)).mistake().unwrap().0, "favorable_leave");
        assert_eq!(with((10.0, 5.0), (9.0, 9.0)).mistake().unwrap().0, "true_love_enter");
        assert_eq!(with((10.0, 5.0), (20.0, 21.0)).mistake().unwrap().0, "true_love_leave");
        assert_eq!(with((10.0, 5.0), (20.0, 4.0)).mistake().unwrap().0, "true_love_leave");
    }
}
