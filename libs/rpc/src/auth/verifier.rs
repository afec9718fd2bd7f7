//! Checking tokens with keys that are replaced while the process runs.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use siyu_clock::Micros;
use siyu_proto::common::v1::ErrorReason;

use super::{
    Caller, KeySet, KeySource,
    known::KnownTokens,
    refresh::Refresher,
    token::{self, Expected, Verified},
};
use crate::Error;

/// Keys by the name of their source.
pub(super) type Sources = BTreeMap<String, KeySet>;

/// The source of the keys with which the accounts service signs; see [`Caller::issued_by_accounts`].
pub const ACCOUNTS_SOURCE: &str = "accounts";

/// Checks tokens. Its keys come from named sources, each of which can be replaced at any time; a key that is in none of
/// them any more is retired. Clones share them.
#[derive(Clone)]
pub struct Verifier {
    shared: Arc<Shared>,
}

struct Shared {
    expected: Expected,
    /// Replaced as a whole, so that a check sees one state of it.
    sources: RwLock<Arc<Sources>>,
    known: KnownTokens,
    refresher: OnceLock<Arc<Refresher>>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("expected", &self.shared.expected)
            .field("sources", &self.sources())
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// Knows no key yet, and so accepts no token.
    #[must_use]
    pub fn new(issuer: &str, audience: &str) -> Self {
        let expected = Expected { issuer: issuer.to_owned(), audience: audience.to_owned() };
        let shared = Shared {
            expected,
            sources: RwLock::default(),
            known: KnownTokens::default(),
            refresher: OnceLock::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// From now on these are the keys of `source`, such as a file or a service, and those it had before are not.
    pub fn replace(&self, source: &str, keys: KeySet) {
        let mut sources = self.shared.sources.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = BTreeMap::clone(&sources);
        changed.insert(source.to_owned(), keys);
        *sources = Arc::new(changed);
    }

    /// Fetches the keys of `source` from another process: when a token names a key that is not known, and with every
    /// [`Verifier::refresh`]. Only the first call counts.
    pub fn follow(&self, source: &str, from: Arc<dyn KeySource>) {
        let _ = self.shared.refresher.set(Arc::new(Refresher::new(source, from)));
    }

    /// Fetches the keys of the source that is followed, if there is one, unless that was done a moment ago. Waits a
    /// second at most.
    pub async fn refresh(&self) {
        if let Some(refresher) = self.shared.refresher.get() {
            Refresher::refresh(refresher.clone(), self.clone()).await;
        }
    }

    /// The caller a token stands for.
    ///
    /// # Errors
    /// UNAUTHENTICATED with TOKEN_INVALID or TOKEN_EXPIRED.
    pub fn verify(&self, token: &str, now: Micros) -> Result<Caller, Error> {
        self.check(token, now).map(|verified| Caller::clone(&verified.caller))
    }

    /// What a token says; if it names an unknown key, after a look whether there is a new one.
    pub(crate) async fn authenticate(&self, token: &str, now: Micros) -> Result<Arc<Verified>, Error> {
        let checked = self.check(token, now);
        match &checked {
            Err(error) if error.reason() == ErrorReason::TokenInvalid && self.names_unknown_key(token) => {
                self.refresh().await;
                self.check(token, now)
            }
            _ => checked,
        }
    }

    fn check(&self, token: &str, now: Micros) -> Result<Arc<Verified>, Error> {
        let sources = self.sources();
        if let Some(verified) = self.shared.known.find(token, &sources, now) {
            return Ok(verified);
        }
        let named = sources.iter().map(|(name, keys)| (name.as_str(), keys));
        let verified = Arc::new(token::check(token, named, &self.shared.expected, now)?);
        self.shared.known.remember(token, &sources, &verified);
        Ok(verified)
    }

    fn names_unknown_key(&self, token: &str) -> bool {
        let sources = self.sources();
        let is_known = |kid: &str| sources.values().any(|keys| keys.knows(kid));
        token::kid_of(token).is_some_and(|kid| !is_known(&kid))
    }

    fn sources(&self) -> Arc<Sources> {
        self.shared.sources.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests;
