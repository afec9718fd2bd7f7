//! Background work, as a tick that tests and simulated clocks can drive.

use std::time::Duration;

use siyu_clock::Micros;
use siyu_rpc::{Error, failures::cause_of, mutation};
use tracing::Instrument;

use crate::Messaging;

impl Messaging {
    /// Does everything that is due at `now`: lets clocks tell what they have to tell, gives conversations that wait to agents who
    /// have room, sends to many, brings away what was answered, forgets old requests and what is not kept for longer.
    ///
    /// # Errors
    /// What failed.
    pub async fn tick(&self, now: Micros) -> Result<(), Error> {
        // What fails of one holds up no other.
        let rang = self.ring_clocks(now).await;
        let drained = self.drain_all().await;
        let sent = self.run_due_group_sends(now).await;
        let delivered = self.deliver_runs(now).await;
        let forgotten = self.forget_due(now).await;
        let told = self.tell_used_rights().await;
        mutation::purge(&self.db, now).await?;
        rang.and(drained).and(sent).and(delivered).and(forgotten).and(told)
    }

    /// Ticks every `interval`, drains queues as soon as something changed at them, and tells those who listen what they may have
    /// missed, until dropped. A tick that fails is logged and tried again at the next.
    pub async fn run_jobs(self, interval: Duration) {
        tokio::join!(self.tick_every(interval), self.drain_when_woken(), self.keep_up());
    }

    async fn tick_every(&self, interval: Duration) {
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
