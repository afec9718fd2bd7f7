//! The fans of accounts in memory: read when first asked for, and brought up to date before every answer, by what
//! transactions note of the fans they change (`fan_change`). So an answer has all that was committed before it was asked for,
//! in every process, and no event has to arrive first.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use roaring::RoaringBitmap;
use siyu_db::Db;
use siyu_rpc::Error;
use siyu_telemetry::names;
use tokio::{runtime::Handle, sync::OwnedMutexGuard};

use crate::{
    domain::fan_index::FanIndex,
    store::{self, bitmap::dense},
};

/// Fans read with one statement.
const CHUNK: u16 = 5_000;
/// Of more changed fans than one in so many all are read anew, which is quicker for each.
const MANY: u64 = 4;
/// Bytes that an account takes beside its index, about.
const OVERHEAD: u64 = 1_000;

/// The fans of some accounts. All together they take at most so many bytes, or there is one account only; who was not asked
/// for longest goes first.
///
/// (A general cache wants to know how large a value is when it is put in; these grow where they are.)
pub(crate) struct FanIndexes {
    db: Db,
    most_bytes: u64,
    kept: Mutex<HashMap<String, Arc<Kept>>>,
    /// Counts how often accounts were asked for.
    uses: AtomicU64,
}

/// The fans of one account.
pub(crate) struct Kept {
    /// Sequence of the last change that the index has; none before it is loaded. Whoever holds it may change the index.
    version: Arc<tokio::sync::Mutex<Option<i64>>>,
    index: RwLock<FanIndex>,
    bytes: AtomicU64,
    /// Count of uses at the last.
    last_use: AtomicU64,
}

impl std::fmt::Debug for FanIndexes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FanIndexes").finish_non_exhaustive()
    }
}

impl FanIndexes {
    /// Keeps nothing yet.
    pub(crate) fn new(db: Db, most_bytes: u64) -> Self {
        Self { db, most_bytes, kept: Mutex::default(), uses: AtomicU64::default() }
    }

    /// The fans of an account, as they are now. Of several who ask at the same time one reads.
    pub(crate) async fn up_to_date(&self, account_id: &str) -> Result<Arc<Kept>, Error> {
        let kept = self.kept_of(account_id);
        let version = kept.version.clone().lock_owned().await;
        let mut tx = self.db.begin_read().await?;
        let last = store::fan_change::last(&mut tx, account_id).await?;
        drop(tx);
        if *version != Some(last) {
            let update = kept.clone().update(self.db.clone(), account_id.to_owned(), version);
            // On a thread of its own, for reading all fans of an account is work; and to its end, though the caller may
            // not wait for it.
            let updated = tokio::task::spawn_blocking(|| Handle::current().block_on(update)).await;
            updated.map_err(Error::internal)??;
            self.evict_beside(account_id);
        }
        Ok(kept)
    }

    fn kept_of(&self, account_id: &str) -> Arc<Kept> {
        let mut all = self.all();
        let kept = all.entry(account_id.to_owned()).or_insert_with(|| Arc::new(Kept::new())).clone();
        kept.last_use.store(self.uses.fetch_add(1, Relaxed), Relaxed);
        kept
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of other accounts until there is room for what is left.
    fn evict_beside(&self, account_id: &str) {
        let mut all = self.all();
        let bytes_of = |kept: &Arc<Kept>| kept.bytes.load(Relaxed) + OVERHEAD;
        let mut bytes: u64 = all.values().map(bytes_of).sum();
        while bytes > self.most_bytes {
            let others = all.iter().filter(|(other, _)| *other != account_id);
            let oldest = others.min_by_key(|(_, kept)| kept.last_use.load(Relaxed));
            let Some(oldest) = oldest.map(|(other, _)| other.clone()) else { break };
            bytes -= all.remove(&oldest).as_ref().map(bytes_of).unwrap_or_default();
            metrics::counter!(names::CRM_FAN_INDEX_EVICTIONS_TOTAL).increment(1);
        }
        #[expect(clippy::cast_precision_loss, reason = "a gauge needs no more digits than a double has")]
        metrics::gauge!(names::CRM_FAN_INDEX_BYTES).set(bytes as f64);
    }
}

impl Kept {
    fn new() -> Self {
        Self {
            version: Arc::default(),
            index: RwLock::default(),
            bytes: AtomicU64::default(),
            last_use: AtomicU64::default(),
        }
    }

