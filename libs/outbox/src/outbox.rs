use std::{sync::Arc, time::Duration};

use prost::Name;
use sha2::{Digest, Sha256};
use siyu_clock::{Clock, Ids};
use siyu_db::{Db, DbError, Tx};
use siyu_telemetry::context;
use tokio::sync::{Notify, watch};

use crate::{PARTITIONS, store};

/// How an outbox works.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How often it looks for what other processes have written or published.
    pub poll_interval: Duration,
    /// How long a publisher may do nothing, with work waiting, until another takes its place.
    pub lease_timeout: Duration,
    /// How long published events are kept.
    pub retention: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);
        Self {
            poll_interval: Duration::from_millis(200),
            lease_timeout: Duration::from_secs(2),
            retention: WEEK,
        }
    }
}

/// The events of one service. Clones share everything.
#[derive(Debug, Clone)]
pub struct Outbox {
    pub(crate) feed: &'static str,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) settings: Settings,
    /// Something was written here.
    pub(crate) written: Arc<Notify>,
    /// Counts what was published here, for those who wait for it.
    pub(crate) published: watch::Sender<u64>,
}

/// An event to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub(crate) key: String,
    pub(crate) type_url: String,
    pub(crate) payload: Vec<u8>,
}

/// An event as stored, by its service or by a consumer that parked it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredEvent {
    /// The same however often it is read: a ULID.
    pub event_id: String,
    /// `accounts/{account}` or `enterprises/{enterprise}`.
    pub event_key: String,
    /// Partition of the feed.
    pub partition_number: i64,
    /// Place in the partition.
    pub position: i64,
    /// The message in `payload`, as `google.protobuf.Any` names it.
    pub type_url: String,
    /// That message, encoded.
    pub payload: Vec<u8>,
    /// The trace it happened in, or nothing.
    pub trace_parent: String,
    /// When it happened: Unix microseconds.
    pub create_time: i64,
    /// When it was published: Unix microseconds.
    pub publish_time: Option<i64>,
}

impl Draft {
    /// The event that `payload` happened to `key`: `accounts/{account}` or `enterprises/{enterprise}`.
    #[must_use]
    pub fn new<M: Name>(key: impl Into<String>, payload: &M) -> Self {
        Self { key: key.into(), type_url: M::type_url(), payload: payload.encode_to_vec() }
    }

    /// Bytes of its payload: storage takes 65,536 at most.
    #[must_use]
    pub fn size(&self) -> usize {
        self.payload.len()
    }

    /// The partition of its key.
    pub(crate) fn partition(&self) -> i64 {
        let digest = Sha256::digest(self.key.as_bytes());
        i64::from(digest[0]) % PARTITIONS
    }
}

impl StoredEvent {
    /// The payload, if it is a message of type `M`.
    ///
    /// # Errors
    /// When it says so and is not.
    pub fn decode<M: Name + Default>(&self) -> Result<Option<M>, prost::DecodeError> {
        if self.type_url == M::type_url() { M::decode(self.payload.as_slice()).map(Some) } else { Ok(None) }
    }
}

impl Outbox {
    /// The events of the service `feed`, in its database, which has [`crate::migrations`].
    #[must_use]
    pub fn new(feed: &'static str, db: Db, clock: Clock, ids: Ids, settings: Settings) -> Self {
        let (published, _) = watch::channel(0);
        Self { feed, db, clock, ids, settings, written: Arc::default(), published }
    }

    /// Writes events in the transaction of the change they tell of. The caller holds a lock on what the key names, and
    /// calls [`Outbox::wake`] after the commit.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn write(&self, tx: &mut Tx, events: impl IntoIterator<Item = Draft>) -> Result<(), DbError> {
        let now = self.clock.now();
        let events: Vec<_> = events.into_iter().map(|draft| (self.ids.ulid(now), draft)).collect();
        if events.is_empty() {
            return Ok(());
        }
        store::event::insert(tx, &events, &context::trace_parent(), now).await
    }

    /// Has what was written published soon. Forgetting it costs time, not events.
    pub fn wake(&self) {
        self.written.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use siyu_proto::accounts::v1::{AccountCreated, AccountUpdated};

    use super::*;

    #[test]
    fn a_key_stays_in_its_partition_and_keys_spread_over_all() {
        let draft = |n: u32| Draft::new(format!("accounts/a{n}"), &AccountCreated::default());
        assert_eq!(draft(7).partition(), draft(7).partition());
        let partitions: BTreeSet<i64> = (0..500).map(|n| draft(n).partition()).collect();
        assert_eq!(partitions, (0..PARTITIONS).collect());
        // Stored positions depend on it: it must stay as it is.
        assert_eq!(Draft::new("accounts/lumi-flagship", &AccountCreated::default()).partition(), 3);
    }

    #[test]
    fn a_payload_is_read_as_what_it_is_and_as_nothing_else() {
        let draft = Draft::new("accounts/a", &AccountUpdated::default());
        let event = StoredEvent {
            event_id: "e".to_owned(),
            event_key: draft.key,
            partition_number: 0,
            position: 1,
            type_url: draft.type_url,
            payload: draft.payload,
            trace_parent: String::new(),
            create_time: 0,
            publish_time: None,
        };
        assert_eq!(event.decode::<AccountUpdated>().unwrap(), Some(AccountUpdated::default()));
        assert_eq!(event.decode::<AccountCreated>().unwrap(), None);
    }
}
