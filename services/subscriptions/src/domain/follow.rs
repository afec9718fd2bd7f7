//! Following an account and ceasing to (S1).

use std::time::Duration;

use siyu_clock::Micros;
use siyu_observed::Origin;

/// A user who follows an account, or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Follow {
    pub(crate) user_id: String,
    pub(crate) following: bool,
    /// Whether the account follows back.
    pub(crate) mutual: bool,
    pub(crate) origin: Origin,
    /// When they last began.
    pub(crate) follow_time: Micros,
    /// When they last stopped.
    pub(crate) unfollow_time: Option<Micros>,
}

impl Follow {
    /// When a change at `now` is dated: after the one before it, also where the clock has not moved since. Whoever hears of both
    /// tells by their times which was the last.
    pub(crate) fn next_change(&self, now: Micros) -> Micros {
        let last = self.unfollow_time.map_or(self.follow_time, |time| time.max(self.follow_time));
        now.max(last.plus(Duration::from_micros(1)))
    }
}

/// What somebody wants of a follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To follow.
    Follow(Origin),
    /// To follow no longer; they say so at the place with this resource name.
    Unfollow {
        /// Empty where unknown.
        mount: String,
    },
    /// That the account follows back, or no longer does.
    Mutual(bool),
}

/// What becomes of a follow: nothing where it is as wished already, or where there is nothing to change.
pub(crate) fn changed(before: Option<&Follow>, user_id: &str, wish: &Wish, now: Micros) -> Option<Follow> {
    match (before, wish) {
        (Some(before), Wish::Follow(_)) if before.following => None,
        (before, Wish::Follow(origin)) => Some(Follow {
            user_id: user_id.to_owned(),
            following: true,
            mutual: before.is_some_and(|before| before.mutual),
            origin: origin.clone(),
            follow_time: now,
            unfollow_time: before.and_then(|before| before.unfollow_time),
        }),
        (Some(before), Wish::Unfollow { .. }) if before.following => {
            Some(Follow { following: false, unfollow_time: Some(now), ..before.clone() })
        }
        (Some(before), Wish::Mutual(mutual)) if before.mutual != *mutual => {
            Some(Follow { mutual: *mutual, ..before.clone() })
        }
        (_, Wish::Unfollow { .. } | Wish::Mutual(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = Micros(1_000);
    const LATER: Micros = Micros(2_000);

    fn from(mount: &str) -> Wish {
        Wish::Follow(Origin { mount: mount.to_owned(), ..Origin::default() })
    }

    #[test]
    fn changes_at_one_moment_are_told_apart() {
        let followed = changed(None, "u1", &from(""), NOW).unwrap();
        let left_at = followed.next_change(NOW);
        assert_eq!(left_at, Micros(1_001));
        let left = changed(Some(&followed), "u1", &Wish::Unfollow { mount: String::new() }, left_at).unwrap();
        assert_eq!(left.next_change(NOW), Micros(1_002));
        assert_eq!(left.next_change(LATER), LATER);
    }

    #[test]
    fn whoever_follows_already_keeps_the_time_and_the_place() {
        let follow = changed(None, "u", &from("a"), NOW).unwrap();
        assert!(follow.following);
        assert_eq!(changed(Some(&follow), "u", &from("b"), LATER), None);
    }

    #[test]
    fn following_again_begins_anew_and_stays_mutual() {
        let first = changed(None, "u", &from("a"), NOW).unwrap();
        let mutual = changed(Some(&first), "u", &Wish::Mutual(true), NOW).unwrap();
        let left = changed(Some(&mutual), "u", &Wish::Unfollow { mount: String::new() }, LATER).unwrap();
        assert_eq!((left.following, left.unfollow_time), (false, Some(LATER)));
        let again = changed(Some(&left), "u", &from("b"), Micros(3_000)).unwrap();
        assert_eq!((again.follow_time, again.unfollow_time), (Micros(3_000), Some(LATER)));
        assert_eq!((again.origin.mount.as_str(), again.mutual), ("b", true));
    }

    #[test]
    fn nothing_comes_of_leaving_what_one_does_not_follow() {
        let leave = Wish::Unfollow { mount: String::new() };
        assert_eq!(changed(None, "u", &leave, NOW), None);
        let left = Follow { following: false, ..changed(None, "u", &from("a"), NOW).unwrap() };
        assert_eq!(changed(Some(&left), "u", &leave, NOW), None);
        assert_eq!(changed(None, "u", &Wish::Mutual(true), NOW), None);
    }
}
