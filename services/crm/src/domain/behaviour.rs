//! What fans did with contents, as rules that give tags look at it (C5).

use serde::{Deserialize, Serialize};

use super::interaction::Kind;

/// So many interactions of some kinds, with contents about some topics, within a span of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Behaviour {
    /// The content is about any of them.
    pub(crate) topics: Vec<String>,
    /// Any of them.
    pub(crate) kinds: Vec<Kind>,
    pub(crate) min_count: i64,
    /// The first and the last of those lie no further apart than so many microseconds.
    pub(crate) within: i64,
}

impl Behaviour {
    /// Kinds of interaction whose target is a content.
    pub(crate) const KINDS: [Kind; 6] =
        [Kind::View, Kind::Like, Kind::Comment, Kind::Share, Kind::Collect, Kind::LiveWatch];

    /// Whether an interaction of that kind, with a content about those topics, is one that it looks for.
    pub(crate) fn counts(&self, kind: Kind, topics: &[String]) -> bool {
        self.kinds.contains(&kind) && self.is_about(topics)
    }

    /// Whether it looks for any of the topics.
    pub(crate) fn is_about(&self, topics: &[String]) -> bool {
        self.topics.iter().any(|topic| topics.contains(topic))
    }

    /// Whether a fan who did what it looks for at these times, in their order, has ever met it.
    pub(crate) fn is_met(&self, times: &[i64]) -> bool {
        let count = usize::try_from(self.min_count).unwrap_or(usize::MAX).max(1);
        times.windows(count).any(|window| window[count - 1] - window[0] <= self.within)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn behaviour(min_count: i64, within: i64) -> Behaviour {
        let topics = vec!["skincare".to_owned(), "sun".to_owned()];
        Behaviour { topics, kinds: vec![Kind::Like, Kind::Share], min_count, within }
    }

    #[test]
    fn kinds_and_topics_must_both_fit() {
        let (sun, tea) = (["tea".to_owned(), "sun".to_owned()], ["tea".to_owned()]);
        assert!(behaviour(1, 0).counts(Kind::Like, &sun));
        assert!(!behaviour(1, 0).counts(Kind::View, &sun));
        assert!(!behaviour(1, 0).counts(Kind::Like, &tea) && !behaviour(1, 0).counts(Kind::Like, &[]));
    }

    #[test]
    fn the_span_is_closed_on_both_sides() {
        assert!(behaviour(3, 10).is_met(&[0, 5, 10]));
        assert!(!behaviour(3, 9).is_met(&[0, 5, 10]) && !behaviour(4, 10).is_met(&[0, 5, 10]));
        assert!(behaviour(3, 9).is_met(&[0, 5, 10, 14]) && behaviour(1, 0).is_met(&[7]));
        assert!(!behaviour(1, 0).is_met(&[]));
    }

    proptest! {
        /// Somebody who was counted at every moment would have come to as many.
        #[test]
        fn it_is_met_where_a_span_has_enough(
            mut times in prop::collection::vec(0_i64..100, 0..12), min_count in 1_i64..5, within in 0_i64..30,
        ) {
            times.sort_unstable();
            let enough = |start: &i64| {
                let in_span = times.iter().filter(|time| (*start..=start + within).contains(time));
                i64::try_from(in_span.count()).unwrap() >= min_count
            };
            prop_assert_eq!(behaviour(min_count, within).is_met(&times), times.iter().any(enough));
        }
    }
}
