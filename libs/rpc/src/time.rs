//! Moments between the wire and the services.

use prost_types::Timestamp;
use siyu_clock::Micros;

const NANOS_PER_MICRO: i32 = 1_000;

/// A moment as the wire has it.
#[must_use]
pub fn to_proto(moment: Micros) -> Timestamp {
    let seconds = moment.0.div_euclid(Micros::PER_SECOND);
    let micros = i32::try_from(moment.0.rem_euclid(Micros::PER_SECOND)).unwrap_or_default();
    Timestamp { seconds, nanos: micros * NANOS_PER_MICRO }
}

/// A moment from the wire, cut to microseconds; none when it is no valid timestamp (before year 1, after 9999, or
/// with nanoseconds out of range).
#[must_use]
pub fn from_proto(timestamp: &Timestamp) -> Option<Micros> {
    const YEAR_1: i64 = -62_135_596_800;
    const YEAR_10000: i64 = 253_402_300_800;
    let in_range =
        (YEAR_1..YEAR_10000).contains(&timestamp.seconds) && (0..1_000_000_000).contains(&timestamp.nanos);
    let micros = i64::from(timestamp.nanos / NANOS_PER_MICRO);
    in_range.then(|| Micros(timestamp.seconds * Micros::PER_SECOND + micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_survive_the_wire_also_before_1970() {
        for micros in [0, 1, -1, 1_700_000_000_123_456, -1_500_000] {
            assert_eq!(from_proto(&to_proto(Micros(micros))), Some(Micros(micros)));
        }
    }

    #[test]
    fn nonsense_is_no_moment() {
        assert_eq!(from_proto(&Timestamp { seconds: i64::MAX, nanos: 0 }), None);
        assert_eq!(from_proto(&Timestamp { seconds: 0, nanos: -1 }), None);
    }
}
