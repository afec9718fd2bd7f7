//! Working time: when somebody is there to answer (M7).

use std::{collections::BTreeMap, time::Duration};

use jiff::{
    ToSpan,
    civil::{Date, Time},
    tz::{AmbiguousOffset, TimeZone},
};
use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

/// Days that are looked through for working time: what is not done after two years is never done.
const MOST_DAYS: usize = 732;
const MINUTES_A_DAY: i32 = 1_440;

/// Part of a day: its first minute, and the minute after its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Period {
    pub(crate) open: i32,
    pub(crate) close: i32,
}

/// A date on which the week does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SpecialDay {
    pub(crate) date: Date,
    /// None on a holiday.
    pub(crate) periods: Vec<Period>,
}

/// A business calendar as an account sets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BusinessCalendar {
    /// IANA name.
    pub(crate) time_zone: String,
    /// ISO weekday (1 is Monday) and period.
    pub(crate) week: Vec<(i32, Period)>,
    /// Holidays and extra working days.
    pub(crate) special_days: Vec<SpecialDay>,
}

/// What is wrong with a calendar: the field within it, and the rule.
pub(crate) type Mistake = (String, &'static str);

/// When an account works: always, or by a calendar.
#[derive(Debug, Clone, Default)]
pub(crate) struct WorkingTime {
    calendar: Option<Calendar>,
}

/// A calendar, made for looking things up.
#[derive(Debug, Clone)]
struct Calendar {
    zone: TimeZone,
    /// From Monday on; the periods of a day in order.
    week: [Vec<Period>; 7],
    special_days: BTreeMap<Date, Vec<Period>>,
}

impl BusinessCalendar {
    /// Checks it, and makes it ready to be asked.
    ///
    /// # Errors
    /// The first field that breaks a rule.
    pub(crate) fn working_time(&self) -> Result<WorkingTime, Mistake> {
        let zone = TimeZone::get(&self.time_zone)
            .map_err(|_| ("time_zone".to_owned(), "must be an IANA time zone, like Asia/Shanghai"))?;
        let mut week: [Vec<Period>; 7] = Default::default();
        for (place, (day, period)) in self.week.iter().enumerate() {
            let of_day = usize::try_from(day - 1).ok().and_then(|day| week.get_mut(day));
            let of_day = of_day.ok_or_else(|| (format!("week[{place}].day"), "must be a day of the week"))?;
            add(of_day, *period).map_err(|rule| (format!("week[{place}].period"), rule))?;
        }
        let mut special_days = BTreeMap::new();
        for (place, day) in self.special_days.iter().enumerate() {
            let mut periods = Vec::new();
            for (of_day, period) in day.periods.iter().enumerate() {
                let field = || format!("special_days[{place}].periods[{of_day}]");
                add(&mut periods, *period).map_err(|rule| (field(), rule))?;
            }
            if special_days.insert(day.date, periods).is_some() {
                return Err((format!("special_days[{place}].date"), "is given twice"));
            }
        }
        Ok(WorkingTime { calendar: Some(Calendar { zone, week, special_days }) })
    }
}

/// Adds a period to those of a day, in order.
fn add(periods: &mut Vec<Period>, period: Period) -> Result<(), &'static str> {
    if !(0 <= period.open && period.open < period.close && period.close <= MINUTES_A_DAY) {
        return Err("must close after it opens, on the same day");
    }
    if periods.iter().any(|other| period.open < other.close && other.open < period.close) {
        return Err("overlaps another period of the day");
    }
    let place = periods.partition_point(|other| other.open < period.open);
    periods.insert(place, period);
    Ok(())
}

impl WorkingTime {
    /// How much of the time from one moment to another is worked.
    pub(crate) fn between(&self, from: Micros, to: Micros) -> Duration {
        let Some(calendar) = &self.calendar else { return to.since(from) };
        calendar
            .days_from(from)
            .map_while(|date| calendar.spans(date).filter(|_| calendar.start_of(date) < Some(to)))
            .flatten()
            .map(|(open, close)| close.min(to).since(open.max(from)))
            .sum()
    }

    /// The first moment at which so much was worked since `start`; none where that is years away.
    pub(crate) fn after(&self, start: Micros, duration: Duration) -> Option<Micros> {
        let Some(calendar) = &self.calendar else { return Some(start.plus(duration)) };
        if duration.is_zero() {
            return Some(start);
        }
        let mut left = duration;
        let days = calendar.days_from(start).take(MOST_DAYS).map_while(|date| calendar.spans(date));
        for (open, close) in days.flatten() {
            let open = open.max(start);
            let worked = close.since(open);
            if worked >= left {
                return Some(open.plus(left));
            }
            left -= worked;
        }
        None
    }
}

