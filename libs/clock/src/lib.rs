//! Time, ids and randomness. Nothing else in the suite asks the operating system for them (clippy sees to it), so a
//! test decides what time it is and which ids come out.

mod ids;
mod micros;
mod stopwatch;

use std::sync::{Arc, RwLock};

pub use ids::Ids;
pub use micros::Micros;
pub use stopwatch::Stopwatch;

/// Where a process gets the time from. Clones share one clock.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The time of the machine.
    System,
    /// A time that moves only when told to.
    Simulated(SimClock),
    /// The simulated time of another process: it moves when that one does, and by nothing else.
    Following(SimClock),
}

impl Clock {
    /// The time now.
    #[must_use]
    pub fn now(&self) -> Micros {
        match self {
            Self::System => system_now(),
            Self::Simulated(clock) | Self::Following(clock) => clock.now(),
        }
    }

    /// The handle that moves the clock, if it is a simulated one of this process.
    #[must_use]
    pub fn simulated(&self) -> Option<&SimClock> {
        match self {
            Self::System | Self::Following(_) => None,
            Self::Simulated(clock) => Some(clock),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
fn system_now() -> Micros {
    Micros::from(jiff::Timestamp::now())
}

/// A clock that stands still until it is moved, and never goes back. Clones move together.
#[derive(Debug, Clone)]
pub struct SimClock {
    now: Arc<RwLock<Time>>,
}

#[derive(Debug, Clone, Copy)]
enum Time {
    Standing(Micros),
    /// Follows the machine again: see [`SimClock::release`].
    Released,
}

impl SimClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn starting_at(start: Micros) -> Self {
        Self { now: Arc::new(RwLock::new(Time::Standing(start))) }
    }

    /// The time it shows.
    #[must_use]
    pub fn now(&self) -> Micros {
        match *self.now.read().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Time::Standing(now) => now,
            Time::Released => system_now(),
        }
    }

    /// Moves it to `time` unless it is there or beyond already; answers the time it shows then.
    pub fn advance_to(&self, time: Micros) -> Micros {
        let mut now = self.now.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        match *now {
            Time::Standing(at) if at < time => {
                *now = Time::Standing(time);
                time
            }
            Time::Standing(at) => at,
            Time::Released => system_now(),
        }
    }

    /// Lets it follow the machine's clock from now on: a replayed past has caught up with the present.
    pub fn release(&self) {
        *self.now.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Time::Released;
    }
}

impl From<SimClock> for Clock {
    fn from(clock: SimClock) -> Self {
        Self::Simulated(clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_clock_stands_still_and_never_goes_back() {
        let clock = SimClock::starting_at(Micros::from_seconds(100));
        assert_eq!(clock.now(), Micros::from_seconds(100));
        assert_eq!(clock.advance_to(Micros::from_seconds(160)), Micros::from_seconds(160));
        assert_eq!(clock.advance_to(Micros::from_seconds(10)), Micros::from_seconds(160));
        assert_eq!(clock.now(), Micros::from_seconds(160));
    }

    #[test]
    fn clones_move_together_and_a_released_clock_follows_the_machine() {
        let clock = SimClock::starting_at(Micros::from_seconds(0));
        let seen_by_services = Clock::from(clock.clone());
        clock.advance_to(Micros::from_seconds(5));
        assert_eq!(seen_by_services.now(), Micros::from_seconds(5));
        clock.release();
        assert!(seen_by_services.now() >= Micros::from_seconds(1_700_000_000));
    }
}
