//! Pushes and whom they reach, kept in memory: what is published never changes.

use std::sync::Arc;

use quick_cache::{Weighter, sync::Cache};
use roaring::RoaringBitmap;
use siyu_db::Tx;
use siyu_rpc::Error;
use siyu_telemetry::names;

use crate::{
    app::reach,
    domain::push::Push,
    store::{self, push_wave::Candidate},
};

/// A push, and whom one of its waves reaches.
#[derive(Debug)]
pub(crate) struct Audience {
    pub(crate) push: Arc<Push>,
    pub(crate) fans: RoaringBitmap,
}

/// Account, push and wave.
type Key = (String, String, i64);

/// How audiences are kept.
#[derive(Debug, Clone, Copy)]
pub struct AudienceCache {
    /// Most bytes of pushes and their audiences that are kept in memory.
    pub most_bytes: u64,
}

#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<Key, Arc<Audience>> for Bytes {
    fn weight(&self, key: &Key, audience: &Arc<Audience>) -> u64 {
        /// Of the structures around the texts and the bitmap.
        const OVERHEAD: usize = 512;
        let push = &audience.push;
        let texts = push.content.text.len() + push.audience.len() + key.0.len() + key.1.len();
        (texts + audience.fans.serialized_size() + OVERHEAD) as u64
    }
}

/// Keeps them.
#[derive(Debug)]
pub(crate) struct Audiences {
    kept: Cache<Key, Arc<Audience>, Bytes>,
}

impl Audiences {
    pub(crate) fn new(cache: AudienceCache) -> Self {
        /// A guess; the weights are what counts.
        const ITEMS: usize = 10_000;
        Self { kept: Cache::with_weighter(ITEMS, cache.most_bytes, Bytes) }
    }

    /// A push, and whom the wave reaches.
    pub(crate) async fn get(&self, tx: &mut Tx, candidate: &Candidate) -> Result<Arc<Audience>, Error> {
        let Candidate { account_id, push_id, wave, .. } = candidate;
        let key = (account_id.clone(), push_id.clone(), *wave);
        let found = self.kept.get(&key);
        let outcome = if found.is_some() { "hit" } else { "miss" };
        metrics::counter!(names::PUSH_AUDIENCE_CACHE_TOTAL, "outcome" => outcome).increment(1);
        if let Some(audience) = found {
            return Ok(audience);
        }
        let push = store::push::get(tx, account_id, push_id).await?;
        let push = push.ok_or_else(|| Error::internal(format!("a wave without its push {push_id}")))?;
        let fans = store::push_wave::ordinals(tx, account_id, push_id, *wave).await?;
        let audience = Arc::new(Audience { push: Arc::new(push), fans: reach::from_bytes(&fans)? });
        self.kept.insert(key, audience.clone());
        Ok(audience)
    }
}
