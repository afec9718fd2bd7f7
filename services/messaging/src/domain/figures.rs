//! What came of cases: how soon they were answered, and how that was liked (M7).

use std::collections::BTreeMap;

use super::{clocks::ClockKind, desk::Desk};

/// What counts of one case. Durations are microseconds of working time; none where there was nothing to measure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CaseFigures {
    /// Who has it, or had it last; empty for nobody.
    pub(crate) agent_id: String,
    pub(crate) is_open: bool,
    pub(crate) first_bot: Option<i64>,
    pub(crate) first_human: Option<i64>,
    pub(crate) resolution: Option<i64>,
    pub(crate) warning_count: i64,
    pub(crate) breach_count: i64,
    pub(crate) stars: Option<i64>,
}

impl CaseFigures {
    pub(crate) fn of(desk: &Desk) -> Self {
        let taken = |kind| desk.clocks.find(kind).and_then(|clock| clock.taken);
        Self {
            agent_id: desk.agent_id.clone(),
            is_open: desk.status.is_open(),
            first_bot: taken(ClockKind::FirstBot),
            first_human: taken(ClockKind::FirstHuman),
            resolution: taken(ClockKind::Resolution),
            warning_count: desk.warning_count,
            breach_count: desk.breach_count,
            stars: desk.rating.as_ref().map(|rating| rating.stars),
        }
    }
}

/// What one clock measured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    pub(crate) count: i64,
    pub(crate) median: Option<i64>,
    pub(crate) p90: Option<i64>,
}

/// What came of some cases.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Report {
    pub(crate) case_count: i64,
    pub(crate) open_count: i64,
    pub(crate) first_bot: Measured,
    pub(crate) first_human: Measured,
    pub(crate) resolution: Measured,
    pub(crate) warning_count: i64,
    pub(crate) breach_count: i64,
    pub(crate) rating_count: i64,
    pub(crate) mean_stars: f64,
}

/// What came of all cases, and of those of each agent, by id.
pub(crate) fn report(cases: &[CaseFigures]) -> (Report, Vec<(String, Report)>) {
    let mut by_agent: BTreeMap<&str, Vec<&CaseFigures>> = BTreeMap::new();
    for case in cases {
        by_agent.entry(&case.agent_id).or_default().push(case);
    }
    let agents = by_agent.into_iter().map(|(agent_id, cases)| (agent_id.to_owned(), of_cases(&cases)));
    (of_cases(&cases.iter().collect::<Vec<_>>()), agents.collect())
}

fn of_cases(cases: &[&CaseFigures]) -> Report {
    let count = |is: fn(&CaseFigures) -> bool| length(cases.iter().filter(|case| is(case)).count());
    let rating_count = count(|case| case.stars.is_some());
    let stars: i64 = cases.iter().filter_map(|case| case.stars).sum();
    Report {
        case_count: length(cases.len()),
        open_count: count(|case| case.is_open),
        first_bot: measured(cases.iter().filter_map(|case| case.first_bot)),
        first_human: measured(cases.iter().filter_map(|case| case.first_human)),
        resolution: measured(cases.iter().filter_map(|case| case.resolution)),
        warning_count: cases.iter().map(|case| case.warning_count).sum(),
        breach_count: cases.iter().map(|case| case.breach_count).sum(),
        rating_count,
        mean_stars: mean(stars, rating_count),
    }
}

fn measured(taken: impl Iterator<Item = i64>) -> Measured {
    let mut taken: Vec<i64> = taken.collect();
    taken.sort_unstable();
    Measured { count: length(taken.len()), median: percentile(&taken, 50), p90: percentile(&taken, 90) }
}

/// The smallest value that so many of a hundred do not exceed.
fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a few stars for each of some cases")]
fn mean(sum: i64, count: i64) -> f64 {
    if count == 0 { 0.0 } else { sum as f64 / count as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        assert_eq!(percentile(&[], 50), None);
        assert_eq!((percentile(&[7], 50), percentile(&[7], 90)), (Some(7), Some(7)));
        assert_eq!((percentile(&[1, 2, 3, 4], 50), percentile(&[1, 2, 3, 4], 90)), (Some(2), Some(4)));
        let ten: Vec<i64> = (1..=10).collect();
        assert_eq!((percentile(&ten, 50), percentile(&ten, 90)), (Some(5), Some(9)));
    }

    #[test]
    fn agents_have_their_own_figures() {
        let case = |agent_id: &str, first_human, stars: Option<i64>| CaseFigures {
            agent_id: agent_id.to_owned(),
            is_open: stars.is_none(),
            first_human,
            breach_count: 1,
            stars,
            ..CaseFigures::default()
        };
        let cases = [case("li", Some(10), Some(5)), case("li", None, None), case("wu", Some(30), Some(2))];
        let (total, agents) = report(&cases);
        assert_eq!((total.case_count, total.open_count, total.breach_count), (3, 1, 3));
        assert_eq!((total.rating_count, total.mean_stars), (2, 3.5));
        let medians: Vec<_> =
            agents.iter().map(|(id, report)| (id.as_str(), report.first_human.median)).collect();
        assert_eq!(medians, [("li", Some(10)), ("wu", Some(30))]);
        assert_eq!(report(&[]), (Report::default(), vec![]));
    }
}
