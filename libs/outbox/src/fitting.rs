/// Bytes of the items of one event: storage takes 64 KiB, and an event may have a quarter of that beside its items.
const MOST_BYTES: usize = 48 * 1024;
/// Bytes that an item takes beside its own: the field it is in, and how long it is.
const FRAME_BYTES: usize = 4;

/// What there is to tell, in groups that each fit into one event, in order. `size` is how many bytes an item has encoded; one
/// that is larger than all that an event may have is alone in its group.
pub fn fitting<T>(items: impl IntoIterator<Item = T>, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    let mut room = 0;
    for item in items {
        let bytes = size(&item) + FRAME_BYTES;
        match groups.last_mut() {
            Some(group) if bytes <= room => group.push(item),
            _ => {
                groups.push(vec![item]);
                room = MOST_BYTES;
            }
        }
        room = room.saturating_sub(bytes);
    }
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;
    use siyu_proto::crm::v1::{FanStanding, FansChanged};

    use super::*;

    proptest! {
        #[test]
        fn no_event_is_too_large_and_nothing_is_lost_doubled_or_moved(
            lengths in prop::collection::vec(prop_oneof![0..50_usize, 0..15_000_usize], 0..300),
        ) {
            let standing = |length: usize| FanStanding { user: "u".repeat(length), ..FanStanding::default() };
            let standings: Vec<_> = lengths.into_iter().map(standing).collect();
            let groups = fitting(standings.clone(), Message::encoded_len);
            prop_assert_eq!(&groups.concat(), &standings);
            let size = |group: &[FanStanding]| {
                FansChanged { standings: group.to_vec(), ..FansChanged::default() }.encoded_len()
            };
            for group in &groups {
                prop_assert!(!group.is_empty() && size(group) <= MOST_BYTES);
            }
            // No two neighbours would have fitted together.
            for pair in groups.windows(2) {
                let next = size(&pair[0]) + size(&pair[1][..1]);
                prop_assert!(next + FRAME_BYTES * (pair[0].len() + 1) > MOST_BYTES);
            }
        }
    }

    #[test]
    fn what_fits_into_no_event_is_alone() {
        let groups = fitting([10, 100_000, 10, 20], |size| *size);
        assert_eq!(groups, [vec![10], vec![100_000], vec![10, 20]]);
    }
}
