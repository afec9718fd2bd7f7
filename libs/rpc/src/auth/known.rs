//! Tokens that were checked already.

use std::sync::Arc;

use quick_cache::sync::Cache;
use siyu_clock::Micros;

use super::{token::Verified, verifier::Sources};

/// Tokens that are remembered; each takes about a kilobyte.
const MOST: usize = 10_000;

/// What tokens say that were checked with the keys there are: most callers come again, and checking a signature costs more
/// than all else that a gate does.
#[derive(Debug)]
pub(super) struct KnownTokens(Cache<String, Known>);

#[derive(Debug, Clone)]
struct Known {
    verified: Arc<Verified>,
    /// The keys it was checked with. Once they are replaced it must be checked again.
    sources: Arc<Sources>,
}

impl Default for KnownTokens {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl KnownTokens {
    /// What a token says, if it was checked with these keys and has not expired.
    pub(super) fn find(&self, token: &str, sources: &Arc<Sources>, now: Micros) -> Option<Arc<Verified>> {
        let known = self.0.get(token)?;
        let is_good = Arc::ptr_eq(&known.sources, sources) && now < known.verified.expires_at;
        is_good.then_some(known.verified)
    }

    /// Remembers what a token says that was checked with these keys.
    pub(super) fn remember(&self, token: &str, sources: &Arc<Sources>, verified: &Arc<Verified>) {
        let known = Known { verified: verified.clone(), sources: sources.clone() };
        self.0.insert(token.to_owned(), known);
    }
}
