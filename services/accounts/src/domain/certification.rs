//! How long an account is certified.

use jiff::{ToSpan, civil::Date, tz::TimeZone};
use siyu_clock::Micros;

/// How long before the end of a term the next may be applied for.
const RENEWAL_DAYS: i64 = 90;

/// A time during which an account is certified: `start <= time < end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) start: Micros,
    pub(crate) end: Micros,
}

impl Term {
    /// The term of a certification approved at `approved`: to the end of that day one year later. Where the account is
    /// still certified, `held` is its term, and the new one is the year after it.
    pub(crate) fn of_approval(
        approved: Micros,
        held: Option<Self>,
        zone: &TimeZone,
    ) -> Result<Self, jiff::Error> {
        let held_until = held.map(|held| held.end).filter(|end| *end > approved);
        let (start, day) = match held_until {
            Some(end) => (end, date_of(end, zone).yesterday()?),
            None => (approved, date_of(approved, zone)),
        };
        let last_day = day.checked_add(1.year())?;
        Ok(Self { start, end: start_of(last_day.tomorrow()?, zone)? })
    }

    /// From when on the next term may be applied for.
    pub(crate) fn renewable_from(self, zone: &TimeZone) -> Result<Micros, jiff::Error> {
        start_of(date_of(self.end, zone).checked_sub(RENEWAL_DAYS.days())?, zone)
    }

    pub(crate) fn covers(self, time: Micros) -> bool {
        self.start <= time && time < self.end
    }
}

pub(super) fn date_of(time: Micros, zone: &TimeZone) -> Date {
    time.to_timestamp().to_zoned(zone.clone()).date()
}

/// The first moment of a day. It is not midnight where clocks are put forward then.
pub(super) fn start_of(day: Date, zone: &TimeZone) -> Result<Micros, jiff::Error> {
    Ok(Micros::from(day.to_zoned(zone.clone())?.timestamp()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Micros {
        Micros::from(text.parse::<jiff::Timestamp>().unwrap())
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn term(start: &str, end: &str) -> Term {
        Term { start: at(start), end: at(end) }
    }

    #[test]
    fn a_first_term_lasts_to_the_end_of_the_same_day_next_year() {
        let shanghai = zone("Asia/Shanghai");
        let first = Term::of_approval(at("2026-03-01T10:00:00+08:00"), None, &shanghai).unwrap();
        assert_eq!(first, term("2026-03-01T10:00:00+08:00", "2027-03-02T00:00:00+08:00"));
        let before_midnight = Term::of_approval(at("2026-03-01T23:59:59+08:00"), None, &shanghai).unwrap();
        let after_midnight = Term::of_approval(at("2026-03-02T00:00:00+08:00"), None, &shanghai).unwrap();
        assert_eq!(before_midnight.end, at("2027-03-02T00:00:00+08:00"));
        assert_eq!(after_midnight.end, at("2027-03-03T00:00:00+08:00"));
        let leap = Term::of_approval(at("2028-02-29T10:00:00+08:00"), None, &shanghai).unwrap();
        assert_eq!(leap.end, at("2029-03-01T00:00:00+08:00"));
    }

    #[test]
    fn a_renewal_begins_where_the_old_term_ends_and_a_late_one_when_it_is_approved() {
        let shanghai = zone("Asia/Shanghai");
        let held = Some(term("2026-03-01T10:00:00+08:00", "2027-03-02T00:00:00+08:00"));
        let renewed = Term::of_approval(at("2027-01-15T10:00:00+08:00"), held, &shanghai).unwrap();
        assert_eq!(renewed, term("2027-03-02T00:00:00+08:00", "2028-03-02T00:00:00+08:00"));
        let late = Term::of_approval(at("2027-03-02T00:00:00+08:00"), held, &shanghai).unwrap();
        assert_eq!(late, term("2027-03-02T00:00:00+08:00", "2028-03-03T00:00:00+08:00"));
    }

    #[test]
    fn a_day_without_midnight_ends_with_its_last_moment() {
        // Clocks went from 23:59:59 to 01:00 there, on the day after the last of the term.
        let term =
            Term::of_approval(at("2017-10-14T12:00:00-03:00"), None, &zone("America/Sao_Paulo")).unwrap();
        assert_eq!(term.end, at("2018-10-15T00:00:00-03:00"));
        let gap = start_of("2017-10-15".parse().unwrap(), &zone("America/Sao_Paulo")).unwrap();
        assert_eq!(gap, at("2017-10-15T01:00:00-02:00"));
    }

    #[test]
    fn renewal_opens_ninety_days_before_the_end() {
        let held = term("2026-03-01T10:00:00+08:00", "2027-03-02T00:00:00+08:00");
        assert_eq!(held.renewable_from(&zone("Asia/Shanghai")).unwrap(), at("2026-12-02T00:00:00+08:00"));
    }

    proptest! {
        /// Whoever renews in time is certified without a gap, and gains and loses no day, however often.
        #[test]
        fn renewals_leave_no_gap_and_no_overlap(
            approved in 0_i64..4_000_000_000,
            early in proptest::collection::vec(1_i64..90 * 86_400, 1..6),
            zone_name in prop::sample::select(vec!["Asia/Shanghai", "America/Sao_Paulo", "Pacific/Apia", "UTC"]),
        ) {
            let zone = zone(zone_name);
            let first = Term::of_approval(Micros::from_seconds(approved), None, &zone).unwrap();
            let mut held = first;
            for seconds in &early {
                let approved = Micros(held.end.0 - seconds * Micros::PER_SECOND);
                let next = Term::of_approval(approved, Some(held), &zone).unwrap();
                prop_assert_eq!(next.start, held.end);
                prop_assert!(held.covers(Micros(next.start.0 - 1)) && !held.covers(next.start));
                held = next;
            }
            let years = i16::try_from(early.len() + 1).unwrap();
            let of_first = date_of(Micros::from_seconds(approved), &zone);
            let last_day = date_of(Micros(held.end.0 - 1), &zone);
            prop_assert_eq!(last_day.year(), of_first.year() + years);
            prop_assert!(last_day.day() == of_first.day() || of_first.day() == 29);
            prop_assert_eq!(last_day.month(), of_first.month());
        }
    }
}
