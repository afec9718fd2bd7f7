//! Background work, as a tick that tests and simulated clocks can drive.

use std::time::Duration;

use siyu_clock::Micros;
use siyu_rpc::{Error, failures::cause_of, mutation};
use tracing::Instrument;

use crate::Messaging;

impl Messaging {
    /// Does everything that is due at `now`: forgets old requests, and sends to many.
    ///
    /// # Errors
    /// What failed.
    pub async fn tick(&self, now: Micros) -> Result<(), Error> {
        mutation::purge(&self.db, now).await?;
        self.run_due_group_sends(now).await
    }

    /// Ticks every `interval`, until dropped. A tick that fails is logged and tried again at the next.
    pub async fn run_jobs(self, interval: Duration) {
        let mut timer = tokio::time::interval(interval);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            timer.tick().await;
            let span = tracing::debug_span!("messaging.tick");
            if let Err(error) = self.tick(self.clock.now()).instrument(span).await {
                tracing::warn!(%error, cause = cause_of(&error), "background work failed and will be tried again");
            }
        }
    }
}
