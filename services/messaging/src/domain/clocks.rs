//! The clocks of a conversation: how long it takes to answer, by a bot and by a human, and to be done with it (M7).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::calendar::WorkingTime;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClockKind {
    /// From the first message of the user to the first answer of a bot, or of a human who was faster.
    FirstBot,
    /// From the first message of the user to the first answer of a human.
    FirstHuman,
    /// From a message of the user after that to the next answer of a human.
    Next,
    /// From the first message of the user to when the conversation is closed.
    Resolution,
}

impl ClockKind {
    pub(crate) const ALL: [Self; 4] = [Self::FirstBot, Self::FirstHuman, Self::Next, Self::Resolution];

    /// What it is called in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FirstBot => "first_bot",
            Self::FirstHuman => "first_human",
            Self::Next => "next",
            Self::Resolution => "resolution",
        }
    }
}

/// How soon it is to be done, in working time, and when that is near.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) kind: ClockKind,
    pub(crate) micros: i64,
    /// When so much of it has passed, it is warned: 1 to 99; 0 for never.
    pub(crate) warning_percent: i64,
}

/// When an account works, and how soon it wants to have answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Promise {
    pub(crate) working: WorkingTime,
    /// At most one of a kind.
    pub(crate) targets: Vec<Target>,
}

/// One clock, from when it was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Clock {
    pub(crate) kind: ClockKind,
    pub(crate) start: Micros,
    /// When it warns, and when it is late; none where there is no target, or working time does not reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) warn: Option<Micros>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) due: Option<Micros>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) warned: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) breached: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stop: Option<Micros>,
    /// Working time it took, once what it waits for was done; none where that was not to be any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) taken: Option<i64>,
}

/// What a clock tells, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Alarm {
    Warning,
    Breach,
}

impl Alarm {
    /// What it is called in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Breach => "breach",
        }
    }
}

/// A clock told something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rang {
    pub(crate) kind: ClockKind,
    pub(crate) alarm: Alarm,
    /// When it was to.
    pub(crate) time: Micros,
    pub(crate) start: Micros,
}

/// The clocks of a conversation, at most one of a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Clocks(Vec<Clock>);

impl Clocks {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Clock> {
        self.0.iter()
    }

    pub(crate) fn find(&self, kind: ClockKind) -> Option<&Clock> {
        self.0.iter().find(|clock| clock.kind == kind)
    }

    pub(crate) fn is_running(&self, kind: ClockKind) -> bool {
        self.find(kind).is_some_and(|clock| clock.stop.is_none())
    }

    /// Starts a clock, anew where there was one.
    pub(crate) fn start(&mut self, kind: ClockKind, now: Micros, promise: &Promise) {
        let target = promise.targets.iter().find(|target| target.kind == kind);
        let after = |micros: i64| {
            promise.working.after(now, Duration::from_micros(u64::try_from(micros).unwrap_or_default()))
        };
        let warning = target.filter(|target| target.warning_percent > 0);
        let clock = Clock {
            kind,
            start: now,
            warn: warning.and_then(|target| after(target.micros / 100 * target.warning_percent)),
            due: target.and_then(|target| after(target.micros)),
            warned: false,
            breached: false,
            stop: None,
            taken: None,
        };
        self.0.retain(|other| other.kind != kind);
        self.0.push(clock);
    }

    /// What a clock waits for is done.
    pub(crate) fn stop(&mut self, kind: ClockKind, now: Micros, promise: &Promise) {
        for clock in self.running().filter(|clock| clock.kind == kind) {
            let taken = promise.working.between(clock.start, now);
            clock.stop = Some(now);
            clock.taken = Some(i64::try_from(taken.as_micros()).unwrap_or(i64::MAX));
        }
    }

    /// What a clock waits for is not to be any more.
    pub(crate) fn cancel(&mut self, kind: ClockKind, now: Micros) {
        for clock in self.running().filter(|clock| clock.kind == kind) {
            clock.stop = Some(now);
        }
    }

    /// A clock that was stopped runs on from its start; what it told is told.
    pub(crate) fn resume(&mut self, kind: ClockKind) {
        for clock in self.0.iter_mut().filter(|clock| clock.kind == kind) {
            clock.stop = None;
            clock.taken = None;
        }
    }

    /// What the running clocks have to tell up to `now`, each once, in the order in which it was due.
    pub(crate) fn ring(&mut self, now: Micros) -> Vec<Rang> {
        let mut rang = Vec::new();
        for clock in self.running() {
            let mut tell = |told: &mut bool, time: Option<Micros>, alarm| {
                if let Some(time) = time.filter(|time| *time <= now && !*told) {
                    *told = true;
                    rang.push(Rang { kind: clock.kind, alarm, time, start: clock.start });
                }
            };
            tell(&mut clock.warned, clock.warn, Alarm::Warning);
            tell(&mut clock.breached, clock.due, Alarm::Breach);
        }
        rang.sort_by_key(|rang| rang.time);
        rang
    }

