//! How much of what a fan did was more than looking.

use siyu_clock::Micros;

use super::interaction::Kind;

/// What was counted of a fan's interactions. It is the same in whatever order they arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Activity {
    /// Interactions that were more than looking.
    pub(crate) active_count: i64,
    /// The latest of those, by event time.
    pub(crate) last_active: Option<Micros>,
    pub(crate) share_count: i64,
    /// The latest share, by event time.
    pub(crate) last_share: Option<Micros>,
}

impl Activity {
    /// Counts an interaction.
    pub(crate) fn note(&mut self, kind: Kind, time: Micros) {
        if is_active(kind) {
            self.active_count += 1;
            self.last_active = self.last_active.max(Some(time));
        }
        if kind == Kind::Share {
            self.share_count += 1;
            self.last_share = self.last_share.max(Some(time));
        }
    }
}

/// Whether an interaction is more than looking, and no step back.
pub(crate) fn is_active(kind: Kind) -> bool {
    !matches!(kind, Kind::View | Kind::HomepageVisit | Kind::Unfollow | Kind::OrderCancel | Kind::Refund)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_arrival_does_not_matter() {
        let happened =
            [(Kind::Share, 5), (Kind::View, 9), (Kind::Like, 7), (Kind::Share, 3), (Kind::Unfollow, 8)];
        let mut forth = Activity::default();
        happened.iter().for_each(|(kind, time)| forth.note(*kind, Micros(*time)));
        let mut back = Activity::default();
        happened.iter().rev().for_each(|(kind, time)| back.note(*kind, Micros(*time)));
        let expected = Activity {
            active_count: 3,
            last_active: Some(Micros(7)),
            share_count: 2,
            last_share: Some(Micros(5)),
        };
        assert_eq!((&forth, &back), (&expected, &expected));
    }
}
