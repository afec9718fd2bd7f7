//! Background work, as a tick that tests and simulated clocks can drive.

use std::time::Duration;

use siyu_clock::Micros;
use siyu_rpc::{Error, failures::cause_of, mutation};
use tracing::Instrument;

use crate::Accounts;

impl Accounts {
    /// Does everything that is due at `now`: tells of certifications that have ended, publishes homepages, gives back
    /// reservations and closes periods whose time is over, tells those with an appointment what becomes of a live, puts leads
    /// that nobody moves back into the pool, forgets retired keys, old scans and old requests. What fails stops nothing else.
    ///
    /// # Errors
    /// The first of what failed.
    pub async fn tick(&self, now: Micros) -> Result<(), Error> {
        let steps = [
            self.expire_certifications(now).await,
            self.publish_scheduled(now).await,
            self.settle_rights(now).await,
            self.send_notices(now).await,
            self.expire_leads(now).await,
            self.forget_signing_keys(now).await.map_err(Error::from),
            self.purge_scans(now).await,
            mutation::purge(&self.db, now).await.map_err(Error::from),
        ];
        steps.into_iter().collect()
    }

    /// Ticks every `interval`, until dropped. A tick that fails is logged and tried again at the next.
    pub async fn run_jobs(self, interval: Duration) {
        let mut timer = tokio::time::interval(interval);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let span = tracing::debug_span!("accounts.tick");
            let done = tokio::select! {
                _ = timer.tick() => self.tick(self.clock.now()).instrument(span).await,
                () = self.notices.notified() => self.send_notices(self.clock.now()).instrument(span).await,
            };
            if let Err(error) = done {
                tracing::warn!(%error, cause = cause_of(&error), "background work failed and will be tried again");
            }
        }
    }
}
