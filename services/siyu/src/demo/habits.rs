//! What fans do with the pushes they find in their feeds, made up: the closer they are, the more.

use rand::{Rng, RngExt};
use siyu_proto::crm::v1::Tier;

const MINUTE: i64 = 60;

/// The tiers of those who follow.
pub(super) const TIERS: [Tier; 3] = [Tier::Passerby, Tier::Favorable, Tier::TrueLove];

/// One thing a fan does with a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Opens it.
    Open,
    /// Likes it.
    Like,
    /// Clicks the card in it.
    Click,
    /// Does what the card is for.
    Convert,
}

/// Probabilities, each of those who did what stands before it.
struct Habit {
    read: f64,
    open: f64,
    like: f64,
    click: f64,
    convert: f64,
}

fn habit(tier: Tier) -> Habit {
    match tier {
        Tier::TrueLove => Habit { read: 0.5, open: 0.85, like: 0.3, click: 0.6, convert: 0.4 },
        Tier::Favorable => Habit { read: 0.3, open: 0.75, like: 0.15, click: 0.45, convert: 0.3 },
        _ => Habit { read: 0.1, open: 0.6, like: 0.05, click: 0.3, convert: 0.2 },
    }
}

/// Whether a fan looks into their feed after a push has arrived.
pub(super) fn reads(random: &mut impl Rng, tier: Tier) -> bool {
    random.random_bool(habit(tier).read)
}

/// What a fan does with a push that they have found, and how many seconds later, within two hours.
pub(super) fn deeds(random: &mut impl Rng, tier: Tier) -> Vec<(i64, Deed)> {
    let habit = habit(tier);
    if !random.random_bool(habit.open) {
        return Vec::new();
    }
    let mut at = random.random_range(5..90 * MINUTE);
    let mut deeds = vec![(at, Deed::Open)];
    if random.random_bool(habit.like) {
        at += random.random_range(5..MINUTE);
        deeds.push((at, Deed::Like));
    }
    if random.random_bool(habit.click) {
        at += random.random_range(5..2 * MINUTE);
        deeds.push((at, Deed::Click));
        if random.random_bool(habit.convert) {
            at += random.random_range(MINUTE..10 * MINUTE);
            deeds.push((at, Deed::Convert));
        }
    }
    deeds
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Of 10,000 fans of a tier: who reads, opens, likes, clicks, converts.
    fn of_many(tier: Tier) -> [usize; 5] {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0; 5];
        for _ in 0..10_000 {
            if !reads(&mut random, tier) {
                continue;
            }
            counts[0] += 1;
            for (_, deed) in deeds(&mut random, tier) {
                counts[1 + deed as usize] += 1;
            }
        }
        counts
    }

    #[test]
    fn the_closer_a_fan_is_the_more_they_do() {
        let tiers = TIERS.map(of_many);
        println!("{tiers:?}");
        for pair in tiers.windows(2) {
            for (further, closer) in pair[0].iter().zip(pair[1]) {
                assert!(closer > *further, "{tiers:?}");
            }
        }
        for [read, opened, liked, clicked, converted] in tiers {
            assert!(read > opened && opened > clicked && clicked > converted && converted > 0, "{tiers:?}");
            assert!(opened > liked, "{tiers:?}");
        }
    }

    #[test]
    fn deeds_come_in_turn_within_two_hours() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        for _ in 0..10_000 {
            let deeds = deeds(&mut random, Tier::TrueLove);
            assert!(deeds.is_sorted_by(|one, next| one.0 < next.0), "{deeds:?}");
            assert!(deeds.iter().all(|(at, _)| (1..120 * MINUTE).contains(at)), "{deeds:?}");
            assert!(deeds.first().is_none_or(|(_, first)| *first == Deed::Open), "{deeds:?}");
            let has = |wanted| deeds.iter().any(|(_, deed)| *deed == wanted);
            assert!(!has(Deed::Convert) || has(Deed::Click), "{deeds:?}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_fans() {
        let some = |seed| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            (0..100).map(|_| deeds(&mut random, Tier::Favorable)).collect::<Vec<_>>()
        };
        assert_eq!(some(3), some(3));
        assert_ne!(some(3), some(4));
    }
}