impl Calendar {
    /// The day of a moment, and those after it.
    fn days_from(&self, time: Micros) -> impl Iterator<Item = Date> {
        let first = time.to_timestamp().to_zoned(self.zone.clone()).date();
        std::iter::successors(Some(first), |date| date.checked_add(1.day()).ok())
    }

    /// When it is worked on a date, in order; none where the calendar of the zone ends.
    fn spans(&self, date: Date) -> Option<impl Iterator<Item = (Micros, Micros)>> {
        let day = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
        let periods = self.special_days.get(&date).or_else(|| self.week.get(day))?;
        let spans: Option<Vec<_>> = periods
            .iter()
            .map(|period| Some((self.moment(date, period.open)?, self.moment(date, period.close)?)))
            .collect();
        Some(spans?.into_iter().filter(|(open, close)| open < close))
    }

    fn start_of(&self, date: Date) -> Option<Micros> {
        self.moment(date, 0)
    }

    /// When the clocks on the wall show a minute of a date: the first time, where they show it twice; where they leave it out,
    /// when they are put forward. So later minutes never come before earlier ones.
    fn moment(&self, date: Date, minute: i32) -> Option<Micros> {
        let on_wall = match minute {
            MINUTES_A_DAY => date.checked_add(1.day()).ok()?.to_datetime(Time::midnight()),
            _ => date.at(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0),
        };
        let found = self.zone.to_ambiguous_timestamp(on_wall);
        if let AmbiguousOffset::Gap { .. } = found.offset() {
            let before = found.earlier().ok()?;
            return Some(self.zone.following(before).next()?.timestamp().into());
        }
        Some(found.earlier().ok()?.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const HALF_AN_HOUR: Duration = Duration::from_secs(1_800);

    fn at(text: &str) -> Micros {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    fn period(open: i32, close: i32) -> Period {
        Period { open: open * 60, close: close * 60 }
    }

    /// Shanghai, Monday to Friday 9 to 12 and 14 to 18; the 3rd of March 2026 is a holiday, the 7th, a Saturday, is worked from 10 to
    /// 11.
    fn office() -> BusinessCalendar {
        let week = (1..=5).flat_map(|day| [(day, period(14, 18)), (day, period(9, 12))]).collect();
        let special = |date: &str, periods| SpecialDay { date: date.parse().unwrap(), periods };
        BusinessCalendar {
            time_zone: "Asia/Shanghai".to_owned(),
            week,
            special_days: vec![special("2026-03-03", vec![]), special("2026-03-07", vec![period(10, 11)])],
        }
    }

    fn due(start: &str, duration: Duration) -> String {
        let due = office().working_time().unwrap().after(at(start), duration).unwrap();
        due.to_timestamp().strftime("%m-%dT%H:%M").to_string()
    }

    #[test]
    fn half_an_hour_goes_on_after_lunch_night_and_holiday() {
        // 10:00 in Shanghai is 02:00 UTC; the 2nd of March is a Monday.
        assert_eq!(due("2026-03-02T02:00:00Z", HALF_AN_HOUR), "03-02T02:30");
        assert_eq!(due("2026-03-02T03:50:00Z", HALF_AN_HOUR), "03-02T06:20", "over lunch");
        assert_eq!(due("2026-03-02T04:30:00Z", HALF_AN_HOUR), "03-02T06:30", "begun at lunch");
        assert_eq!(due("2026-03-04T09:50:00Z", HALF_AN_HOUR), "03-05T01:20", "over night");
        assert_eq!(due("2026-03-02T09:50:00Z", HALF_AN_HOUR), "03-04T01:20", "over night and holiday");
        assert_eq!(due("2026-03-06T09:50:00Z", HALF_AN_HOUR), "03-07T02:20", "to an extra working day");
        assert_eq!(due("2026-03-07T02:50:00Z", HALF_AN_HOUR), "03-09T01:20", "over a Sunday");
        assert_eq!(due("2026-03-02T03:30:00Z", HALF_AN_HOUR), "03-02T04:00", "ends with the period");
    }

    #[test]
    fn what_is_worked_between_two_moments() {
        let office = office().working_time().unwrap();
        let week = office.between(at("2026-03-01T16:00:00Z"), at("2026-03-08T16:00:00Z"));
        assert_eq!(week, 4 * 7 * HOUR + HOUR);
        assert_eq!(office.between(at("2026-03-02T03:00:00Z"), at("2026-03-02T07:00:00Z")), 2 * HOUR);
        assert_eq!(office.between(at("2026-03-02T07:00:00Z"), at("2026-03-02T03:00:00Z")), Duration::ZERO);
    }

    #[test]
    fn without_a_calendar_it_is_always_worked_and_without_hours_never() {
        let always = WorkingTime::default();
        assert_eq!(always.after(Micros(5), HOUR), Some(Micros(5).plus(HOUR)));
        assert_eq!(always.between(Micros(5), Micros(9)), Duration::from_micros(4));
        let never = BusinessCalendar { week: vec![], special_days: vec![], ..office() };
        let never = never.working_time().unwrap();
        assert_eq!(never.after(Micros(5), HOUR), None);
        assert_eq!(never.between(Micros(0), at("2026-03-01T00:00:00Z")), Duration::ZERO);
    }

    #[test]
    fn days_on_which_clocks_are_changed_are_shorter_or_longer() {
        let night = |day, open, close| BusinessCalendar {
            time_zone: "America/New_York".to_owned(),
            week: vec![(day, Period { open, close })],
            special_days: vec![],
        };
        let worked =
            |calendar: BusinessCalendar, from, to| calendar.working_time().unwrap().between(at(from), at(to));
        // The 8th of March 2026: 02:00 becomes 03:00. The 1st of November: 02:00 becomes 01:00.
        let (spring, autumn) = (
            ["2026-03-08T00:00:00Z", "2026-03-09T12:00:00Z"],
            ["2026-11-01T00:00:00Z", "2026-11-02T12:00:00Z"],
        );
        assert_eq!(worked(night(7, 60, 240), spring[0], spring[1]), 2 * HOUR);
        assert_eq!(worked(night(7, 150, 210), spring[0], spring[1]), HALF_AN_HOUR);
        assert_eq!(worked(night(7, 120, 150), spring[0], spring[1]), Duration::ZERO);
        assert_eq!(worked(night(7, 60, 240), autumn[0], autumn[1]), 4 * HOUR);
        assert_eq!(worked(night(7, 0, 1_440), autumn[0], autumn[1]), 25 * HOUR);
    }

    #[test]
    fn mistakes_are_named() {
        let mistake = |calendar: BusinessCalendar| calendar.working_time().unwrap_err().0;
        let week = |week| mistake(BusinessCalendar { week, ..office() });
        assert_eq!(
            mistake(BusinessCalendar { time_zone: "Asia/Atlantis".to_owned(), ..office() }),
            "time_zone"
        );
        assert_eq!(week(vec![(1, period(9, 12)), (1, period(11, 13))]), "week[1].period");
        assert_eq!(week(vec![(1, period(9, 9))]), "week[0].period");
        assert_eq!(week(vec![(0, period(9, 10))]), "week[0].day");
        let mut twice = office();
        twice.special_days[1].date = twice.special_days[0].date;
        assert_eq!(mistake(twice), "special_days[1].date");
        let mut overlap = office();
        overlap.special_days[1].periods.push(period(10, 12));
        assert_eq!(mistake(overlap), "special_days[1].periods[1]");
    }

    /// Up to three periods a day that do not overlap, in hours.
    fn week() -> impl Strategy<Value = Vec<(i32, Period)>> {
        let hours = proptest::collection::btree_set(0..=24_i32, 2..=6);
        let days = proptest::collection::btree_map(1..=7_i32, hours, 1..=7);
        days.prop_map(|days| {
            let periods = |(day, hours): (i32, std::collections::BTreeSet<i32>)| {
                let hours: Vec<i32> = hours.into_iter().collect();
                let pairs = hours.chunks_exact(2).map(|pair| period(pair[0], pair[1]));
                pairs.map(|period| (day, period)).collect::<Vec<_>>()
            };
            days.into_iter().flat_map(periods).collect()
        })
    }

    proptest! {
        /// In three zones, two of which change their clocks, over two years.
        #[test]
        fn what_is_added_is_what_is_measured(
            week in week(),
            zone in 0..3_usize,
            start in 1_767_225_600_i64..1_830_297_600,
            minutes in 0..3_000_u64,
            holiday in 0..365_i64,
        ) {
            let zones = ["Asia/Shanghai", "America/New_York", "Australia/Lord_Howe"];
            let holiday: Date = jiff::civil::date(2026, 1, 1).checked_add(holiday.days()).unwrap();
            let calendar = BusinessCalendar {
                time_zone: zones[zone].to_owned(),
                week,
                special_days: vec![SpecialDay { date: holiday, periods: vec![] }],
            };
            let working = calendar.working_time().unwrap();
            let (start, duration) = (Micros::from_seconds(start), Duration::from_secs(minutes * 60));
            let end = working.after(start, duration).unwrap();
            prop_assert_eq!(working.between(start, end), duration);
            // It is the first such moment.
            let just_before = working.between(start, end.minus(Duration::from_micros(1)));
            prop_assert!(duration.is_zero() || just_before < duration);
        }
    }
}
