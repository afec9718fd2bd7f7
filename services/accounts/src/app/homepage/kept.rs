//! Values kept in memory for a time.

use std::{future::Future, time::Duration};

use quick_cache::{Weighter, sync::Cache};
use siyu_clock::Stopwatch;
use siyu_rpc::Error;
use siyu_telemetry::names;

/// Bytes that a place in the cache takes beside its key and value, about.
const OVERHEAD: usize = 100;
/// Bytes that a value takes on average, about: the cache begins with places for so many.
const USUAL: u64 = 400;

/// Values by resource name, none older than the time to live and all together of limited size. One that is forgotten while
/// it is loaded is not kept: what was loaded may be older than what it was forgotten for.
pub(crate) struct Kept<V> {
    /// For the metrics.
    name: &'static str,
    values: Cache<String, Value<V>, BySize>,
    time_to_live: Duration,
}

#[derive(Clone)]
struct Value<V> {
    value: V,
    bytes: usize,
    age: Stopwatch,
}

#[derive(Clone)]
struct BySize;

impl<V> Weighter<String, Value<V>> for BySize {
    fn weight(&self, key: &String, value: &Value<V>) -> u64 {
        (key.len() + value.bytes + OVERHEAD) as u64
    }
}

impl<V> std::fmt::Debug for Kept<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<V: Clone> Kept<V> {
    /// Keeps nothing yet, and never more than about `most_bytes`.
    pub(crate) fn new(name: &'static str, most_bytes: u64, time_to_live: Duration) -> Self {
        let places = usize::try_from(most_bytes / USUAL).unwrap_or(usize::MAX);
        Self { name, values: Cache::with_weighter(places, most_bytes, BySize), time_to_live }
    }

    /// The value called `name` if it `is_good`; else what `load` answers, with its size in bytes. Of several who ask at the
    /// same time one loads.
    pub(crate) async fn get<F: Future<Output = Result<(V, usize), Error>>>(
        &self,
        name: &str,
        is_good: impl Fn(&V) -> bool,
        load: impl FnOnce() -> F,
    ) -> Result<V, Error> {
        let is_fresh = |kept: &Value<V>| kept.age.elapsed() < self.time_to_live && is_good(&kept.value);
        if let Some(kept) = self.values.get(name) {
            if is_fresh(&kept) {
                self.count("hit");
                return Ok(kept.value);
            }
            self.values.remove_if(name, |kept| !is_fresh(kept));
        }
        self.count("miss");
        let age = Stopwatch::start();
        let loaded = async { load().await.map(|(value, bytes)| Value { value, bytes, age }) };
        // On the heap, so that who finds a value does not carry the room that loading one needs.
        Ok(Box::pin(self.values.get_or_insert_async(name, loaded)).await?.value)
    }

    /// Forgets the value called `name`.
    pub(crate) fn forget(&self, name: &str) {
        self.values.remove(name);
    }

    /// Forgets everything.
    pub(crate) fn forget_all(&self) {
        self.values.clear();
    }

    fn count(&self, outcome: &'static str) {
        metrics::counter!(names::HOMEPAGE_CACHE_TOTAL, "cache" => self.name, "outcome" => outcome)
            .increment(1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use tokio::sync::Notify;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    async fn get(kept: &Kept<usize>, name: &str, value: usize) -> usize {
        kept.get(name, |_| true, || async { Ok((value, 8)) }).await.unwrap()
    }

    #[tokio::test]
    async fn a_value_is_kept_until_it_is_forgotten_old_or_no_longer_good() {
        let kept = Kept::new("test", 1_000_000, LONG);
        assert_eq!(get(&kept, "a", 1).await, 1);
        assert_eq!(get(&kept, "a", 2).await, 1);
        kept.forget("a");
        assert_eq!(get(&kept, "a", 3).await, 3);
        kept.forget_all();
        assert_eq!(get(&kept, "a", 4).await, 4);
        assert_eq!(kept.get("a", |value| *value > 4, || async { Ok((5, 8)) }).await.unwrap(), 5);

        let short_lived = Kept::new("test", 1_000_000, Duration::ZERO);
        assert_eq!((get(&short_lived, "a", 1).await, get(&short_lived, "a", 2).await), (1, 2));
    }

    #[tokio::test]
    async fn what_is_forgotten_while_it_is_loaded_is_not_kept() {
        for forget_all in [true, false] {
            let (kept, begun, go_on) = (Kept::new("test", 1_000_000, LONG), Notify::new(), Notify::new());
            let load = || async {
                begun.notify_one();
                go_on.notified().await;
                Ok((1, 8))
            };
            let forget = async {
                begun.notified().await;
                if forget_all {
                    kept.forget_all()
                } else {
                    kept.forget("a")
                }
                go_on.notify_one();
            };
            let (loaded, ()) = tokio::join!(kept.get("a", |_| true, load), forget);
            assert_eq!(loaded.unwrap(), 1);
            assert_eq!(get(&kept, "a", 2).await, 2);
        }
    }

    #[tokio::test]
    async fn of_many_who_ask_one_loads_and_a_failure_is_not_kept() {
        let (kept, loads) = (Kept::new("test", 1_000_000, LONG), AtomicUsize::new(0));
        let asks = (0..50).map(|_| {
            kept.get(
                "a",
                |_| true,
                || async {
                    tokio::task::yield_now().await;
                    Ok((loads.fetch_add(1, Relaxed), 8))
                },
            )
        });
        let answers = futures_util::future::join_all(asks).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap() == 0));
        let failed = kept.get("b", |_| true, || async { Err(Error::not_found("b")) }).await;
        assert!(failed.is_err());
        assert_eq!(get(&kept, "b", 2).await, 2);
    }

    #[tokio::test]
    async fn there_is_a_limit() {
        let kept = Kept::new("test", 100_000, LONG);
        for number in 0..1_000 {
            kept.get(&number.to_string(), |_| true, || async { Ok((number, 1_000)) }).await.unwrap();
        }
        assert!(kept.values.weight() <= 100_000);
    }
}
