//! How far a lead can come, and from where to where it may go.

use serde::{Deserialize, Serialize};

/// How far a lead has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Stage {
    New,
    Contacted,
    Qualified,
    Converted,
    Lost,
}

impl Stage {
    pub(crate) const ALL: [Self; 5] =
        [Self::New, Self::Contacted, Self::Qualified, Self::Converted, Self::Lost];

    /// What it is called in storage and in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Contacted => "contacted",
            Self::Qualified => "qualified",
            Self::Converted => "converted",
            Self::Lost => "lost",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }

    /// Whether somebody still has to do something.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::New | Self::Contacted | Self::Qualified)
    }

    /// Where a lead may go from here. What has ended is reopened as contacted.
    pub(crate) fn next(self) -> &'static [Self] {
        match self {
            Self::New => &[Self::Contacted, Self::Lost],
            Self::Contacted => &[Self::Qualified, Self::Lost],
            Self::Qualified => &[Self::Contacted, Self::Converted, Self::Lost],
            Self::Converted | Self::Lost => &[Self::Contacted],
        }
    }
}

/// Why nothing comes of a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LostReason {
    NotReached,
    NoInterest,
    Price,
    Competitor,
    NotSuitable,
    Duplicate,
    Invalid,
    Other,
}

impl LostReason {
    pub(crate) const ALL: [Self; 8] = [
        Self::NotReached,
        Self::NoInterest,
        Self::Price,
        Self::Competitor,
        Self::NotSuitable,
        Self::Duplicate,
        Self::Invalid,
        Self::Other,
    ];

    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NotReached => "not_reached",
            Self::NoInterest => "no_interest",
            Self::Price => "price",
            Self::Competitor => "competitor",
            Self::NotSuitable => "not_suitable",
            Self::Duplicate => "duplicate",
            Self::Invalid => "invalid",
            Self::Other => "other",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_is_this() {
        use Stage::{Contacted, Converted, Lost, New, Qualified};
        let table: Vec<(Stage, Stage)> =
            Stage::ALL.into_iter().flat_map(|from| from.next().iter().map(move |to| (from, *to))).collect();
        let expected = [
            (New, Contacted),
            (New, Lost),
            (Contacted, Qualified),
            (Contacted, Lost),
            (Qualified, Contacted),
            (Qualified, Converted),
            (Qualified, Lost),
            (Converted, Contacted),
            (Lost, Contacted),
        ];
        assert_eq!(table, expected);
    }

    proptest! {
        #[test]
        fn every_way_through_the_table_is_an_honest_one(choices in prop::collection::vec(0_usize..8, 0..40)) {
            let mut stage = Stage::New;
            let mut seen = vec![stage];
            for choice in choices {
                let next = stage.next();
                stage = next[choice % next.len()];
                seen.push(stage);
            }
            for two in seen.windows(2) {
                let (from, to) = (two[0], two[1]);
                // Nobody converts without having been qualified, or is qualified without having been contacted.
                prop_assert!(to != Stage::Converted || from == Stage::Qualified);
                prop_assert!(to != Stage::Qualified || from == Stage::Contacted);
                // Nothing is new again, nothing goes to where it is, and an end is left by reopening alone.
                prop_assert!(to != Stage::New && from != to);
                prop_assert!(from.is_open() || to == Stage::Contacted);
                prop_assert!(!from.is_open() || from.next().contains(&Stage::Lost));
            }
        }
    }

    #[test]
    fn names_survive_storage() {
        assert!(Stage::ALL.into_iter().all(|stage| Stage::named(stage.name()) == Some(stage)));
        assert!(LostReason::ALL.into_iter().all(|reason| LostReason::named(reason.name()) == Some(reason)));
        let names: BTreeSet<_> = LostReason::ALL.into_iter().map(LostReason::name).collect();
        assert_eq!(names.len(), LostReason::ALL.len());
    }
}
