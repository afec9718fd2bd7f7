//! Weekly opening hours of a rule.

use jiff::{civil::Weekday, tz::TimeZone};
use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

/// Somebody is there: on one day of the week, from a minute of the day to before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Period {
    /// 1 is Monday.
    pub(crate) day: i32,
    pub(crate) open_minute: i32,
    pub(crate) close_minute: i32,
}

/// What is wrong with the periods of a week: which one, and the rule.
pub(crate) fn mistake(periods: &[Period]) -> Option<(usize, &'static str)> {
    for (place, period) in periods.iter().enumerate() {
        if period.open_minute >= period.close_minute {
            return Some((place, "must close after it opens"));
        }
        let overlaps = |other: &Period| {
            period.day == other.day
                && period.open_minute < other.close_minute
                && other.open_minute < period.close_minute
        };
        if periods[..place].iter().any(overlaps) {
            return Some((place, "overlaps an earlier period of the same day"));
        }
    }
    None
}

/// Whether somebody is there.
pub(crate) fn is_open(periods: &[Period], zone: &TimeZone, now: Micros) -> bool {
    let local = now.to_timestamp().to_zoned(zone.clone());
    let day = i32::from(Weekday::to_monday_one_offset(local.weekday()));
    let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
    periods
        .iter()
        .any(|period| period.day == day && (period.open_minute..period.close_minute).contains(&minute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_those_of_the_zone() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let periods = [(1, 540, 720), (1, 840, 1_440), (2, 0, 60)]
            .map(|(day, open_minute, close_minute)| Period { day, open_minute, close_minute });
        assert_eq!(mistake(&periods), None);
        let at = |text: &str| {
            let zoned = text.parse::<jiff::civil::DateTime>().unwrap().to_zoned(zone.clone()).unwrap();
            is_open(&periods, &zone, Micros(zoned.timestamp().as_microsecond()))
        };
        // A Monday.
        let times = ["08:59:59", "09:00", "11:59:59", "12:00", "13:59", "14:00", "23:59:59"];
        let open = times.map(|time| at(&format!("2026-03-02T{time}")));
        assert_eq!(open, [false, true, true, false, false, true, true]);
        assert!(at("2026-03-03T00:59") && !at("2026-03-03T01:00") && !at("2026-03-04T10:00"));
    }

    #[test]
    fn what_overlaps_or_closes_too_early_is_named() {
        let period = |open_minute, close_minute| Period { day: 1, open_minute, close_minute };
        assert_eq!(mistake(&[period(1, 1)]).unwrap().0, 0);
        assert_eq!(mistake(&[period(0, 9), period(9, 12), period(11, 13)]).unwrap().0, 2);
    }
}
