//! How often one fan is reached at most.

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::Channel;

/// In no window of time of this length a fan is reached more often than `count` times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cap {
    /// What is counted; none: everything.
    pub(crate) channels: Vec<Channel>,
    pub(crate) count: i64,
    /// Of those, so many are kept for messages of high priority.
    pub(crate) reserved_count: i64,
    /// Length of the window, in microseconds.
    pub(crate) window: i64,
}

impl Cap {
    /// Counts everything, and keeps nothing for messages of high priority.
    pub(crate) fn of_everything(count: i64, window: i64) -> Self {
        Self { channels: Vec::new(), count, reserved_count: 0, window }
    }

    /// Whether it counts what comes through the channel.
    pub(crate) fn covers(&self, channel: Channel) -> bool {
        self.channels.is_empty() || self.channels.contains(&channel)
    }

    /// How often a message may reach somebody within a window, itself counted.
    pub(crate) fn allowed(&self, is_high_priority: bool) -> usize {
        let count = if is_high_priority { self.count } else { self.count - self.reserved_count };
        usize::try_from(count).unwrap_or_default()
    }
}

/// Fans who were, or will be, reached at a time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Touch {
    pub(crate) channel: Channel,
    pub(crate) time: Micros,
    /// Ordinals.
    pub(crate) fans: RoaringBitmap,
}

/// Those of the candidates whom one more touch at `time` would reach more than `allowed` times within a window of the cap.
pub(crate) fn capped(
    cap: &Cap,
    allowed: usize,
    time: Micros,
    candidates: &RoaringBitmap,
    touches: &[Touch],
) -> RoaringBitmap {
    if allowed == 0 {
        return candidates.clone();
    }
    let mut near: Vec<&Touch> = touches
        .iter()
        .filter(|touch| cap.covers(touch.channel) && (touch.time.0 - time.0).abs() < cap.window)
        .filter(|touch| !touch.fans.is_disjoint(candidates))
        .collect();
    near.sort_by_key(|touch| touch.time);
    let times: Vec<Micros> = near.iter().map(|touch| touch.time).collect();
    let mut found = RoaringBitmap::new();
    for window in windows(cap.window, time, &times) {
        found |= at_least(allowed, &near[window], candidates);
    }
    found
}

/// Places of the times, in their order, that share a window of the length with `time`: of each window as much as it can hold.
fn windows(length: i64, time: Micros, times: &[Micros]) -> Vec<std::ops::Range<usize>> {
    let mut windows: Vec<std::ops::Range<usize>> = Vec::new();
    let starts = times.iter().copied().filter(|start| *start <= time).chain([time]);
    for start in starts.filter(|start| time.0 - start.0 < length) {
        let first = times.partition_point(|other| *other < start);
        let end = times.partition_point(|other| other.0 - start.0 < length);
        let has_more = windows.last().is_none_or(|last| end > last.end);
        if has_more && first < end {
            windows.push(first..end);
        }
    }
    windows
}

/// Those of the candidates whom at least `count` of the touches reach: layer by layer, the n-th holds who was reached n times.
fn at_least(count: usize, touches: &[&Touch], candidates: &RoaringBitmap) -> RoaringBitmap {
    if touches.len() < count {
        return RoaringBitmap::new();
    }
    let mut layers = vec![RoaringBitmap::new(); count];
    for touch in touches {
        let mut again = &touch.fans & candidates;
        for layer in &mut layers {
            if again.is_empty() {
                break;
            }
            let higher = &*layer & &again;
            *layer |= again;
            again = higher;
        }
    }
    layers.pop().unwrap_or_default()
}

/// The first moment from `time` on when somebody whom touches of the cap reach at `times`, in their order, can be reached
/// once more; none when nobody ever can.
pub(crate) fn reset_time(cap: &Cap, allowed: usize, time: Micros, times: &[Micros]) -> Option<Micros> {
    if allowed == 0 {
        return None;
    }
    let fits = |at: &Micros| {
        let fullest = windows(cap.window, *at, times).into_iter().map(|window| window.len()).max();
        fullest.unwrap_or_default() < allowed
    };
    let leaving = times.iter().map(|touch| Micros(touch.0 + cap.window)).filter(|leaving| *leaving > time);
    [time].into_iter().chain(leaving).find(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600 * Micros::PER_SECOND;

    fn two_a_day() -> Cap {
        Cap { channels: vec![Channel::Push], count: 2, reserved_count: 1, window: 24 * HOUR }
    }

    fn push(hour: i64, fans: &[u32]) -> Touch {
        Touch { channel: Channel::Push, time: Micros(hour * HOUR), fans: fans.iter().copied().collect() }
    }

    fn capped_at(hour: i64, touches: &[Touch]) -> Vec<u32> {
        let candidates = (1..=5).collect();
        capped(&two_a_day(), 2, Micros(hour * HOUR), &candidates, touches).iter().collect()
    }

    #[test]
    fn the_window_slides_and_is_half_open() {
        let touches = [push(10, &[1, 2, 3]), push(20, &[2, 3]), push(33, &[3]), push(20, &[9])];
        assert_eq!(capped_at(33, &touches), [2, 3]);
        // What was a day ago does not count any more, but at 43 o'clock one was reached at 20 and 33.
        assert_eq!(capped_at(34, &touches), [3]);
        assert_eq!(capped_at(44, &touches), [0; 0]);
        // Before and after: who is reached at 10 and 33 may be at 9, for 33 is a day later.
        assert_eq!(capped_at(9, &[push(10, &[1]), push(33, &[1])]), [0; 0]);
        assert_eq!(capped_at(10, &[push(10, &[1]), push(33, &[1])]), [1]);
        assert_eq!(capped_at(20, &[push(1, &[1, 2]), push(40, &[1]), push(43, &[1])]), [1]);
    }

    #[test]
    fn other_channels_count_where_the_cap_says_so() {
        let touches = [push(1, &[1]), Touch { channel: Channel::Group, ..push(2, &[1]) }];
        assert_eq!(capped_at(3, &touches), [0; 0]);
        let all = Cap { channels: Vec::new(), ..two_a_day() };
        assert_eq!(capped(&all, 2, Micros(3 * HOUR), &[1].into(), &touches).len(), 1);
        assert!(all.covers(Channel::Message) && !two_a_day().covers(Channel::Message));
        assert_eq!((all.allowed(true), all.allowed(false)), (2, 1));
    }

    #[test]
    fn nobody_is_reached_where_nothing_is_allowed() {
        assert_eq!(capped(&two_a_day(), 0, Micros(0), &[1, 2].into(), &[]).len(), 2);
        assert_eq!(reset_time(&two_a_day(), 0, Micros(0), &[]), None);
    }

    #[test]
    fn it_resets_when_enough_have_left_the_window() {
        let reset = |hour: i64, hours: &[i64]| {
            let times: Vec<Micros> = hours.iter().map(|hour| Micros(hour * HOUR)).collect();
            reset_time(&two_a_day(), 2, Micros(hour * HOUR), &times).unwrap().0 / HOUR
        };
        assert_eq!(reset(21, &[10, 20]), 34);
        assert_eq!(reset(21, &[10]), 21);
        assert_eq!(reset(21, &[10, 20, 30]), 44);
        assert_eq!(reset(34, &[10, 20]), 34);
    }
}
