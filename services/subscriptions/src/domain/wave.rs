//! The waves of a push: the fans it reaches at one time (S6, S8).

use siyu_clock::Micros;

/// Where the fans of a wave stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaveState {
    /// They are reached later.
    Held,
    /// It is in their feeds, until it expires.
    Delivered,
    /// They could not be reached in time.
    Failed,
    /// It was taken back.
    Retracted,
}

impl WaveState {
    /// What it is stored as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Retracted => "retracted",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Held, Self::Delivered, Self::Failed, Self::Retracted]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// The fans whom a push reaches at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wave {
    pub(crate) account_id: String,
    pub(crate) push_id: String,
    /// Counts up from 0.
    pub(crate) number: i64,
    pub(crate) state: WaveState,
    /// When it was delivered, or is to be.
    pub(crate) deliver_time: Micros,
    /// When it leaves the feeds.
    pub(crate) expire_time: Micros,
    pub(crate) fan_count: i64,
}

impl Wave {
    /// Does what is due of it at `now`: delivers what is held, unless its time is over before. Whether that changed it.
    pub(crate) fn settle(&mut self, now: Micros) -> bool {
        if self.state != WaveState::Held {
            return false;
        }
        if self.expire_time <= now {
            self.state = WaveState::Failed;
            return true;
        }
        if self.deliver_time > now {
            return false;
        }
        self.state = WaveState::Delivered;
        self.deliver_time = now;
        true
    }

    /// When there is next something to do for it.
    pub(crate) fn due_time(&self) -> Option<Micros> {
        (self.state == WaveState::Held).then(|| self.deliver_time.min(self.expire_time))
    }
}

/// How many fans stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) held: i64,
    pub(crate) delivered: i64,
    pub(crate) failed: i64,
    pub(crate) retracted: i64,
    /// Of the delivered, those whose time to live has ended.
    pub(crate) delivered_and_over: i64,
}

impl Standing {
    /// Where the fans of all waves of a push stand at `now`.
    pub(crate) fn of(waves: &[Wave], now: Micros) -> Self {
        let mut standing = Self::default();
        for wave in waves {
            let count = match wave.state {
                WaveState::Held => &mut standing.held,
                WaveState::Delivered => &mut standing.delivered,
                WaveState::Failed => &mut standing.failed,
                WaveState::Retracted => &mut standing.retracted,
            };
            *count += wave.fan_count;
            if wave.state == WaveState::Delivered && wave.expire_time <= now {
                standing.delivered_and_over += wave.fan_count;
            }
        }
        standing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(deliver_time: i64, expire_time: i64) -> Wave {
        Wave {
            account_id: "shop".to_owned(),
            push_id: "p".to_owned(),
            number: 0,
            state: WaveState::Held,
            deliver_time: Micros(deliver_time),
            expire_time: Micros(expire_time),
            fan_count: 7,
        }
    }

    #[test]
    fn what_is_held_is_delivered_at_its_time_and_in_feeds_from_then_on() {
        let mut wave = held(100, 200);
        assert!(!wave.settle(Micros(99)));
        assert_eq!(wave.due_time(), Some(Micros(100)));
        assert!(wave.settle(Micros(150)));
        assert_eq!((wave.state, wave.deliver_time), (WaveState::Delivered, Micros(150)));
        assert!(!wave.settle(Micros(151)));
        assert_eq!(wave.due_time(), None);
    }

    #[test]
    fn what_is_held_for_too_long_fails() {
        let mut wave = held(300, 200);
        assert_eq!(wave.due_time(), Some(Micros(200)));
        assert!(wave.settle(Micros(200)));
        assert_eq!(wave.state, WaveState::Failed);
    }

    #[test]
    fn every_fan_stands_somewhere() {
        let mut delivered = held(1, 50);
        delivered.settle(Micros(1));
        let waves = [held(100, 200), delivered.clone(), Wave { state: WaveState::Retracted, ..delivered }];
        let standing = Standing::of(&waves, Micros(49));
        assert_eq!((standing.held, standing.delivered, standing.retracted), (7, 7, 7));
        assert_eq!(standing.delivered_and_over, 0);
        assert_eq!(Standing::of(&waves, Micros(50)).delivered_and_over, 7);
    }
}
