//! The weekly calendar of an account.

/// One period: ISO weekday (1 is Monday), first minute of the day, minute after the last.
pub(crate) type Period = (i32, i32, i32);

/// What is wrong with a weekly calendar: the place of the period, and the rule it breaks. `None` when all is well.
pub(crate) fn mistake(periods: &[Period]) -> Option<(usize, String)> {
    for (place, &(day, open, close)) in periods.iter().enumerate() {
        if open >= close {
            return Some((place, "must close after it opens".to_owned()));
        }
        let overlaps = |&&(other_day, other_open, other_close): &&Period| {
            day == other_day && open < other_close && other_open < close
        };
        if periods[..place].iter().find(overlaps).is_some() {
            return Some((place, "overlaps an earlier period of the same day".to_owned()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_periods_a_day_may_touch() {
        assert_eq!(mistake(&[(1, 540, 720), (1, 720, 1_080), (2, 540, 720)]), None);
    }

    #[test]
    fn overlaps_and_backward_periods_are_named_by_place() {
        assert_eq!(mistake(&[(1, 540, 720), (1, 700, 800)]).unwrap().0, 1);
        assert_eq!(mistake(&[(1, 540, 540)]).unwrap().0, 0);
    }
}
