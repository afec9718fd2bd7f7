//! Who gets the next lead: whoever has the fewest for their weight.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// Somebody who is given leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) agent_id: String,
    /// How many they get in proportion to others: at least 1.
    pub(crate) weight: i64,
    /// They are given no more while they have so many open leads.
    pub(crate) cap: i64,
    /// Grows with every lead given to anybody: whoever has the smallest got one longest ago. 0: never.
    pub(crate) turn: i64,
    /// Open leads they have.
    pub(crate) open: i64,
}

impl Member {
    /// Who comes first: the one with fewer open leads for their weight, then the one who got one longer ago.
    fn before(&self, other: &Self) -> Ordering {
        // `open / weight`, without rounding.
        let (mine, theirs) = (self.open * other.weight, other.open * self.weight);
        let by_load = mine.cmp(&theirs).then(self.turn.cmp(&other.turn));
        by_load.then_with(|| self.agent_id.cmp(&other.agent_id))
    }
}

/// Gives a lead to one of the members, and answers to whom; none where all have as many as they may.
pub(crate) fn next_owner(members: &mut [Member]) -> Option<String> {
    let last_turn = members.iter().map(|member| member.turn).max()?;
    let with_room = members.iter_mut().filter(|member| member.open < member.cap);
    let chosen = with_room.min_by(|one, other| one.before(other))?;
    chosen.open += 1;
    chosen.turn = last_turn + 1;
    Some(chosen.agent_id.clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn member(agent_id: &str, weight: i64, cap: i64) -> Member {
        Member { agent_id: agent_id.to_owned(), weight, cap, turn: 0, open: 0 }
    }

    fn team(weights: &[i64], cap: i64) -> Vec<Member> {
        weights
            .iter()
            .enumerate()
            .map(|(number, weight)| member(&format!("a{number:02}"), *weight, cap))
            .collect()
    }

    /// Whether nobody has more than one lead more than their weight says, beside anybody else.
    fn is_fair(members: &[Member]) -> bool {
        let fair = |one: &Member, other: &Member| (one.open - 1) * other.weight <= other.open * one.weight;
        members.iter().all(|one| members.iter().all(|other| fair(one, other)))
    }

    proptest! {
        #[test]
        fn counts_follow_the_weights_to_within_one(
            weights in prop::collection::vec(1_i64..=100, 1..12),
            leads in 0_i64..600,
        ) {
            let mut members = team(&weights, i64::MAX);
            for _ in 0..leads {
                prop_assert!(next_owner(&mut members).is_some());
                prop_assert!(is_fair(&members), "{members:?}");
            }
            prop_assert_eq!(members.iter().map(|member| member.open).sum::<i64>(), leads);
        }

        #[test]
        fn with_equal_weights_everybody_has_as_many_but_for_one(team_size in 1_usize..20, leads in 0_usize..200) {
            let mut members = team(&vec![7; team_size], 1_000);
            let given: Vec<_> = (0..leads).filter_map(|_| next_owner(&mut members)).collect();
            let most = members.iter().map(|member| member.open).max().unwrap();
            let fewest = members.iter().map(|member| member.open).min().unwrap();
            prop_assert!(most - fewest <= 1);
            // Everybody once, then everybody again in the same order.
            prop_assert!(given.iter().zip(given.iter().skip(team_size)).all(|(one, next)| one == next));
        }

        #[test]
        fn whoever_leads_end_for_is_given_more(
            ended in prop::collection::vec(0_usize..5, 0..100),
            weights in prop::collection::vec(1_i64..=9, 5),
        ) {
            let mut members = team(&weights, 1_000);
            for place in ended {
                next_owner(&mut members);
                members[place].open = (members[place].open - 1).max(0);
                let before = members.clone();
                let given = next_owner(&mut members).unwrap();
                let chosen = before.iter().find(|member| member.agent_id == given).unwrap();
                let nobody_has_fewer = before.iter().all(|other| chosen.open * other.weight <= other.open * chosen.weight);
                prop_assert!(nobody_has_fewer, "{given} of {before:?}");
            }
        }

        #[test]
        fn nobody_gets_more_than_they_may(caps in prop::collection::vec(1_i64..10, 1..8), leads in 0_i64..100) {
            let mut members: Vec<_> =
                caps.iter().enumerate().map(|(number, cap)| member(&format!("a{number}"), 1 + *cap, *cap)).collect();
            let given = (0..leads).filter_map(|_| next_owner(&mut members)).map(|_| 1).sum::<i64>();
            prop_assert_eq!(given, leads.min(caps.iter().sum()));
            prop_assert!(members.iter().all(|member| member.open <= member.cap));
        }
    }

    #[test]
    fn ties_go_to_who_got_one_longest_ago() {
        let mut members = team(&[1, 1, 1], 10);
        (members[0].turn, members[1].turn, members[2].turn) = (8, 3, 5);
        let given: Vec<_> = (0..4).filter_map(|_| next_owner(&mut members)).collect();
        assert_eq!(given, ["a01", "a02", "a00", "a01"]);
    }

    #[test]
    fn without_members_nobody_gets_it() {
        assert_eq!(next_owner(&mut []), None);
    }
}
