//! What happens in the month, in the order of its time.

use std::collections::BTreeMap;

use siyu_clock::Micros;
use siyu_proto::{crm::v1::Interaction, subscriptions::v1::FeedReport};

use super::campaign::Campaign;

/// Something that happens. Accounts are indices.
#[derive(Debug)]
pub(super) enum Happening {
    /// A user does something with an account.
    Did { account: usize, interaction: Interaction },
    /// A user does something with a push.
    Reported { account: usize, user: String, report: FeedReport },
    /// An account writes a push, plans it and schedules it.
    Prepare(&'static Campaign),
    /// The suite is told what it does not know yet, and does what is due: a day is over, or the time of a push has come.
    Due,
    /// Fans of an account look into their feeds.
    Read { account: usize },
    /// Somebody at the desk of an account answers a user.
    Answer { account: usize, user: String },
    /// Nobody has anything more to say since that answer.
    Close { account: usize, user: String, answered: Micros },
    /// An account takes a push back.
    Recall(&'static Campaign),
}

/// What is still to happen.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    happenings: BTreeMap<(Micros, usize), Happening>,
    added: usize,
}

impl Timeline {
    /// Takes the next out of it, and says when that is. What happens at the same time does so in the order it was added.
    pub(super) fn next(&mut self) -> Option<(Micros, Happening)> {
        self.happenings.pop_first().map(|((time, _), happening)| (time, happening))
    }

    pub(super) fn add(&mut self, time: Micros, happening: Happening) {
        self.happenings.insert((time, self.added), happening);
        self.added += 1;
    }
}
