//! Keys that another process holds.

use std::{sync::Arc, time::Duration};

use siyu_clock::Stopwatch;
use siyu_telemetry::names;
use tokio::{sync::Mutex, time::timeout};

use super::{KeySet, Verifier};
use crate::Error;

/// Where keys come from that another process holds, such as the accounts service.
#[tonic::async_trait]
pub trait KeySource: Send + Sync {
    /// All its keys as they are now.
    ///
    /// # Errors
    /// When they cannot be had; those known before stay.
    async fn fetch(&self) -> Result<KeySet, Error>;
}

/// Strangers can name keys that do not exist: they must not make us ask for them all the time.
const PAUSE: Duration = Duration::from_secs(2);
/// A call waits for new keys no longer than this.
const PATIENCE: Duration = Duration::from_secs(1);

/// Fetches the keys of one source.
pub(super) struct Refresher {
    source: String,
    from: Arc<dyn KeySource>,
    /// Since when the keys are known, or are known not to be had. Locked while they are fetched.
    last: Mutex<Option<Stopwatch>>,
}

impl Refresher {
    pub(super) fn new(source: &str, from: Arc<dyn KeySource>) -> Self {
        Self { source: source.to_owned(), from, last: Mutex::default() }
    }

    /// Fetches the keys into `verifier`, once for all who wait.
    pub(super) async fn refresh(self: Arc<Self>, verifier: Verifier) {
        // A task of its own: a caller who goes away must not stop what others wait for.
        let fetching = tokio::spawn(async move { self.fetch_into(&verifier).await });
        let _ = timeout(PATIENCE, fetching).await;
    }

    async fn fetch_into(&self, verifier: &Verifier) {
        let mut last = self.last.lock().await;
        if last.is_some_and(|last| last.elapsed() < PAUSE) {
            return;
        }
        let fetched = timeout(PATIENCE, self.from.fetch()).await;
        *last = Some(Stopwatch::start());
        let outcome = match fetched {
            Ok(Ok(keys)) => {
                verifier.replace(&self.source, keys);
                "replaced"
            }
            Ok(Err(error)) => {
                tracing::warn!(source = self.source, %error, "the signing keys cannot be had; the old ones stay");
                "failed"
            }
            Err(_) => {
                tracing::warn!(
                    source = self.source,
                    "the signing keys do not come in time; the old ones stay"
                );
                "failed"
            }
        };
        metrics::counter!(names::AUTH_RELOADS_TOTAL, "source" => self.source.clone(), "outcome" => outcome)
            .increment(1);
    }
}
