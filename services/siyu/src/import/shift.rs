//! Moving old times near now, by whole days.

use anyhow::{Context, ensure};
use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};

use super::args::ShiftTo;

/// The most days that the server takes.
const MAX_DAYS: i64 = 36_500;

/// A time moved by days of the calendar of `zone`: its time of day there stays. None when it leaves the calendar.
pub(super) fn shifted(time: Timestamp, days: i64, zone: &TimeZone) -> Option<Timestamp> {
    if days == 0 {
        return Some(time);
    }
    let days = Span::new().try_days(days).ok()?;
    Some(time.to_zoned(zone.clone()).checked_add(days).ok()?.timestamp())
}

/// How many days to move a file by, given its latest time.
pub(super) fn days_to(
    target: ShiftTo,
    latest: Timestamp,
    now: Timestamp,
    zone: &TimeZone,
) -> anyhow::Result<i64> {
    let day_of = |time: Timestamp| time.to_zoned(zone.clone()).date();
    let today = day_of(now);
    let day = match target {
        ShiftTo::None => return Ok(0),
        ShiftTo::Now => today,
        ShiftTo::Day(day) => day,
    };
    ensure!(day <= today, "--shift-to {day} lies in the future");
    let mut days = days_between(day_of(latest), day)?;
    if shifted(latest, days, zone).is_none_or(|time| time > now) {
        days -= 1;
    }
    ensure!((-MAX_DAYS..=MAX_DAYS).contains(&days), "the file would move by {days} days: at most {MAX_DAYS}");
    Ok(days)
}

fn days_between(from: Date, to: Date) -> anyhow::Result<i64> {
    let span = from.until(to).context("the days lie too far apart")?;
    Ok(i64::from(span.get_days()))
}
