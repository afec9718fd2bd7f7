//! Files of keys and tokens that are read again when they have changed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use siyu_rpc::auth::{KeySet, ServiceToken, Verifier};
use siyu_telemetry::names;

use crate::output::one_line;

/// What a file holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    /// Public keys in PEM.
    Pem,
    /// Public keys as a JSON Web Key Set.
    Jwks,
    /// The token that this process shows to others.
    ServiceToken,
}

/// A file that a configuration key names.
#[derive(Clone)]
pub(super) struct KeptFile {
    key: &'static str,
    path: PathBuf,
    content: Content,
    /// The text when it was last looked at; none when it could not be read.
    seen: Option<String>,
}

impl std::fmt::Debug for KeptFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptFile").field("key", &self.key).field("path", &self.path).finish_non_exhaustive()
    }
}

impl KeptFile {
    pub(super) fn new(key: &'static str, path: &Path, content: Content) -> Self {
        Self { key, path: path.to_owned(), content, seen: None }
    }

    /// Reads the file for the first time.
    ///
    /// # Errors
    /// With the configuration key.
    pub(super) fn load(&mut self, verifier: &Verifier, token: &ServiceToken) -> anyhow::Result<()> {
        self.take(fs::read_to_string(&self.path), verifier, token)
    }

    /// Reads the file again. One that is damaged or gone is logged once, and what was known before stays.
    pub(super) async fn reload(&mut self, verifier: &Verifier, token: &ServiceToken) {
        let read = tokio::fs::read_to_string(&self.path).await;
        if read.as_ref().ok() == self.seen.as_ref() {
            return;
        }
        let outcome = match self.take(read, verifier, token) {
            Ok(()) => {
                tracing::info!(key = self.key, "read again: the new content is in use");
                "replaced"
            }
            Err(error) => {
                tracing::error!(
                    key = self.key,
                    cause = one_line(&error),
                    "cannot be used; what was known before stays"
                );
                "failed"
            }
        };
        metrics::counter!(names::AUTH_RELOADS_TOTAL, "source" => self.key, "outcome" => outcome).increment(1);
    }

    fn take(
        &mut self,
        read: io::Result<String>,
        verifier: &Verifier,
        token: &ServiceToken,
    ) -> anyhow::Result<()> {
        self.seen = read.as_ref().ok().cloned();
        let in_use = read.map_err(anyhow::Error::from).and_then(|text| {
            match self.content {
                Content::Pem => verifier.replace(self.key, KeySet::from_pem(&text)?),
                Content::Jwks => verifier.replace(self.key, KeySet::from_jwks(&text)?),
                Content::ServiceToken => token.replace(&text)?,
            }
            Ok(())
        });
        in_use.with_context(|| format!("{} {}", self.key, self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use siyu_clock::Micros;
    use siyu_rpc::auth::{Caller, Signer, SigningKey};

    use super::*;

    const NOW: Micros = Micros::from_seconds(1_800_000_000);

    fn key(kid: &str) -> SigningKey {
        SigningKey::from_seed(kid, &[kid.as_bytes()[0]; 32]).unwrap()
    }

    fn jwks(kids: &[&str]) -> String {
        let keys: Vec<_> = kids.iter().map(|kid| key(kid).jwk()).collect();
        serde_json::json!({ "keys": keys }).to_string()
    }

    #[tokio::test]
    async fn new_keys_are_taken_and_damaged_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        let (verifier, token) = (Verifier::new("siyu", "siyu"), ServiceToken::default());
        let knows = |kid| {
            let signer = Signer::with_key("siyu", "siyu", &key(kid));
            let token = signer.sign(&Caller::service("x"), NOW, Duration::from_secs(60)).unwrap();
            verifier.verify(&token, NOW).is_ok()
        };
        let mut file = KeptFile::new("auth.jwks_file", &path, Content::Jwks);
        let error = file.load(&verifier, &token).unwrap_err();
        assert!(error.to_string().starts_with("auth.jwks_file "), "{error}");

        fs::write(&path, jwks(&["a"])).unwrap();
        file.load(&verifier, &token).unwrap();
        assert!(knows("a") && !knows("b"));

        fs::write(&path, jwks(&["a", "b"])).unwrap();
        file.reload(&verifier, &token).await;
        assert!(knows("a") && knows("b"));

        fs::write(&path, "{ half of a").unwrap();
        file.reload(&verifier, &token).await;
        assert!(knows("a") && knows("b"));
        fs::remove_file(&path).unwrap();
        file.reload(&verifier, &token).await;
        assert!(knows("a") && knows("b"));

        fs::write(&path, jwks(&["b"])).unwrap();
        file.reload(&verifier, &token).await;
        assert!(!knows("a") && knows("b"));
    }
}
