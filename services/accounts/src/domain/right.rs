//! Kinds of rights, classes of accounts, and the periods of an allowance.

use jiff::{ToSpan, tz::TimeZone};
use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::{
    certification::{date_of, start_of},
    wallet::Validity,
};

/// What a right allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RightKind {
    /// One subscription push.
    Push,
    /// One private message more than messaging's own rule allows.
    PrivateMessage,
    /// One point of traffic credit.
    TrafficCredit,
}

impl RightKind {
    pub(crate) const ALL: [Self; 3] = [Self::Push, Self::PrivateMessage, Self::TrafficCredit];

    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::PrivateMessage => "private_message",
            Self::TrafficCredit => "traffic_credit",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What the platform knows of the business behind an account (A1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CertificationClass {
    Basic,
    Certified,
}

impl CertificationClass {
    const ALL: [Self; 2] = [Self::Basic, Self::Certified];

    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Certified => "certified",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// How often an allowance is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Period {
    /// With each calendar month of the account's time zone.
    Month,
    /// Never.
    Once,
}

impl Period {
    const ALL: [Self; 2] = [Self::Month, Self::Once];

    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Once => "once",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.name() == name)
    }

    /// The period that `time` lies in.
    pub(crate) fn around(self, time: Micros, zone: &TimeZone) -> Result<Validity, jiff::Error> {
        match self {
            Self::Once => Ok(Validity { start: Micros(0), end: None }),
            Self::Month => {
                let first = date_of(time, zone).first_of_month();
                let next = first.checked_add(1.month())?;
                Ok(Validity { start: start_of(first, zone)?, end: Some(start_of(next, zone)?) })
            }
        }
    }
}

/// What accounts of a class are allowed from a time on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) kind: RightKind,
    pub(crate) class: CertificationClass,
    pub(crate) effective_time: Micros,
    pub(crate) amount: i64,
    pub(crate) period: Period,
    pub(crate) create_time: Micros,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Micros {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    #[test]
    fn a_month_is_that_of_the_zone() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let march = Validity { start: at("2026-02-28T16:00:00Z"), end: Some(at("2026-03-31T16:00:00Z")) };
        for inside in ["2026-02-28T16:00:00Z", "2026-03-31T15:59:59.999999Z"] {
            assert_eq!(Period::Month.around(at(inside), &zone).unwrap(), march, "{inside}");
        }
        for outside in ["2026-02-28T15:59:59.999999Z", "2026-03-31T16:00:00Z"] {
            assert_ne!(Period::Month.around(at(outside), &zone).unwrap(), march, "{outside}");
        }
    }

    #[test]
    fn months_follow_each_other_without_gap_where_clocks_change_at_midnight() {
        // Beirut puts its clocks forward at midnight, and has done so on the first of a month.
        for zone in ["Asia/Beirut", "America/Havana", "Africa/Cairo", "Pacific/Apia", "America/Asuncion"] {
            let zone = TimeZone::get(zone).unwrap();
            let mut period = Period::Month.around(at("1990-01-15T00:00:00Z"), &zone).unwrap();
            for _ in 0..600 {
                let end = period.end.unwrap();
                let next = Period::Month.around(end, &zone).unwrap();
                assert_eq!(next.start, end);
                assert_eq!(Period::Month.around(Micros(end.0 - 1), &zone).unwrap(), period);
                period = next;
            }
        }
    }
}
