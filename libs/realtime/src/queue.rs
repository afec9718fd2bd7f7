//! What other processes are still to be told. It never makes anybody wait.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

use siyu_telemetry::names;
use tokio::sync::Notify;

use crate::ring::{Ring, Rings};

/// Inboxes that wait at once: a second of a busy process, a few megabytes. Of each the last change is enough.
const MOST_INBOXES: usize = 32_768;

#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// The last change of each inbox.
    changes: HashMap<String, i64>,
    /// Something was dropped since the others were last told that they may have missed something.
    is_incomplete: bool,
}

impl Queue {
    /// Adds changes; where there are too many already, they are dropped and counted.
    pub(crate) fn add<'a>(&self, changes: impl IntoIterator<Item = (&'a str, i64)>) {
        let mut dropped = 0;
        let mut waiting = self.lock();
        for (inbox, change) in changes {
            let is_full = waiting.changes.len() >= MOST_INBOXES;
            match waiting.changes.entry(inbox.to_owned()) {
                Entry::Occupied(mut last) => *last.get_mut() = change.max(*last.get()),
                Entry::Vacant(_) if is_full => dropped += 1,
                Entry::Vacant(place) => drop(place.insert(change)),
            }
        }
        waiting.is_incomplete |= dropped > 0;
        drop(waiting);
        if dropped > 0 {
            metrics::counter!(names::REALTIME_DROPPED_TOTAL).increment(dropped);
        }
        self.added.notify_one();
    }

    /// Instead of what waits, the others are to be told that they may have missed something.
    pub(crate) fn start_over(&self) {
        *self.lock() = Waiting { changes: HashMap::new(), is_incomplete: true };
        self.added.notify_one();
    }

    /// Waits for something to tell, and takes all of it.
    pub(crate) async fn take(&self) -> Rings {
        loop {
            let waiting = std::mem::take(&mut *self.lock());
            if waiting.is_incomplete || !waiting.changes.is_empty() {
                let rings = waiting.changes.into_iter().map(|(inbox, change)| Ring { inbox, change });
                return Rings { rings: rings.collect(), is_incomplete: waiting.is_incomplete };
            }
            self.added.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_each_inbox_the_last_change_waits() {
        let queue = Queue::default();
        queue.add([("users/ann", 1), ("users/ann", 3), ("users/ann", 2), ("users/bea", 9)]);
        let mut taken = queue.take().await;
        taken.rings.sort_by(|a, b| a.inbox.cmp(&b.inbox));
        let ring = |inbox: &str, change| Ring { inbox: inbox.to_owned(), change };
        let rings = vec![ring("users/ann", 3), ring("users/bea", 9)];
        assert_eq!(taken, Rings { rings, is_incomplete: false });
    }

    #[tokio::test]
    async fn what_is_too_much_is_dropped_and_the_others_are_told_so_once() {
        let queue = Queue::default();
        let names: Vec<String> = (0..=MOST_INBOXES).map(|number| format!("users/u{number}")).collect();
        queue.add(names.iter().map(|name| (name.as_str(), 1)));
        // Those that wait already still count on.
        queue.add([("users/u0", 2)]);
        let taken = queue.take().await;
        assert_eq!((taken.rings.len(), taken.is_incomplete), (MOST_INBOXES, true));
        assert!(taken.rings.contains(&Ring { inbox: "users/u0".to_owned(), change: 2 }));
        queue.add([("users/u0", 3)]);
        assert!(!queue.take().await.is_incomplete);
    }

    #[tokio::test]
    async fn who_starts_over_tells_nothing_else() {
        let queue = Queue::default();
        queue.add([("users/ann", 1)]);
        queue.start_over();
        assert_eq!(queue.take().await, Rings { rings: Vec::new(), is_incomplete: true });
    }
}
