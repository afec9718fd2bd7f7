//! Orders, folded from their lines, cancellations and refunds.

use jiff::tz::TimeZone;
use siyu_clock::Micros;

use super::interaction::{Interaction, Kind};

/// What some of an order's events say of it. Two of them [`merge`](OrderFacts::merge) to the same, whichever came first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderFacts {
    /// Time of the first line; of the first cancellation or refund while there is no line.
    pub(crate) time: Micros,
    pub(crate) amount_minor: i64,
    pub(crate) refunded_minor: i64,
    pub(crate) placed: bool,
    pub(crate) cancelled: bool,
}

impl OrderFacts {
    /// What one event says; none for an event that is not about an order.
    pub(crate) fn of(interaction: &Interaction) -> Option<Self> {
        let amount = interaction.purchase.as_ref()?.amount_minor;
        let kind = interaction.kind;
        Some(Self {
            time: interaction.event_time,
            amount_minor: if kind == Kind::Order { amount } else { 0 },
            refunded_minor: if kind == Kind::Refund { amount } else { 0 },
            placed: kind == Kind::Order,
            cancelled: kind == Kind::OrderCancel,
        })
    }

    /// Adds what other events say.
    pub(crate) fn merge(&mut self, other: &Self) {
        let other_is_better = match (self.placed, other.placed) {
            (true, false) => false,
            (false, true) => true,
            _ => other.time < self.time,
        };
        if other_is_better {
            self.time = other.time;
        }
        self.amount_minor += other.amount_minor;
        self.refunded_minor += other.refunded_minor;
        self.placed |= other.placed;
        self.cancelled |= other.cancelled;
    }
}

/// Day (days since 1970-01-01) and month (year × 100 + month) of a moment in a time zone.
pub(crate) fn local_day_and_month(time: Micros, zone: &TimeZone) -> (i64, i64) {
    let date = time.to_timestamp().to_zoned(zone.clone()).date();
    let epoch = jiff::civil::date(1970, 1, 1);
    let day = date.since(epoch).map_or(0, |span| i64::from(span.get_days()));
    (day, i64::from(date.year()) * 100 + i64::from(date.month()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    #[test]
    fn a_day_begins_at_local_midnight() {
        let just_before: jiff::Timestamp = "2026-01-31T15:59:59.999999Z".parse().unwrap();
        let midnight: jiff::Timestamp = "2026-01-31T16:00:00Z".parse().unwrap();
        let shanghai = zone("Asia/Shanghai");
        let (day, month) = local_day_and_month(just_before.into(), &shanghai);
        assert_eq!(month, 202_601);
        assert_eq!(local_day_and_month(midnight.into(), &shanghai), (day + 1, 202_602));
        assert_eq!(local_day_and_month(midnight.into(), &zone("UTC")), (day, 202_601));
        assert_eq!(local_day_and_month(Micros(0), &zone("UTC")), (0, 197_001));
    }

    fn facts() -> impl Strategy<Value = OrderFacts> {
        (0..5_i64, 0..1_000_i64, 0..3_u8).prop_map(|(time, amount, kind)| OrderFacts {
            time: Micros(time),
            amount_minor: if kind == 0 { amount } else { 0 },
            refunded_minor: if kind == 1 { amount } else { 0 },
            placed: kind == 0,
            cancelled: kind == 2,
        })
    }

    proptest! {
        #[test]
        fn an_order_is_the_same_whatever_came_first(events in prop::collection::vec(facts(), 1..8), seed in any::<u64>()) {
            let fold = |events: &[OrderFacts]| {
                let (first, rest) = events.split_first().unwrap();
                let mut order = first.clone();
                rest.iter().for_each(|event| order.merge(event));
                order
            };
            let mut shuffled = events.clone();
            let places = shuffled.len();
            for place in 0..places {
                let other = usize::try_from(seed >> (place * 8 % 57)).unwrap() % places;
                shuffled.swap(place, other);
            }
            prop_assert_eq!(fold(&events), fold(&shuffled));
        }
    }
}
