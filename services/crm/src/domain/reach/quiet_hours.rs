//! Hours in which nobody is to be disturbed.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

/// After so many ends of quiet hours that are the begin of others there is no hour that is not quiet.
const MOST_ENDS: usize = 8;

/// From a minute of the day to another, the same day or the next, as the clocks on the wall show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct QuietHours {
    /// The first minute of the day, 0 to 1439.
    pub(crate) start_minute: i64,
    /// The minute after the last, 0 to 1439; another than the first.
    pub(crate) end_minute: i64,
}

impl QuietHours {
    fn contains(self, minute: i64) -> bool {
        if self.start_minute < self.end_minute {
            (self.start_minute..self.end_minute).contains(&minute)
        } else {
            minute >= self.start_minute || minute < self.end_minute
        }
    }

    /// When they end, if they are at `time`.
    pub(crate) fn end_after(self, time: Micros, zone: &TimeZone) -> Option<Micros> {
        let local = time.to_timestamp().to_zoned(zone.clone());
        let minute = i64::from(local.hour()) * 60 + i64::from(local.minute());
        if !self.contains(minute) {
            return None;
        }
        let date = if minute < self.end_minute { local.date() } else { local.date().tomorrow().ok()? };
        let (hour, minute) = (self.end_minute / 60, self.end_minute % 60);
        let end = date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
        // Where the clocks go back, the minute comes twice: the next of the two is meant. Where they go forth it may be
        // left out: then they end when the clocks have.
        let ends = [zone.to_ambiguous_zoned(end).compatible(), zone.to_ambiguous_zoned(end).later()];
        let ends = ends.into_iter().flatten().map(|end| Micros::from(end.timestamp()));
        ends.into_iter().find(|end| *end > time)
    }
}

/// When somebody may be reached who should be at `time`: the first moment that is quiet neither for the account nor for
/// them. Where there is none in the day, their own quiet hours alone count.
pub(crate) fn waking_time(
    time: Micros,
    of_account: Option<QuietHours>,
    own: Option<QuietHours>,
    zone: &TimeZone,
) -> Micros {
    let mut waking = time;
    for _ in 0..MOST_ENDS {
        let ends = [of_account, own].into_iter().flatten();
        match ends.filter_map(|quiet_hours| quiet_hours.end_after(waking, zone)).max() {
            Some(end) => waking = end,
            None => return waking,
        }
    }
    own.and_then(|own| own.end_after(time, zone)).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Micros {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    fn hours(start: i64, end: i64) -> QuietHours {
        QuietHours { start_minute: start * 60, end_minute: end * 60 }
    }

    fn end(quiet_hours: QuietHours, time: &str, zone: &str) -> Option<String> {
        let zone = TimeZone::get(zone).unwrap();
        quiet_hours.end_after(at(time), &zone).map(|end| end.to_string())
    }

    #[test]
    fn they_may_go_over_midnight() {
        let night = hours(22, 8);
        let (evening, morning) = ("2026-03-01T14:30:00Z", "2026-03-01T23:59:59Z");
        assert_eq!(end(night, evening, "Asia/Shanghai").unwrap(), "2026-03-02T00:00:00Z");
        assert_eq!(end(night, morning, "Asia/Shanghai").unwrap(), "2026-03-02T00:00:00Z");
        assert_eq!(end(night, "2026-03-02T00:00:00Z", "Asia/Shanghai"), None);
        assert_eq!(end(night, "2026-03-02T13:59:59Z", "Asia/Shanghai"), None);
        assert_eq!(
            end(hours(12, 14), "2026-03-02T05:00:00Z", "Asia/Shanghai").unwrap(),
            "2026-03-02T06:00:00Z"
        );
    }

    #[test]
    fn they_follow_the_clocks_on_the_wall() {
        // 2026-03-29, 02:00 becomes 03:00; 2026-10-25, 03:00 becomes 02:00.
        assert_eq!(
            end(hours(22, 8), "2026-03-28T22:00:00Z", "Europe/Berlin").unwrap(),
            "2026-03-29T06:00:00Z"
        );
        assert_eq!(
            end(hours(22, 8), "2026-10-24T22:00:00Z", "Europe/Berlin").unwrap(),
            "2026-10-25T07:00:00Z"
        );
        let left_out = QuietHours { start_minute: 22 * 60, end_minute: 150 };
        assert_eq!(end(left_out, "2026-03-29T00:30:00Z", "Europe/Berlin").unwrap(), "2026-03-29T01:30:00Z");
        // The first half past two is the end; after it, at two o'clock for the second time, the second is.
        assert_eq!(end(left_out, "2026-10-25T00:10:00Z", "Europe/Berlin").unwrap(), "2026-10-25T00:30:00Z");
        assert_eq!(end(left_out, "2026-10-25T01:10:00Z", "Europe/Berlin").unwrap(), "2026-10-25T01:30:00Z");
    }

    #[test]
    fn both_must_be_over() {
        let utc = TimeZone::UTC;
        let waking = |time: &str, account, own| waking_time(at(time), account, own, &utc).to_string();
        let noon = "2026-03-01T12:00:00Z";
        assert_eq!(waking(noon, None, None), noon);
        assert_eq!(
            waking("2026-03-01T05:00:00Z", Some(hours(0, 8)), Some(hours(7, 10))),
            "2026-03-01T10:00:00Z"
        );
        assert_eq!(
            waking("2026-03-01T05:00:00Z", Some(hours(0, 8)), Some(hours(12, 14))),
            "2026-03-01T08:00:00Z"
        );
        // Together they leave no hour.
        assert_eq!(
            waking("2026-03-01T05:00:00Z", Some(hours(0, 12)), Some(hours(11, 1))),
            "2026-03-01T05:00:00Z"
        );
        assert_eq!(
            waking("2026-03-01T11:30:00Z", Some(hours(0, 12)), Some(hours(11, 1))),
            "2026-03-02T01:00:00Z"
        );
    }
}
