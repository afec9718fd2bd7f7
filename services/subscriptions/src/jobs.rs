//! Background work, as a tick that tests and simulated clocks can drive.

use std::time::Duration;

use siyu_clock::Micros;
use siyu_rpc::{Error, failures::cause_of, mutation};
use tracing::Instrument;

use crate::Subscriptions;

impl Subscriptions {
    /// Does everything that is due at `now`: publishes pushes, delivers what was held, forgets old plans and requests. What
    /// fails stops nothing else.
    ///
    /// # Errors
    /// The first of what failed.
    pub async fn tick(&self, now: Micros) -> Result<(), Error> {
        let steps = [
            self.run_due_pushes(now).await,
            self.purge_plans(now).await,
            mutation::purge(&self.db, now).await.map_err(Error::from),
        ];
        steps.into_iter().collect()
    }

    /// Ticks every `interval`, until dropped. A tick that fails is logged and tried again at the next.
    pub async fn run_jobs(self, interval: Duration) {
        let mut timer = tokio::time::interval(interval);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let span = tracing::debug_span!("subscriptions.tick");
            let done = tokio::select! {
                _ = timer.tick() => self.tick(self.clock.now()).instrument(span).await,
                () = self.pushes_due.notified() => self.run_due_pushes(self.clock.now()).instrument(span).await,
            };
            if let Err(error) = done {
                tracing::warn!(%error, cause = cause_of(&error), "background work failed and will be tried again");
            }
        }
    }
}
