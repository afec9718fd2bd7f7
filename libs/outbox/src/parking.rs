//! Keys whose events wait because one could not be applied.

use siyu_clock::Micros;
use siyu_proto::common::v1::ParkedKey;
use siyu_rpc::{Error, Page, time::to_proto};
use siyu_telemetry::names;

use crate::{
    Follower,
    follow::{is_passing, reason},
    store,
};

impl Follower {
    /// A page of the parked keys, and the token of the next.
    pub(crate) async fn parked_keys(&self, page: &Page<String>) -> Result<(Vec<ParkedKey>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut found = store::parked::list(&mut tx, &self.name, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.event_key.clone())?;
        Ok((found.into_iter().map(to_parked_key).collect(), next))
    }

    /// Applies the events of a parked key, and lets it go. Answers how many; or the key, when it stays parked.
    pub(crate) async fn replay(&self, key: &str) -> Result<(i64, Option<ParkedKey>), Error> {
        let mut tx = self.db.begin().await?;
        let Some(parked) = store::parked::lock(&mut tx, &self.name, key).await? else { return Ok((0, None)) };
        let events = store::parked::events(&mut tx, &self.name, key).await?;
        let event_count = i64::try_from(events.len()).unwrap_or(i64::MAX);
        for event in &events {
            match self.apply(&mut tx, event).await {
                Ok(()) => {}
                Err(error) if is_passing(&error) => return Err(error),
                Err(error) => {
                    drop(tx);
                    let reason = reason(event, &error);
                    let mut tx = self.db.begin().await?;
                    store::parked::failed_again(&mut tx, &self.name, key, &reason).await?;
                    tx.commit().await?;
                    let attempt_count = parked.attempt_count + 1;
                    let parked = store::parked::ParkedKey { reason, attempt_count, event_count, ..parked };
                    return Ok((0, Some(to_parked_key(parked))));
                }
            }
        }
        store::parked::remove(&mut tx, &self.name, key).await?;
        tx.commit().await?;
        Ok((event_count, None))
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
