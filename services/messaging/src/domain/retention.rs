//! How long accounts keep what was said (M11).
//!
//! Once a day all conversations of an account are walked through, in the order of their users and from where the walk before left each:
//! sending has nothing to do for it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::archive::Stretch;

/// What is kept for a time is kept for so many days at least.
pub(crate) const FEWEST_DAYS: i32 = 30;
/// From the beginning of a walk to that of the next.
const EVERY: Duration = Duration::from_secs(86_400);

/// How long an account keeps what was said, and how far that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retention {
    pub(crate) account_id: String,
    /// 0: for ever.
    pub(crate) days: i32,
    pub(crate) update_time: Micros,
    /// All that was due at this time is forgotten.
    pub(crate) done_time: Option<Micros>,
    /// When the walk that is going on began.
    pub(crate) walk_time: Option<Micros>,
    /// The last user it came by.
    pub(crate) walked_user: String,
    pub(crate) due_time: Option<Micros>,
}

impl Retention {
    /// From `now` on it is for so many days: a walk begins at once.
    pub(crate) fn new(account_id: &str, days: i32, now: Micros) -> Self {
        Self {
            account_id: account_id.to_owned(),
            days,
            update_time: now,
            done_time: None,
            walk_time: None,
            walked_user: String::new(),
            due_time: (days > 0).then_some(now),
        }
    }

    /// The walk goes on, or begins. What is older than the time that this answers is to be forgotten by it.
    pub(crate) fn walk(&mut self, now: Micros) -> Micros {
        let begun = *self.walk_time.get_or_insert(now);
        // Behind those that are due since before.
        self.due_time = Some(now);
        Micros(begun.0 - i64::from(self.days) * Micros::PER_DAY)
    }

    /// The walk has come by a user; None: by all of them.
    pub(crate) fn walked(&mut self, user_id: Option<&str>) {
        self.walked_user = user_id.unwrap_or_default().to_owned();
        if user_id.is_none() {
            self.done_time = self.walk_time.take();
            self.due_time = self.done_time.map(|time| time.plus(EVERY));
        }
    }
}

/// The first stretches, of at most `most` messages together; one at least, where there is one.
pub(crate) fn first_of(stretches: &[Stretch], most: i64) -> &[Stretch] {
    let mut sum = 0;
    let fits = |stretch: &&Stretch| {
        sum += stretch.len();
        sum <= most
    };
    let count = stretches.iter().take_while(fits).count();
    &stretches[..count.max(1).min(stretches.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = Micros::PER_DAY;

    #[test]
    fn a_walk_has_one_time_however_long_it_takes() {
        let mut retention = Retention::new("shop", 30, Micros(0));
        assert_eq!(retention.due_time, Some(Micros(0)));
        assert_eq!(retention.walk(Micros(31 * DAY)), Micros(DAY));
        retention.walked(Some("ann"));
        assert_eq!((retention.walked_user.as_str(), retention.done_time), ("ann", None));
        assert_eq!(retention.walk(Micros(31 * DAY + 5)), Micros(DAY));
        assert_eq!(retention.due_time, Some(Micros(31 * DAY + 5)));
        retention.walked(None);
        assert_eq!((retention.walked_user.as_str(), retention.walk_time), ("", None));
        assert_eq!(retention.done_time, Some(Micros(31 * DAY)));
        assert_eq!(retention.due_time, Some(Micros(32 * DAY)));
    }

    #[test]
    fn for_ever_is_never_due() {
        assert_eq!(Retention::new("shop", 0, Micros(7)).due_time, None);
    }

    #[test]
    fn what_is_too_much_together_waits() {
        let stretch = |count: i64| Stretch { user_id: String::new(), after: 2, to: 2 + count };
        let stretches = [stretch(5), stretch(3), stretch(4)];
        for (most, count) in [(1, 1), (5, 1), (7, 1), (8, 2), (11, 2), (12, 3), (99, 3)] {
            assert_eq!(first_of(&stretches, most).len(), count, "{most}");
        }
        assert!(first_of(&[], 5).is_empty());
    }
}
