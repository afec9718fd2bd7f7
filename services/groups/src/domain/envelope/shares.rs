//! How an envelope is cut. ADR 30 says it in words, so that anybody can do it again from the seed.

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use sha2::{Digest, Sha256};

use super::Kind;

/// No share is more than so many times the mean.
const MOST_OF_MEAN: i64 = 5;

/// What the shares of an envelope are cut from, as 64 hexadecimal digits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seed(pub(crate) String);

impl Seed {
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(const_hex::encode(bytes))
    }

    /// What is told of it before the envelope is over: it binds, and gives nothing away.
    pub(crate) fn digest(&self) -> String {
        const_hex::encode(Sha256::digest(self.bytes()))
    }

    fn bytes(&self) -> [u8; 32] {
        const_hex::decode_to_array(&self.0).unwrap_or_default()
    }
}

/// The shares of an envelope of terms that were checked, in the order in which they are handed out.
pub(crate) fn cut(kind: Kind, total: i64, count: i64, seed: &Seed) -> Vec<i64> {
    match kind {
        Kind::Fixed => (0..count).map(|_| total / count).collect(),
        Kind::Lucky => {
            let mut draws = Draws(ChaCha20Rng::from_seed(seed.bytes()));
            let mut shares = lucky(total, count, &mut draws);
            shuffle(&mut shares, &mut draws);
            shares
        }
    }
}

/// Share after share is drawn between 1 and twice the mean of what is left, so that each can be expected to be that mean; within
/// what keeps every later share from 1 to `MOST_OF_MEAN` times the mean of all.
fn lucky(total: i64, count: i64, draws: &mut Draws) -> Vec<i64> {
    let most = (MOST_OF_MEAN * total + count - 1) / count;
    let mut rest = total;
    let shares = (0..count).rev().map(|others| {
        let least = (rest - most * others).max(1);
        let twice_the_mean = 2 * rest / (others + 1) - 1;
        let greatest = twice_the_mean.min(rest - others).min(most);
        let share = draws.between(least, greatest);
        rest -= share;
        share
    });
    shares.collect()
}

/// Later shares scatter more than earlier ones. Shuffled, all places are alike: since they add up to the total, whoever comes
/// first can expect as much as whoever comes last.
fn shuffle(shares: &mut [i64], draws: &mut Draws) {
    let count = i64::try_from(shares.len()).unwrap_or(i64::MAX);
    for (place, last) in (1..count).rev().zip((1..shares.len()).rev()) {
        let other = usize::try_from(draws.between(0, place)).unwrap_or_default();
        shares.swap(last, other);
    }
}

/// Numbers that follow from a seed: the same for ever, unlike those of a library that may improve its ways.
struct Draws(ChaCha20Rng);

impl Draws {
    /// One of the numbers from `least` to `greatest`, each as likely as the others.
    fn between(&mut self, least: i64, greatest: i64) -> i64 {
        let width = greatest.abs_diff(least).saturating_add(1);
        // The last numbers would favour the small remainders.
        let fair = u64::MAX - u64::MAX % width;
        loop {
            let drawn = self.0.next_u64();
            if drawn < fair {
                return least.saturating_add_unsigned(drawn % width);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seed(number: u64) -> Seed {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Seed::new(bytes)
    }

    proptest! {
        #[test]
        fn shares_add_up_and_none_is_nothing_or_too_much(
            count in 1_i64..500, more in 0_i64..10_000_000_000, number in any::<u64>(),
        ) {
            let total = count + more;
            let shares = cut(Kind::Lucky, total, count, &seed(number));
            prop_assert_eq!(i64::try_from(shares.len()).unwrap(), count);
            prop_assert_eq!(shares.iter().sum::<i64>(), total);
            let most = MOST_OF_MEAN * total / count + 1;
            prop_assert!(shares.iter().all(|share| (1..=most).contains(share)), "{shares:?}");
        }
    }

    #[test]
    fn the_largest_and_the_smallest_envelopes_can_be_cut() {
        for (total, count) in [(1, 1), (10_000, 10_000), (1_000_000_000_000, 1), (1_000_000_000_000, 10_000)]
        {
            let shares = cut(Kind::Lucky, total, count, &seed(1));
            let cut_count = i64::try_from(shares.len()).unwrap();
            assert_eq!((cut_count, shares.iter().sum::<i64>()), (count, total));
        }
        assert_eq!(cut(Kind::Fixed, 600, 3, &seed(1)), [200, 200, 200]);
    }

    /// Whoever has the seed must get the same shares in years. These were cut by another program, after the words of ADR 30.
    #[test]
    fn a_seed_is_cut_into_the_same_shares_for_ever() {
        assert_eq!(cut(Kind::Lucky, 100, 5, &seed(30)), [9, 24, 38, 22, 7]);
        let dozen = [185, 432, 1330, 1255, 344, 810, 994, 608, 326, 656, 1272, 676];
        assert_eq!(cut(Kind::Lucky, 8_888, 12, &seed(30)), dozen);
    }

    /// Mean and variance of each place over many envelopes.
    fn moments(total: i64, count: i64, envelopes: u64) -> Vec<(f64, f64)> {
        let places = usize::try_from(count).unwrap();
        let (mut sums, mut squares) = (vec![0.0; places], vec![0.0; places]);
        for number in 0..envelopes {
            for (place, share) in cut(Kind::Lucky, total, count, &seed(number)).into_iter().enumerate() {
                let share = share as f64;
                sums[place] += share;
                squares[place] += share * share;
            }
        }
        let of = |(sum, square): (f64, f64)| {
            let mean = sum / envelopes as f64;
            (mean, square / envelopes as f64 - mean * mean)
        };
        sums.into_iter().zip(squares).map(of).collect()
    }

    /// Who comes first can expect as much as who comes last, and takes no more risk: within five standard errors.
    #[test]
    fn every_place_can_expect_the_same() {
        const ENVELOPES: u64 = 20_000;
        for (total, count) in [(1_000, 10), (37, 5), (100_000, 8)] {
            let moments = moments(total, count, ENVELOPES);
            let expected = total as f64 / count as f64;
            let variance = moments.iter().map(|(_, variance)| variance).sum::<f64>() / count as f64;
            let error = (variance / ENVELOPES as f64).sqrt();
            for (place, (mean, of_place)) in moments.iter().enumerate() {
                assert!((mean - expected).abs() < 5.0 * error, "{total}/{count} at {place}: {mean}");
                assert!((of_place / variance - 1.0).abs() < 0.15, "{total}/{count} at {place}: {of_place}");
            }
            // Luck is luck: shares do differ.
            assert!(variance.sqrt() > 0.3 * expected, "{variance}");
        }
    }
}
