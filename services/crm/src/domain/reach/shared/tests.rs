use proptest::prelude::*;

use super::{super::Channel, *};

const HOUR: i64 = 3_600 * Micros::PER_SECOND;
const PERSONS: u32 = 4;
const ENTERPRISES: u32 = 4;

fn cap(count: i64, hours: i64) -> Cap {
    Cap::of_everything(count, hours * HOUR)
}

fn name(enterprise: u32) -> String {
    format!("e{enterprise}")
}

/// Person `p`, from 1 on, has the ordinal `p + e` in enterprise `e`.
fn persons_of(enterprise: u32) -> Persons {
    let mut persons = Persons::default();
    for person in 1..=PERSONS {
        persons.set(person + enterprise, person);
    }
    persons
}

/// Messages of some enterprises to some persons, in the order they are frozen.
struct Messages {
    cap: Cap,
    sent: Vec<SharedTouch>,
}

impl Messages {
    fn new(cap: Cap) -> Self {
        Self { cap, sent: Vec::new() }
    }

    /// Those of the persons whom the enterprise could not reach at the hour.
    fn refused(&self, enterprise: u32, hour: i64, persons: &[u32]) -> Vec<u32> {
        let mut near = self.sent.clone();
        near.sort_by_key(|shared| shared.touch.time);
        let shared = Shared::new(Some(self.cap.clone()), persons_of(enterprise), &name(enterprise), near);
        let fans = persons.iter().map(|person| person + enterprise).collect();
        shared.capped(Micros(hour * HOUR), &fans).iter().map(|ordinal| ordinal - enterprise).collect()
    }

    /// Reaches whom it can; answers who was refused.
    fn send(&mut self, enterprise: u32, hour: i64, persons: &[u32]) -> Vec<u32> {
        let refused = self.refused(enterprise, hour, persons);
        let fans = persons.iter().copied().filter(|person| !refused.contains(person)).collect();
        let touch = Touch { channel: Channel::Push, time: Micros(hour * HOUR), fans };
        self.sent.push(SharedTouch { enterprise_id: name(enterprise), touch });
        refused
    }

    /// How often all, and the enterprise alone, reach the person within the window that begins at the hour.
    fn within(&self, start: i64, enterprise: u32, person: u32) -> (i64, i64) {
        let window = start * HOUR..start * HOUR + self.cap.window;
        let (mut all, mut own) = (0, 0);
        for SharedTouch { enterprise_id, touch } in &self.sent {
            if window.contains(&touch.time.0) && touch.fans.contains(person) {
                all += 1;
                own += i64::from(*enterprise_id == name(enterprise));
            }
        }
        (all, own)
    }

    /// The same for each window that the hour lies in.
    fn windows(&self, hour: i64, enterprise: u32, person: u32) -> Vec<(i64, i64)> {
        let hours = self.cap.window / HOUR;
        (hour - hours + 1..=hour).map(|start| self.within(start, enterprise, person)).collect()
    }
}

#[test]
fn who_had_less_goes_first_and_newcomers_find_room() {
    let mut messages = Messages::new(cap(5, 24));
    let mut send = |enterprise, hour| messages.send(enterprise, hour, &[1]).is_empty();
    // The first may take half of it, the next half of what is left.
    assert!(send(0, 1) && send(0, 2) && send(0, 3));
    assert!(!send(0, 4));
    assert!(send(1, 5));
    assert!(!send(1, 6));
    assert!(send(2, 7));
    assert!(!send(3, 8), "all is used up");
    // At 26 o'clock two of the first have left the window: there is room for one, who had nothing.
    assert!(send(3, 26) && !send(3, 26) && !send(0, 26));
}

#[test]
fn one_alone_is_for_whoever_comes_first_and_nothing_is_for_nobody() {
    let mut messages = Messages::new(cap(1, 24));
    assert_eq!(messages.send(0, 1, &[1, 2]), [0; 0]);
    assert_eq!(messages.send(1, 2, &[1, 2, 3]), [1, 2]);
    let mut never = Messages::new(cap(0, 24));
    assert_eq!(never.send(0, 1, &[1, 2]), [1, 2]);
}

