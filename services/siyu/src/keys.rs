//! Whose tokens this process accepts, the token it shows to others, and, in development, the secret it signs its own
//! with.

mod accounts;
mod files;
mod leads;
mod secret;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use siyu_rpc::{
    auth::{KeySet, ServiceToken, Signer, Verifier},
    peer::Peer,
};

pub(crate) use self::leads::lead_keys;
use self::{
    accounts::AccountsKeys,
    files::{Content, KeptFile},
    secret::kept_secret,
};
use crate::config::Config;

/// The keys of a process.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Checks tokens.
    pub verifier: Verifier,
    /// Mints tokens; none where only public keys are known.
    pub signer: Option<Signer>,
    /// Shown to services in other processes; empty where no file names one.
    pub service_token: ServiceToken,
    files: Vec<KeptFile>,
    reload_interval: Duration,
}

impl Keys {
    /// The keys that the configuration names; without any, a secret that is made once and kept in the data directory.
    ///
    /// # Errors
    /// With the configuration key whose file cannot be read or used.
    pub fn load(config: &Config) -> anyhow::Result<Self> {
        let auth = &config.auth;
        let named = [
            ("auth.public_key_file", &auth.public_key_file, Content::Pem),
            ("auth.jwks_file", &auth.jwks_file, Content::Jwks),
            ("auth.service_token_file", &auth.service_token_file, Content::ServiceToken),
        ];
        let is_named = |path: &std::path::Path| !path.as_os_str().is_empty();
        let mut keys = Self {
            verifier: Verifier::new(&auth.issuer, &auth.audience),
            signer: None,
            service_token: ServiceToken::default(),
            files: Vec::new(),
            reload_interval: auth.reload_interval.get(),
        };
        for (key, path, content) in named.into_iter().filter(|(_, path, _)| is_named(path)) {
            let mut file = KeptFile::new(key, path, content);
            file.load(&keys.verifier, &keys.service_token)?;
            keys.files.push(file);
        }
        if !is_named(&auth.public_key_file) && !is_named(&auth.jwks_file) {
            keys.trust_the_secret(config)?;
        }
        Ok(keys)
    }

    fn trust_the_secret(&mut self, config: &Config) -> anyhow::Result<()> {
        let auth = &config.auth;
        let secret = if auth.hs256_secret.is_empty() {
            kept_secret(&config.storage.data_dir)?
        } else {
            auth.hs256_secret.expose().to_owned()
        };
        let set = KeySet::from_secret(secret.as_bytes()).context("auth.hs256_secret")?;
        self.verifier.replace("auth.hs256_secret", set);
        self.signer = Some(Signer::with_secret(&auth.issuer, &auth.audience, secret.as_bytes()));
        Ok(())
    }

    /// Accepts the tokens that the accounts service signs, and keeps up with its keys. Only the first call counts.
    pub(crate) fn trust_accounts(&self, accounts: Peer) {
        self.verifier.follow(accounts::SOURCE, Arc::new(AccountsKeys::new(accounts)));
    }

    /// Keeps up with what changes outside: reads the files again when they have changed, and fetches the keys that
    /// another process holds. Never ends.
    pub(crate) async fn keep_current(mut self) {
        loop {
            tokio::time::sleep(self.reload_interval).await;
            for file in &mut self.files {
                file.reload(&self.verifier, &self.service_token).await;
            }
            self.verifier.refresh().await;
        }
    }
}
