//! Slots that can be booked, and what becomes of bookings.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

/// Most slots of a card that are not over.
pub(crate) const MOST_SLOTS: i64 = 10_000;
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a card of the kind BOOKING offers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BookingSettings {
    pub(crate) place: String,
    pub(crate) contact_required: bool,
}

/// The time of a slot, from its first moment to the first after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Window {
    pub(crate) start: Micros,
    pub(crate) end: Micros,
}

impl Window {
    /// The field of a new slot that breaks a rule, and the rule.
    pub(crate) fn mistake(self, now: Micros) -> Option<(&'static str, &'static str)> {
        let is_whole = |time: Micros| time.0 % Micros::PER_SECOND == 0;
        if !is_whole(self.start) {
            return Some(("start_time", "must be a whole second"));
        }
        if !is_whole(self.end) {
            return Some(("end_time", "must be a whole second"));
        }
        if self.start <= now {
            return Some(("start_time", "must be in the future"));
        }
        if self.end <= self.start {
            return Some(("end_time", "must be after start_time"));
        }
        (self.end > self.start.plus(LONGEST))
            .then_some(("end_time", "must be at most 7 days after start_time"))
    }
}

/// Two slots that overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overlap {
    /// Which of the new slots.
    pub(crate) place: usize,
    /// The time of the other.
    pub(crate) other: Window,
    /// Which of the new slots that is; none where it is stored.
    pub(crate) other_place: Option<usize>,
}

/// Whether any of the new slots overlaps another, or a stored one. Stored ones do not overlap each other.
pub(crate) fn overlap(new: &[Window], stored: &[Window]) -> Option<Overlap> {
    let new = new.iter().enumerate().map(|(place, window)| (*window, Some(place)));
    let mut all: Vec<_> = new.chain(stored.iter().map(|window| (*window, None))).collect();
    all.sort();
    all.windows(2).find_map(|pair| {
        let [(earlier, earlier_place), (later, later_place)] = [pair[0], pair[1]];
        if later.start >= earlier.end {
            return None;
        }
        match (earlier_place, later_place) {
            (_, Some(place)) => Some(Overlap { place, other: earlier, other_place: earlier_place }),
            (Some(place), None) => Some(Overlap { place, other: later, other_place: None }),
            (None, None) => None,
        }
    })
}

/// What became of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BookingState {
    Booked,
    Cancelled,
    Declined,
    Completed,
    NoShow,
}

/// What happens to a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The user cancels it.
    Cancel,
    /// The account declines it.
    Decline,
    /// The user came.
    Complete,
    /// The user did not come.
    MissIt,
}

