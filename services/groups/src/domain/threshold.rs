//! What a user must meet to come into a group (G2).

use std::time::Duration;

use jiff::{civil::time, tz::TimeZone};
use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::group::Wrong;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// When thresholds that are asked every day are asked.
const CHECK_HOUR: i8 = 4;

/// How close a fan is, from far to near.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tier {
    Potential,
    Passerby,
    Favorable,
    TrueLove,
}

impl Tier {
    /// What users read, and storage has.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Potential => "POTENTIAL",
            Self::Passerby => "PASSERBY",
            Self::Favorable => "FAVORABLE",
            Self::TrueLove => "TRUE_LOVE",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [Self::Potential, Self::Passerby, Self::Favorable, Self::TrueLove];
        all.into_iter().find(|tier| tier.name() == name)
    }
}

/// What a user must meet, all of it. The default asks nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Threshold {
    pub(crate) following: bool,
    pub(crate) min_tier: Option<Tier>,
    pub(crate) any_tags: Vec<String>,
    pub(crate) min_follow_days: u32,
    pub(crate) min_order_count: i64,
    /// After refunds, in the minor unit of the account's currency.
    pub(crate) min_spend_minor: i64,
    /// Whether it is also asked every day.
    pub(crate) daily: bool,
}

/// What the CRM knows of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) tier: Tier,
    pub(crate) tags: Vec<String>,
    /// Since when they follow, where they do.
    pub(crate) follow_time: Option<Micros>,
    pub(crate) order_count: i64,
    pub(crate) spend_minor: i64,
}

impl Known {
    /// A user whom the CRM has not seen.
    pub(crate) fn stranger() -> Self {
        Self { tier: Tier::Potential, tags: Vec::new(), follow_time: None, order_count: 0, spend_minor: 0 }
    }
}

impl Threshold {
    /// Whether it asks nothing of anybody.
    pub(crate) fn is_open(&self) -> bool {
        *self == Self { daily: self.daily, ..Self::default() }
    }

    /// Whether tags are asked for.
    pub(crate) fn asks_tags(&self) -> bool {
        !self.any_tags.is_empty()
    }

    /// Whether it fits together.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub(super) fn check_rule(&self) -> Result<(), Wrong> {
        for (place, tag) in self.any_tags.iter().enumerate() {
            if self.any_tags[..place].contains(tag) {
                return Err(("threshold.any_tags", format!("must name {tag} once")));
            }
        }
        if self.daily && self.is_open() {
            return Err(("threshold.check", "must be AT_JOIN where nothing is asked".to_owned()));
        }
        Ok(())
    }

    /// What a user lacks at `now`, in words; none where they meet it.
    pub(crate) fn missing(&self, known: &Known, now: Micros) -> Option<String> {
        let must_follow = self.following || self.min_follow_days > 0;
        if must_follow && known.follow_time.is_none() {
            return Some("follow the account".to_owned());
        }
        let followed = known.follow_time.map_or(Duration::ZERO, |time| now.since(time));
        if followed < DAY * self.min_follow_days {
            return Some(format!("follow the account for {} days", self.min_follow_days));
        }
        if let Some(tier) = self.min_tier.filter(|tier| known.tier < *tier) {
            return Some(format!("be of the tier {} at least, not {}", tier.name(), known.tier.name()));
        }
        if self.asks_tags() && !self.any_tags.iter().any(|tag| known.tags.contains(tag)) {
            return Some(format!("have one of the tags {}", self.any_tags.join(", ")));
        }
        if known.order_count < self.min_order_count {
            return Some(format!("have made {} orders, not {}", self.min_order_count, known.order_count));
        }
        if known.spend_minor < self.min_spend_minor {
            let (least, spend) = (self.min_spend_minor, known.spend_minor);
            return Some(format!("have spent {least} after refunds, not {spend}"));
        }
        None
    }

    /// When it is asked again after `now`, in the time zone of the account; none where it is asked at joining alone.
    pub(crate) fn next_check(&self, zone: &TimeZone, now: Micros) -> Option<Micros> {
        if !self.daily {
            return None;
        }
        let now = now.to_timestamp().to_zoned(zone.clone());
        let at = |date: jiff::civil::Date| date.to_datetime(time(CHECK_HOUR, 0, 0, 0)).to_zoned(zone.clone());
        let today = at(now.date()).ok().filter(|check| *check > now);
        let check = today.or_else(|| at(now.date().tomorrow().ok()?).ok())?;
        Some(Micros(check.timestamp().as_microsecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fan() -> Known {
        Known {
            tier: Tier::Favorable,
            tags: vec!["tea".to_owned()],
            follow_time: Some(Micros(0)),
            order_count: 2,
            spend_minor: 9_900,
        }
    }

    /// 10 days after the fan followed.
    fn now() -> Micros {
        Micros(0).plus(DAY * 10)
    }

    #[test]
    fn each_part_is_asked_and_all_must_hold() {
        let open = Threshold::default();
        assert!(open.is_open() && open.missing(&Known::stranger(), now()).is_none());
        let parts = [
            (Threshold { following: true, ..open.clone() }, "follow"),
            (Threshold { min_tier: Some(Tier::Passerby), ..open.clone() }, "tier"),
            (Threshold { any_tags: vec!["tea".to_owned(), "cup".to_owned()], ..open.clone() }, "tags"),
            (Threshold { min_follow_days: 10, ..open.clone() }, "follow"),
            (Threshold { min_order_count: 2, ..open.clone() }, "orders"),
            (Threshold { min_spend_minor: 9_900, ..open.clone() }, "spent"),
        ];
        for (threshold, word) in parts {
            assert_eq!(threshold.missing(&fan(), now()), None, "{threshold:?}");
            let missing = threshold.missing(&Known::stranger(), now()).unwrap();
            assert!(missing.contains(word), "{missing}");
            assert!(!threshold.is_open());
        }
    }

    #[test]
    fn a_little_less_does_not_do() {
        let open = Threshold::default();
        let days = Threshold { min_follow_days: 10, ..open.clone() };
        assert!(days.missing(&fan(), Micros(now().0 - 1)).is_some());
        assert!(Threshold { min_order_count: 3, ..open.clone() }.missing(&fan(), now()).is_some());
        assert!(Threshold { min_spend_minor: 9_901, ..open.clone() }.missing(&fan(), now()).is_some());
        assert!(Threshold { min_tier: Some(Tier::TrueLove), ..open }.missing(&fan(), now()).is_some());
    }

    #[test]
    fn a_daily_check_is_at_four_in_the_zone_of_the_account() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let at = |text: &str| Micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
        let daily = Threshold { following: true, daily: true, ..Threshold::default() };
        // 03:59:59 and 04:00 in Shanghai.
        assert_eq!(daily.next_check(&zone, at("2026-11-22T19:59:59Z")), Some(at("2026-11-22T20:00:00Z")));
        assert_eq!(daily.next_check(&zone, at("2026-11-22T20:00:00Z")), Some(at("2026-11-23T20:00:00Z")));
        let once = Threshold { daily: false, ..daily };
        assert_eq!(once.next_check(&zone, at("2026-11-22T19:59:59Z")), None);
    }

    #[test]
    fn a_rule_that_asks_nothing_is_not_asked_daily() {
        let daily = Threshold { daily: true, ..Threshold::default() };
        assert_eq!(daily.check_rule().map_err(|(field, _)| field), Err("threshold.check"));
        let twice = Threshold { any_tags: vec!["a".to_owned(); 2], ..Threshold::default() };
        assert_eq!(twice.check_rule().map_err(|(field, _)| field), Err("threshold.any_tags"));
    }
}
