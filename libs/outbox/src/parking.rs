//! Keys whose events wait because one could not be applied.

use siyu_clock::Micros;
use siyu_proto::common::v1::ParkedKey;
use siyu_rpc::{Error, Mutation, Page, time::to_proto};
use siyu_telemetry::names;

use crate::{Follower, StoredEvent, store};

/// Events that are replayed in one transaction: as long as it lasts, the partition of the key may wait.
const REPLAYED_AT_ONCE: i64 = 500;

impl Follower {
    /// A page of the parked keys, and the token of the next.
    pub(crate) async fn parked_keys(&self, page: &Page<String>) -> Result<(Vec<ParkedKey>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut found = store::parked::list(&mut tx, &self.name, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.event_key.clone())?;
        Ok((found.into_iter().map(to_parked_key).collect(), next))
    }

    /// Applies the events of a parked key, some at a time, and lets it go. Answers how many; and the key, when it stays
    /// parked.
    pub(crate) async fn replay(
        &self,
        mutation: &Mutation,
        key: &str,
    ) -> Result<(i64, Option<ParkedKey>), Error> {
        let mut applied = 0;
        loop {
            let mut tx = self.db.begin().await?;
            if !store::parked::lock(&mut tx, &self.name, key).await? {
                return Ok((applied, None));
            }
            let events = store::parked::events(&mut tx, &self.name, key, REPLAYED_AT_ONCE).await?;
            let in_order: Vec<&StoredEvent> = events.iter().collect();
            if let Err(failed) = self.apply_in_order(&mut tx, &in_order).await? {
                drop(tx);
                return Ok((applied, self.stays_parked(mutation, key, &failed).await?));
            }
            applied += i64::try_from(events.len()).unwrap_or(i64::MAX);
            match events.last() {
                Some(last) => {
                    store::parked::remove_events(&mut tx, &self.name, key, last.position).await?;
                    tx.commit().await?;
                    self.consumer.committed();
                }
                None => {
                    store::parked::remove_key(&mut tx, &self.name, key).await?;
                    mutation.finish(tx, &applied, self.clock.now()).await?;
                    return Ok((applied, None));
                }
            }
        }
    }

    async fn stays_parked(
        &self,
        mutation: &Mutation,
        key: &str,
        reason: &str,
    ) -> Result<Option<ParkedKey>, Error> {
        let mut tx = self.db.begin().await?;
        store::parked::failed_again(&mut tx, &self.name, key, reason).await?;
        let parked = store::parked::get(&mut tx, &self.name, key).await?;
        mutation.finish(tx, &reason, self.clock.now()).await?;
        Ok(parked.map(to_parked_key))
    }

    /// Tells the metrics how many keys are parked, for an alert.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn measure_parked(&self) -> Result<(), Error> {
        let mut tx = self.db.begin_read().await?;
        let count = store::parked::count(&mut tx, &self.name).await?;
        let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        metrics::gauge!(names::EVENT_PARKED_KEYS, "consumer" => self.name.clone()).set(count);
        Ok(())
    }
}

fn to_parked_key(parked: store::parked::ParkedKey) -> ParkedKey {
    ParkedKey {
        key: parked.event_key,
        reason: parked.reason,
        event_count: parked.event_count,
        attempt_count: parked.attempt_count,
        park_time: Some(to_proto(Micros(parked.park_time))),
    }
}