impl BookingState {
    /// What it is called in storage and in errors.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Cancelled => "cancelled",
            Self::Declined => "declined",
            Self::Completed => "completed",
            Self::NoShow => "no_show",
        }
    }

    /// The state of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [Self::Booked, Self::Cancelled, Self::Declined, Self::Completed, Self::NoShow];
        all.into_iter().find(|state| state.name() == name)
    }

    /// Whether a booking in this state has a place in its slot.
    pub(crate) fn has_place(self) -> bool {
        !matches!(self, Self::Cancelled | Self::Declined)
    }

    /// The state after `step` at `now`, of a booking whose slot begins at `start`; or why it cannot be.
    pub(crate) fn after(self, step: Step, start: Micros, now: Micros) -> Result<Self, String> {
        let has_begun = start <= now;
        match (self, step) {
            (Self::Cancelled, Step::Cancel) => Ok(Self::Cancelled),
            (Self::Booked, Step::Cancel) if has_begun => Err(format!("its slot began at {start}")),
            (Self::Booked, Step::Complete | Step::MissIt) if !has_begun => {
                Err(format!("its slot begins at {start}"))
            }
            (Self::Booked, Step::Cancel) => Ok(Self::Cancelled),
            (Self::Booked, Step::Decline) => Ok(Self::Declined),
            (Self::Booked, Step::Complete) => Ok(Self::Completed),
            (Self::Booked, Step::MissIt) => Ok(Self::NoShow),
            _ => Err(format!("it is {}", self.name())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Micros = Micros::from_seconds(1_000);

    fn window(start: i64, end: i64) -> Window {
        Window { start: Micros::from_seconds(start), end: Micros::from_seconds(end) }
    }

    #[test]
    fn new_slots_lie_in_the_future_and_end_after_they_begin() {
        assert_eq!(window(1_001, 1_002).mistake(NOW), None);
        let field = |window: Window| window.mistake(NOW).map(|(field, _)| field);
        assert_eq!(field(window(1_000, 1_002)), Some("start_time"));
        assert_eq!(field(window(2_000, 2_000)), Some("end_time"));
        assert_eq!(field(window(2_000, 1_999)), Some("end_time"));
        assert_eq!(field(window(2_000, 2_000 + 7 * 86_400)), None);
        assert_eq!(field(window(2_000, 2_001 + 7 * 86_400)), Some("end_time"));
        assert_eq!(field(Window { start: Micros(2_000_000_001), ..window(0, 3_000) }), Some("start_time"));
        assert_eq!(field(Window { end: Micros(3_000_000_001), ..window(2_000, 0) }), Some("end_time"));
    }

    #[test]
    fn overlaps_name_both_slots() {
        let stored = [window(10, 20), window(30, 40)];
        assert_eq!(overlap(&[window(20, 30), window(40, 50), window(0, 10)], &stored), None);
        let with_stored = Overlap { place: 1, other: window(30, 40), other_place: None };
        assert_eq!(overlap(&[window(20, 30), window(39, 50)], &stored), Some(with_stored));
        assert_eq!(overlap(&[window(20, 30), window(25, 31)], &[]).unwrap().other_place, Some(0));
        assert_eq!(overlap(&[window(30, 40)], &stored).unwrap().place, 0);
        assert_eq!(overlap(&[window(0, 100)], &stored).unwrap().place, 0);
    }

    proptest! {
        #[test]
        fn an_overlap_is_found_where_there_is_one(
            spans in proptest::collection::vec((0_i64..200, 1_i64..10), 0..30),
            stored in 0_usize..30,
        ) {
            let windows: Vec<_> = spans.iter().map(|(start, length)| window(*start, start + length)).collect();
            let (mut new, mut kept) = (Vec::new(), Vec::<Window>::new());
            let meet = |a: &Window, b: &Window| a.start < b.end && b.start < a.end;
            for (place, window) in windows.iter().enumerate() {
                if place < stored && !kept.iter().any(|other| meet(window, other)) {
                    kept.push(*window);
                } else {
                    new.push(*window);
                }
            }
            let found = overlap(&new, &kept);
            let expected = new.iter().enumerate().any(|(place, window)| {
                new[..place].iter().chain(&kept).any(|other| meet(window, other))
            });
            prop_assert_eq!(found.is_some(), expected);
            if let Some(Overlap { place, other, other_place }) = found {
                prop_assert!(meet(&new[place], &other));
                match other_place {
                    Some(other_place) => prop_assert!(other_place != place && new[other_place] == other),
                    None => prop_assert!(kept.contains(&other)),
                }
            }
        }
    }

    #[test]
    fn a_booking_ends_once() {
        use BookingState::*;
        let start = Micros::from_seconds(2_000);
        let (before, after) = (Micros::from_seconds(1_999), start);
        assert_eq!(Booked.after(Step::Cancel, start, before), Ok(Cancelled));
        assert_eq!(Cancelled.after(Step::Cancel, start, after), Ok(Cancelled));
        assert!(Booked.after(Step::Cancel, start, after).is_err());
        for time in [before, after] {
            assert_eq!(Booked.after(Step::Decline, start, time), Ok(Declined));
        }
        for (step, state) in [(Step::Complete, Completed), (Step::MissIt, NoShow)] {
            assert!(Booked.after(step, start, before).is_err());
            assert_eq!(Booked.after(step, start, after), Ok(state));
        }
        for ended in [Cancelled, Declined, Completed, NoShow] {
            for step in [Step::Decline, Step::Complete, Step::MissIt] {
                assert!(ended.after(step, start, after).is_err(), "{ended:?} {step:?}");
            }
            assert_eq!(BookingState::named(ended.name()), Some(ended));
        }
    }
}