    /// The fans, as long as nobody changes them.
    pub(crate) fn index(&self) -> RwLockReadGuard<'_, FanIndex> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the index to what is stored now.
    async fn update(
        self: Arc<Self>,
        db: Db,
        account_id: String,
        mut version: OwnedMutexGuard<Option<i64>>,
    ) -> Result<(), Error> {
        let mut most_changed = self.index().len() / MANY + u64::from(CHUNK);
        while !self.catch_up(&db, &account_id, &mut version, most_changed).await? {
            *version = Some(self.load(&db, &account_id).await?);
            // What changes while all are read is read again, so that in the end there is one consistent state.
            most_changed = u64::MAX;
        }
        let bytes = self.index().bytes();
        self.bytes.store(bytes as u64, Relaxed);
        Ok(())
    }

    /// Reads the fans who were changed since `version`, unless they are too many or no longer known; answers whether it did.
    async fn catch_up(
        &self,
        db: &Db,
        account_id: &str,
        version: &mut Option<i64>,
        most_changed: u64,
    ) -> Result<bool, Error> {
        let Some(after) = *version else { return Ok(false) };
        let mut tx = db.begin_read().await?;
        let last = store::fan_change::last(&mut tx, account_id).await?;
        let changed = store::fan_change::between(&mut tx, account_id, after, last).await?;
        let Some(changed) = changed.filter(|changed| changed.len() <= most_changed) else { return Ok(false) };
        let mut profiles = Vec::new();
        for chunk in chunks(&changed) {
            profiles.extend(store::profile::find(&mut tx, account_id, chunk).await?);
        }
        drop(tx);
        self.index_to_change().apply(&profiles);
        metrics::counter!(names::CRM_FAN_INDEX_REFRESHED_FANS_TOTAL).increment(profiles.len() as u64);
        *version = Some(last);
        Ok(true)
    }

    /// Reads all fans anew, each chunk in a transaction of its own: a consistent view of all would keep old row versions
    /// alive for as long as this takes. Answers the last change that they surely have.
    async fn load(&self, db: &Db, account_id: &str) -> Result<i64, Error> {
        let mut tx = db.begin_read().await?;
        let version = store::fan_change::last(&mut tx, account_id).await?;
        let last_ordinal = store::account::get(&mut tx, account_id).await?.last_ordinal;
        drop(tx);
        let mut index = FanIndex::with_room(dense(last_ordinal)?);
        let mut after = 0;
        while after < last_ordinal {
            let last = (after + i64::from(CHUNK)).min(last_ordinal);
            let mut tx = db.begin_read().await?;
            let profiles = store::profile::range(&mut tx, account_id, after, last).await?;
            drop(tx);
            index.apply(&profiles);
            after = last;
        }
        *self.index_to_change() = index;
        metrics::counter!(names::CRM_FAN_INDEX_LOADS_TOTAL).increment(1);
        Ok(version)
    }

    fn index_to_change(&self) -> RwLockWriteGuard<'_, FanIndex> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ordinals, so many at a time.
fn chunks(ordinals: &RoaringBitmap) -> impl Iterator<Item = Vec<u32>> {
    let mut rest = ordinals.iter();
    std::iter::from_fn(move || {
        let chunk: Vec<u32> = rest.by_ref().take(CHUNK.into()).collect();
        (!chunk.is_empty()).then_some(chunk)
    })
}
