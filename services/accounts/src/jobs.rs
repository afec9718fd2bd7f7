//! Background work, as a tick that tests and simulated clocks can drive.

use std::{collections::BTreeSet, time::Duration};

use siyu_clock::Micros;
use siyu_rpc::{Error, mutation};
use tracing::Instrument;

use crate::Accounts;

impl Accounts {
    /// Does everything that is due at `now`: tells of certifications that have ended, publishes homepages, gives back
    /// reservations and closes periods whose time is over, tells those with an appointment what becomes of a live, forgets
    /// retired keys, old scans and old requests. What fails stops nothing else.
    ///
    /// # Errors
    /// The first of what failed.
    pub async fn tick(&self, now: Micros) -> Result<(), Error> {
        let steps = [
            self.expire_certifications(now).await,
            self.publish_scheduled(now).await,
            self.settle_rights(now).await,
            self.send_notices(now).await,
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

/// What a round of background work could not do. It is left for the next round, and does not hold up the others.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    resources: BTreeSet<String>,
    first: Option<Error>,
}

impl Failures {
    /// Logs that what is due for `resource` failed.
    pub(crate) fn note(&mut self, resource: String, error: Error) {
        tracing::warn!(resource, %error, cause = cause_of(&error), "this will be tried again; the others go on");
        self.resources.insert(resource);
        self.first.get_or_insert(error);
    }

    /// Whether it failed for `resource` already.
    pub(crate) fn has(&self, resource: &str) -> bool {
        self.resources.contains(resource)
    }

    /// How many to look up for `count` others to be among them.
    pub(crate) fn and(&self, count: i64) -> i64 {
        count.saturating_add_unsigned(self.resources.len() as u64)
    }

    /// The first failure, if there was one.
    pub(crate) fn into_result(self) -> Result<(), Error> {
        self.first.map_or(Ok(()), Err)
    }
}

/// What is behind an error, for the log.
pub(crate) fn cause_of(error: &Error) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}
