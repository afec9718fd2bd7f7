//! Background work, as a tick that tests and simulated clocks can drive.

use std::time::Duration;

use siyu_clock::{Micros, Stopwatch};
use siyu_rpc::{Error, mutation};
use siyu_telemetry::names;
use tracing::Instrument;

use crate::Crm;

impl Crm {
    /// Does everything that is due at `now`: lets decay lower tiers, moves fans to rules that came into force, takes
    /// deleted tags from fans, lets rules give theirs, numbers fans as persons, forgets old requests and messages.
    ///
    /// # Errors
    /// When storage fails; what was done until then stays done.
    pub async fn tick(&self, now: Micros) -> Result<(), Error> {
        // In turns: a large account that moves to other rules must not keep decay from all others.
        loop {
            let migrated = self.migrate_once(now).await?;
            let settled = self.sweep_once(now).await?;
            let purged = self.purge_tags_once().await?;
            let applied = self.apply_tag_rules_once(now).await?;
            let numbered = self.number_fans_once().await?;
            if migrated + settled + purged + applied + numbered == 0 {
                break;
            }
        }
        mutation::purge(&self.db, now).await?;
        self.forget_old_reaches(now).await?;
        Ok(())
    }

    /// Ticks every `interval`, until dropped. A tick that fails is logged and tried again at the next.
    pub async fn run_jobs(self, interval: Duration) {
        let mut timer = tokio::time::interval(interval);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            timer.tick().await;
            let stopwatch = Stopwatch::start();
            let span = tracing::debug_span!("crm.tick");
            if let Err(error) = self.tick(self.clock.now()).instrument(span).await {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                tracing::warn!(%error, cause, "background work failed and will be tried again");
            }
            metrics::histogram!(names::CRM_SWEEP_SECONDS).record(stopwatch.elapsed().as_secs_f64());
        }
    }
}
