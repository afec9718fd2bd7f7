//! Background work, as a tick that tests and simulated clocks can drive.

use std::time::Duration;

use siyu_clock::Micros;
use siyu_rpc::{Error, failures::cause_of, mutation};
use tracing::Instrument;

use crate::Groups;

impl Groups {
    /// Does everything that is due at `now`: asks thresholds again, takes back what is left in envelopes, and forgets old
    /// requests.
    ///
    /// # Errors
    /// What failed.
    pub async fn tick(&self, now: Micros) -> Result<(), Error> {
        // What fails of one holds up no other.
        let checked = self.check_thresholds(now).await;
        let expired = self.expire_envelopes(now).await;
        mutation::purge(&self.db, now).await?;
        checked.and(expired)
    }

    /// Ticks every `interval`, and tells those who listen what they may have missed, until dropped. A tick that fails is logged and
    /// tried again at the next.
    pub async fn run_jobs(self, interval: Duration) {
        tokio::join!(self.tick_every(interval), self.keep_up());
    }

    async fn tick_every(&self, interval: Duration) {
        let mut timer = tokio::time::interval(interval);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            timer.tick().await;
            let span = tracing::debug_span!("groups.tick");
            if let Err(error) = self.tick(self.clock.now()).instrument(span).await {
                tracing::warn!(%error, cause = cause_of(&error), "background work failed and will be tried again");
            }
        }
    }
}
