use std::sync::{Arc, Mutex, PoisonError};

use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::Micros;

/// Makes ids. Clones share one source.
#[derive(Debug, Clone)]
pub struct Ids {
    random: Arc<Mutex<StdRng>>,
}

impl Ids {
    /// Ids that nobody can foresee.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for randomness")]
    pub fn random() -> Self {
        let mut seed = <StdRng as SeedableRng>::Seed::default();
        rand::rng().fill_bytes(&mut seed);
        Self { random: Arc::new(Mutex::new(StdRng::from_seed(seed))) }
    }

    /// Ids that are the same in every run.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { random: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))) }
    }

    /// A ULID in lower case: 26 characters that sort by time, then at random.
    #[must_use]
    pub fn ulid(&self, now: Micros) -> String {
        let mut random = [0; 16];
        self.fill(&mut random);
        let milliseconds = u64::try_from(now.0 / 1_000).unwrap_or(0);
        ulid::Ulid::from_parts(milliseconds, u128::from_le_bytes(random)).to_string().to_lowercase()
    }

    /// Fills `bytes` at random.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ulids_sort_by_time_and_are_lower_case() {
        let ids = Ids::random();
        let earlier = ids.ulid(Micros::from_seconds(1_000));
        let later = ids.ulid(Micros::from_seconds(1_001));
        assert!(earlier < later);
        assert_eq!(earlier.len(), 26);
        assert_eq!(earlier, earlier.to_lowercase());
    }

    #[test]
    fn seeded_ids_repeat_and_random_ones_do_not() {
        let now = Micros::from_seconds(1_000);
        assert_eq!(Ids::seeded(7).ulid(now), Ids::seeded(7).ulid(now));
        assert_ne!(Ids::random().ulid(now), Ids::random().ulid(now));
    }
}
