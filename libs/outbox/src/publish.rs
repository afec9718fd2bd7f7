//! Giving events their positions.

use std::time::Duration;

use siyu_clock::Stopwatch;
use siyu_db::DbError;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::Error;
use siyu_telemetry::names;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::{Outbox, lease::Lease, store};

const LEASE: &str = "publisher";
/// Events published in one transaction.
const BATCH: u64 = 1_000;
/// Between two publications that found less than that: under load what is written meanwhile shares one, instead of one sync of the
/// disk for every sync of those who write.
const PACE: Duration = Duration::from_millis(10);
/// Events removed in one transaction.
const REMOVE_BATCH: i64 = 5_000;
/// How often old events are looked for.
const REMOVE_INTERVAL: Duration = Duration::from_secs(60);

impl Outbox {
    /// Publishes what is written, and removes what is old, until `stop`. Every process of a service runs it; one of them
    /// at a time works.
    pub async fn run(self, stop: CancellationToken) {
        let mut lease = self.lease();
        let mut since_removal = Stopwatch::start();
        while !stop.is_cancelled() {
            if let Err(error) = self.publish_all(&mut lease, &stop).await {
                tracing::warn!(feed = self.feed, %error, "publishing failed and will be tried again");
            }
            if since_removal.elapsed() >= REMOVE_INTERVAL {
                since_removal = Stopwatch::start();
                if let Err(error) = self.remove_old().await {
                    tracing::warn!(feed = self.feed, %error, "old events could not be removed");
                }
            }
            tokio::select! {
                () = self.written.notified() => {}
                () = tokio::time::sleep(self.settings.poll_interval) => {}
                () = stop.cancelled() => {}
            }
        }
        if let Err(error) = lease.release(&self.db).await {
            tracing::warn!(feed = self.feed, %error, "the next publisher has to wait for the lease");
        }
    }

    /// Waits until everything that was written is published, by this process or another. Answers how many events ever were.
    ///
    /// # Errors
    /// UNAVAILABLE when that takes too long; what was published until then stays published.
    pub async fn settle(&self) -> Result<i64, Error> {
        const PAUSE: Duration = Duration::from_millis(5);
        let limit = self.settings.lease_timeout * 3 + self.settings.poll_interval * 10;
        let stopwatch = Stopwatch::start();
        self.wake();
        loop {
            let mut tx = self.db.begin_read().await?;
            if !store::event::has_unpublished(&mut tx).await? {
                let partitions = store::event::partitions(&mut tx).await?;
                return Ok(partitions.iter().map(|partition| partition.last_position).sum());
            }
            drop(tx);
            if stopwatch.elapsed() > limit {
                let message = format!("the events of {} are not published in time", self.feed);
                return Err(Error::new(Code::Unavailable, ErrorReason::DependencyUnavailable, message));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn lease(&self) -> Lease {
        let holder = self.ids.ulid(self.clock.now());
        Lease::new(LEASE, holder, self.settings.lease_timeout)
    }

    /// Publishes all there is, if this process holds the lease or can take it.
    async fn publish_all(&self, lease: &mut Lease, stop: &CancellationToken) -> Result<(), DbError> {
        while !stop.is_cancelled() {
            let mut tx = self.db.begin_read().await?;
            let has_work = store::event::has_unpublished(&mut tx).await?;
            drop(tx);
            if !has_work {
                lease.forget_what_was_seen();
                return Ok(());
            }
            if !lease.hold(&self.db).await? {
                return Ok(());
            }
            if self.publish_batch(lease).await? < BATCH {
                tokio::time::sleep(PACE).await;
            }
        }
        Ok(())
    }

    /// Answers how many it has published.
    async fn publish_batch(&self, lease: &mut Lease) -> Result<u64, DbError> {
        let mut tx = self.db.begin().await?;
        if !lease.beat(&mut tx).await? {
            return Ok(0);
        }
        let published = store::event::publish(&mut tx, self.clock.now(), BATCH).await?;
        tx.commit().await?;
        metrics::counter!(names::EVENTS_PUBLISHED_TOTAL, "feed" => self.feed).increment(published);
        self.published.send_modify(|count| *count = count.wrapping_add(published));
        Ok(published)
    }

    /// Tells the metrics how many events wait to be published, for an alert.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn measure_unpublished(&self) -> Result<(), Error> {
        let mut tx = self.db.begin_read().await?;
        let count = store::event::unpublished(&mut tx).await?;
        let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        metrics::gauge!(names::EVENTS_UNPUBLISHED, "feed" => self.feed).set(count);
        Ok(())
    }

    /// Removes events that are older than the retention. Any process may do it: nobody publishes meanwhile.
    ///
    /// # Errors
    /// When storage fails; what was removed until then stays removed.
    pub async fn remove_old(&self) -> Result<(), DbError> {
        let before = self.clock.now().minus(self.settings.retention);
        loop {
            let mut tx = self.db.begin().await?;
            store::lease::lock(&mut tx, LEASE).await?;
            let removed = store::event::remove_old(&mut tx, before, REMOVE_BATCH).await?;
            tx.commit().await?;
            if removed == 0 {
                return Ok(());
            }
        }
    }
}