    /// When the next of them has something to tell.
    pub(crate) fn next_time(&self) -> Option<Micros> {
        let running = self.0.iter().filter(|clock| clock.stop.is_none());
        let times = running
            .flat_map(|clock| [clock.warn.filter(|_| !clock.warned), clock.due.filter(|_| !clock.breached)]);
        times.flatten().min()
    }

    fn running(&mut self) -> impl Iterator<Item = &mut Clock> {
        self.0.iter_mut().filter(|clock| clock.stop.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60 * Micros::PER_SECOND;

    fn promise() -> Promise {
        let target = |kind| Target { kind, micros: 30 * MINUTE, warning_percent: 80 };
        Promise { working: WorkingTime::default(), targets: ClockKind::ALL.map(target).to_vec() }
    }

    fn alarms(rang: &[Rang]) -> Vec<(Alarm, i64)> {
        rang.iter().map(|rang| (rang.alarm, rang.time.0 / MINUTE)).collect()
    }

    #[test]
    fn a_clock_warns_and_is_late_once_each() {
        let mut clocks = Clocks::default();
        clocks.start(ClockKind::FirstHuman, Micros(0), &promise());
        assert_eq!(clocks.next_time(), Some(Micros(24 * MINUTE)));
        assert_eq!(clocks.ring(Micros(24 * MINUTE - 1)), []);
        assert_eq!(alarms(&clocks.ring(Micros(24 * MINUTE))), [(Alarm::Warning, 24)]);
        assert_eq!(clocks.ring(Micros(25 * MINUTE)), []);
        assert_eq!(clocks.next_time(), Some(Micros(30 * MINUTE)));
        assert_eq!(alarms(&clocks.ring(Micros(90 * MINUTE))), [(Alarm::Breach, 30)]);
        assert_eq!((clocks.next_time(), clocks.ring(Micros(99 * MINUTE))), (None, vec![]));
        clocks.stop(ClockKind::FirstHuman, Micros(100 * MINUTE), &promise());
        assert_eq!(clocks.find(ClockKind::FirstHuman).unwrap().taken, Some(100 * MINUTE));
    }

    #[test]
    fn whoever_looks_late_is_told_both_and_whoever_was_in_time_nothing() {
        let mut clocks = Clocks::default();
        clocks.start(ClockKind::Next, Micros(0), &promise());
        let mut in_time = clocks.clone();
        assert_eq!(alarms(&clocks.ring(Micros(60 * MINUTE))), [(Alarm::Warning, 24), (Alarm::Breach, 30)]);
        in_time.stop(ClockKind::Next, Micros(10 * MINUTE), &promise());
        assert_eq!((in_time.next_time(), in_time.ring(Micros(60 * MINUTE))), (None, vec![]));
        // Started anew it is another.
        clocks.start(ClockKind::Next, Micros(100 * MINUTE), &promise());
        assert_eq!(clocks.next_time(), Some(Micros(124 * MINUTE)));
    }

    #[test]
    fn what_is_resumed_runs_from_its_start_and_tells_nothing_twice() {
        let mut clocks = Clocks::default();
        clocks.start(ClockKind::Resolution, Micros(0), &promise());
        clocks.ring(Micros(25 * MINUTE));
        clocks.stop(ClockKind::Resolution, Micros(26 * MINUTE), &promise());
        clocks.resume(ClockKind::Resolution);
        assert_eq!(alarms(&clocks.ring(Micros(60 * MINUTE))), [(Alarm::Breach, 30)]);
        clocks.cancel(ClockKind::Resolution, Micros(61 * MINUTE));
        assert_eq!(clocks.find(ClockKind::Resolution).unwrap().taken, None);
    }

    #[test]
    fn without_a_target_it_is_measured_and_nothing_told() {
        let mut clocks = Clocks::default();
        clocks.start(ClockKind::FirstBot, Micros(0), &Promise::default());
        assert_eq!((clocks.next_time(), clocks.ring(Micros(i64::MAX))), (None, vec![]));
        clocks.stop(ClockKind::FirstBot, Micros(MINUTE), &Promise::default());
        assert_eq!(clocks.find(ClockKind::FirstBot).unwrap().taken, Some(MINUTE));
    }

    #[test]
    fn clocks_survive_storage() {
        let mut clocks = Clocks::default();
        clocks.start(ClockKind::FirstHuman, Micros(0), &promise());
        clocks.start(ClockKind::FirstBot, Micros(0), &Promise::default());
        clocks.ring(Micros(25 * MINUTE));
        let stored = serde_json::to_string(&clocks).unwrap();
        assert_eq!(serde_json::from_str::<Clocks>(&stored).unwrap(), clocks);
    }
}