#[test]
fn it_resets_when_enough_have_left_the_window() {
    let touch = |enterprise, hour: i64| SharedTouch {
        enterprise_id: name(enterprise),
        touch: Touch { channel: Channel::Message, time: Micros(hour * HOUR), fans: [1].into() },
    };
    let touches = vec![touch(0, 1), touch(1, 3), touch(0, 5)];
    let reset = |enterprise, hour: i64, count| {
        let persons = persons_of(enterprise);
        let shared = Shared::new(Some(cap(count, 24)), persons, &name(enterprise), touches.clone());
        shared.reset_time(Micros(hour * HOUR), 1 + enterprise).map(|time| time.0 / HOUR)
    };
    assert_eq!(reset(0, 6, 5), Some(25));
    assert_eq!(reset(0, 6, 3), Some(27));
    assert_eq!(reset(1, 6, 5), Some(6));
    assert_eq!(reset(2, 6, 3), Some(25));
    assert_eq!(reset(2, 6, 0), None);
    let nobody = Shared::new(None, persons_of(0), "e0", touches);
    assert_eq!(
        (nobody.reset_time(Micros(0), 1), nobody.capped(Micros(6 * HOUR), &[1].into()).len()),
        (None, 0)
    );
}

#[test]
fn persons_are_kept_in_pages() {
    let mut persons = Persons::default();
    for (ordinal, number) in [(1, 70_000), (PAGE - 1, 2), (PAGE, 9), (3 * PAGE + 5, 1)] {
        persons.set(ordinal, number);
    }
    let fans: RoaringBitmap = [1, 2, PAGE - 1, PAGE, 3 * PAGE + 5, 3 * PAGE + 6, u32::MAX].into();
    assert_eq!(persons.of(&fans), [70_000, 2, 9, 1].into());
    assert_eq!(Persons::pages_of(&[1, PAGE - 1, 3 * PAGE].into()), [0, 3]);
    assert_eq!(Persons::pages_of(&RoaringBitmap::new()), [0; 0]);
    assert_eq!(Persons::pages_of(&[u32::MAX].into()), [u32::MAX / PAGE]);
    let mut again = Persons::default();
    for (page, numbers) in persons.pages() {
        again.insert_page(page, numbers.to_vec());
    }
    assert_eq!(again, persons);
}

proptest! {
    #[test]
    fn the_cap_holds_and_is_shared(
        count in 0_i64..8,
        hours in 1_i64..24,
        messages in prop::collection::vec(
            (0..ENTERPRISES, 0_i64..40, prop::collection::btree_set(1..=PERSONS, 1_usize..=4)),
            1..25,
        ),
    ) {
        let mut sent = Messages::new(cap(count, hours));
        for (enterprise, hour, persons) in messages {
            let persons: Vec<u32> = persons.into_iter().collect();
            let refused = sent.refused(enterprise, hour, &persons);
            for person in &persons {
                let windows = sent.windows(hour, enterprise, *person);
                let had = windows.iter().map(|(_, own)| *own).max().unwrap_or_default();
                let is_refused = refused.contains(person);
                // It is the rule, window by window.
                prop_assert_eq!(is_refused, windows.iter().any(|(all, own)| all + own >= count));
                if is_refused && had == 0 {
                    prop_assert!(windows.iter().any(|(all, _)| *all == count), "others have used it up");
                }
                if !is_refused {
                    // It takes at most half of what others leave, rounded up.
                    let halves = windows.iter().all(|(all, own)| (own + 1) * 2 <= count - (all - own) + 1);
                    prop_assert!(halves);
                }
                // Whoever had no more in any window is not refused where another goes on.
                for other in 0..ENTERPRISES {
                    let theirs = sent.windows(hour, other, *person);
                    let had_no_more = theirs.iter().zip(&windows).all(|((_, their), (_, own))| their <= own);
                    if had_no_more && !is_refused {
                        prop_assert!(sent.refused(other, hour, &[*person]).is_empty());
                    }
                }
            }
            prop_assert_eq!(sent.send(enterprise, hour, &persons), refused);
        }
        for person in 1..=PERSONS {
            for enterprise in 0..ENTERPRISES {
                for start in -24..64 {
                    let (all, own) = sent.within(start, enterprise, person);
                    prop_assert!(all <= count && own * 2 <= count + 1);
                }
            }
        }
    }

    /// Enterprises that keep asking end up with all but as much as each of them has, and newcomers with what is left.
    #[test]
    fn who_keeps_asking_leaves_room(count in 1_i64..16, asking in prop::collection::vec(0..ENTERPRISES, 0..40)) {
        let mut sent = Messages::new(cap(count, 24));
        for enterprise in asking {
            sent.send(enterprise, 1, &[1]);
        }
        for enterprise in 0..ENTERPRISES {
            while sent.send(enterprise, 1, &[1]).is_empty() {}
        }
        for enterprise in 0..ENTERPRISES {
            let (all, own) = sent.within(1, enterprise, 1);
            prop_assert!(own >= count - all, "it has at least what is free");
        }
    }
}
