//! Those who read inboxes in this process.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use tokio::sync::{
    Notify,
    broadcast::{self, error::TryRecvError},
};

use crate::{Link, Redis, queue::Queue};

/// Changes that a reader may be behind before it has to pull. Every inbox that is read has room for so many.
const BACKLOG: usize = 64;
/// Changes that a reader is handed at once.
const MOST_AT_ONCE: usize = 100;

/// What a change is, for those who read it from memory.
#[derive(Debug, Clone)]
struct News<T> {
    change: i64,
    /// None where another process stored it.
    what: Option<T>,
}

/// An inbox that somebody reads.
struct Topic<T> {
    news: broadcast::Sender<News<T>>,
    /// The last change that was published here: it comes back from Redis and from the feed, and need not wake anybody.
    last_published: i64,
}

struct Shared<T> {
    topics: Mutex<HashMap<Arc<str>, Topic<T>>>,
    may_have_missed: Notify,
    /// What other processes are told, where there is Redis.
    others: OnceLock<Arc<Queue>>,
}

/// Tells readers of inboxes what changes in them; `T` is what a change is, and cheap to clone. Clones are the same hub.
pub struct Hub<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Clone for Hub<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T> fmt::Debug for Hub<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

impl<T> Default for Hub<T> {
    fn default() -> Self {
        let shared =
            Shared { topics: Mutex::default(), may_have_missed: Notify::new(), others: OnceLock::new() };
        Self { shared: Arc::new(shared) }
    }
}

impl<T> Hub<T> {
    fn topics(&self) -> MutexGuard<'_, HashMap<Arc<str>, Topic<T>>> {
        self.shared.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone + Send + Sync + 'static> Hub<T> {
    /// Joins the hubs of the same name in other processes, over Redis. To be called once; the link is to be run.
    #[must_use]
    pub fn link(&self, name: &str, redis: &Redis) -> Link {
        let queue = self.shared.others.get_or_init(Arc::default);
        Link::new(name, redis, queue.clone(), Arc::new(self.clone()))
    }

    /// Changes are stored: those who read the inboxes get them, and other processes are told which there are. Never waits.
    pub fn publish(&self, changes: &[(String, i64, T)]) {
        let mut topics = self.topics();
        for (inbox, change, what) in changes {
            if let Some(topic) = topics.get_mut(inbox.as_str()) {
                topic.last_published = topic.last_published.max(*change);
                // Whoever has just gone need not be told.
                let _ = topic.news.send(News { change: *change, what: Some(what.clone()) });
            }
        }
        drop(topics);
        if let Some(others) = self.shared.others.get() {
            others.add(changes.iter().map(|(inbox, change, _)| (inbox.as_str(), *change)));
        }
    }

    /// An inbox is at a change, which is in storage.
    pub fn hear(&self, inbox: &str, change: i64) {
        if let Some(topic) = self.topics().get(inbox)
            && change > topic.last_published
        {
            let _ = topic.news.send(News { change, what: None });
        }
    }

    /// Something may have been missed, in any inbox.
    pub fn miss(&self) {
        self.shared.may_have_missed.notify_one();
    }

    /// Waits until something may have been missed. Whoever waits, one for the hub, is to [`Hub::hear`] where all
    /// [`Hub::inboxes`] are.
    pub async fn may_have_missed(&self) {
        self.shared.may_have_missed.notified().await;
    }

    /// The inboxes that are read here.
    #[must_use]
    pub fn inboxes(&self) -> Vec<Arc<str>> {
        self.topics().keys().cloned().collect()
    }

    /// Reads an inbox from now on. Where it stands now is to be looked up after this, and told with [`Reader::begin`].
    #[must_use]
    pub fn read(&self, inbox: &str) -> Reader<T> {
        let mut topics = self.topics();
        let inbox = topics.get_key_value(inbox).map_or_else(|| Arc::from(inbox), |(known, _)| known.clone());
        let new = || Topic { news: broadcast::Sender::new(BACKLOG), last_published: 0 };
        let news = topics.entry(inbox.clone()).or_insert_with(new).news.subscribe();
        Reader { hub: self.clone(), inbox, news: Some(news), cursor: 0, is_behind: false }
    }
}

/// One who reads an inbox.
pub struct Reader<T> {
    hub: Hub<T>,
    inbox: Arc<str>,
    /// There until it is dropped.
    news: Option<broadcast::Receiver<News<T>>>,
    /// The last change that it has.
    cursor: i64,
    /// Whether there may be more in storage.
    is_behind: bool,
}

/// What a reader hears.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<T> {
    /// The changes that come next, in order.
    Changes(Vec<T>),
    /// There may be more in storage than it has.
    Behind,
}

impl<T> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("inbox", &self.inbox)
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}

