//! Background work, as a tick that tests and simulated clocks can drive.

use std::time::Duration;

use siyu_clock::Micros;
use siyu_rpc::{Error, mutation};
use tracing::Instrument;

use crate::Subscriptions;

impl Subscriptions {
    /// Does everything that is due at `now`: forgets old requests.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn tick(&self, now: Micros) -> Result<(), Error> {
        mutation::purge(&self.db, now).await?;
        Ok(())
    }

    /// Ticks every `interval`, until dropped. A tick that fails is logged and tried again at the next.
    pub async fn run_jobs(self, interval: Duration) {
        let mut timer = tokio::time::interval(interval);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            timer.tick().await;
            let span = tracing::debug_span!("subscriptions.tick");
            if let Err(error) = self.tick(self.clock.now()).instrument(span).await {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                tracing::warn!(%error, cause, "background work failed and will be tried again");
            }
        }
    }
}