impl<T: Clone> Reader<T> {
    /// It has what happened up to a change; `is_behind` when there is more than that in storage.
    pub fn begin(&mut self, cursor: i64, is_behind: bool) {
        self.cursor = cursor;
        self.is_behind = is_behind;
    }

    /// The last change that it has.
    #[must_use]
    pub fn cursor(&self) -> i64 {
        self.cursor
    }

    /// Waits for what happens next. Dropped while it waits, it has taken nothing.
    pub async fn next(&mut self) -> Heard<T> {
        loop {
            if self.is_behind {
                return Heard::Behind;
            }
            let Some(news) = &mut self.news else { return Heard::Changes(Vec::new()) };
            let mut heard = vec![news.recv().await.ok()];
            while heard.len() < MOST_AT_ONCE {
                match news.try_recv() {
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                    other => heard.push(other.ok()),
                }
            }
            let changes: Vec<T> = heard.into_iter().filter_map(|news| self.take(news)).collect();
            if !changes.is_empty() {
                return Heard::Changes(changes);
            }
        }
    }

    /// The next change; where it is another, or too many came at once, notes that it has to be pulled.
    fn take(&mut self, heard: Option<News<T>>) -> Option<T> {
        match heard {
            Some(News { change, .. }) if change <= self.cursor => None,
            Some(News { change, what: Some(what) }) if change == self.cursor + 1 => {
                self.cursor = change;
                Some(what)
            }
            _ => {
                self.is_behind = true;
                None
            }
        }
    }
}

impl<T> Drop for Reader<T> {
    /// The last reader of an inbox takes along what was held for them all.
    fn drop(&mut self) {
        let mut topics = self.hub.topics();
        drop(self.news.take());
        if topics.get(&self.inbox).is_some_and(|topic| topic.news.receiver_count() == 0) {
            topics.remove(&self.inbox);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANN: &str = "users/ann";

    fn change(number: i64) -> (String, i64, i64) {
        (ANN.to_owned(), number, number)
    }

    #[tokio::test]
    async fn the_very_next_comes_from_memory_and_anything_else_from_storage() {
        let hub = Hub::default();
        let mut reader = hub.read(ANN);
        reader.begin(4, false);
        hub.publish(&[change(4), change(5), change(6), ("users/bea".to_owned(), 7, 7)]);
        assert_eq!(reader.next().await, Heard::Changes(vec![5, 6]));
        hub.publish(&[change(8)]);
        assert_eq!(reader.next().await, Heard::Behind);
        reader.begin(8, false);
        // What this process published is no news when it comes back; what another did is.
        hub.hear(ANN, 8);
        hub.hear(ANN, 9);
        assert_eq!(reader.next().await, Heard::Behind);
    }

    #[tokio::test]
    async fn who_is_too_slow_is_behind() {
        let hub = Hub::default();
        let mut reader = hub.read(ANN);
        let many: Vec<_> = (1..=200).map(change).collect();
        hub.publish(&many);
        assert_eq!(reader.next().await, Heard::Behind);
        assert_eq!(reader.cursor(), 0);
    }

    #[tokio::test]
    async fn an_inbox_is_held_as_long_as_somebody_reads_it() {
        let hub = Hub::<i64>::default();
        let (first, second) = (hub.read(ANN), hub.read(ANN));
        drop(first);
        assert_eq!(hub.inboxes(), [Arc::from(ANN)]);
        drop(second);
        assert!(hub.inboxes().is_empty());
    }

    proptest! {
        /// Whatever is heard in whatever order, with pulls where the reader asks for them: each change once, in order.
        #[test]
        fn nothing_is_left_out_and_nothing_comes_twice(steps in prop::collection::vec((0..4u8, 1..40i64), 1..60)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let hub = Hub::default();
                let mut reader = hub.read(ANN);
                let (mut stored, mut seen) = (0, Vec::new());
                for (kind, count) in steps {
                    let new = stored + 1..=stored + count;
                    stored += count;
                    match kind {
                        // Published here, published in another order, by another process, by one that tells nobody.
                        0 => hub.publish(&new.map(change).collect::<Vec<_>>()),
                        1 => hub.publish(&new.rev().map(change).collect::<Vec<_>>()),
                        2 => hub.hear(ANN, stored),
                        _ => {}
                    }
                }
                hub.hear(ANN, stored + 1);
                stored += 1;
                while reader.cursor() < stored {
                    match reader.next().await {
                        Heard::Changes(changes) => seen.extend(changes),
                        Heard::Behind => {
                            let pulled = (reader.cursor() + 1..=stored).take(10);
                            seen.extend(pulled);
                            let cursor = seen.last().copied().unwrap_or_default();
                            reader.begin(cursor, cursor < stored);
                        }
                    }
                }
                assert_eq!(seen, (1..=stored).collect::<Vec<_>>());
            });
        }
    }
}
