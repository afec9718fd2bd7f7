//! Whose tokens this process accepts, and, in development, the secret it signs its own with.

use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use anyhow::Context;
use siyu_clock::Ids;
use siyu_rpc::auth::{Signer, Verifier};

use crate::config::Config;

/// The keys of a process.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Checks tokens.
    pub verifier: Verifier,
    /// Mints tokens; none where only a public key is known.
    pub signer: Option<Signer>,
}

const SECRET_FILE: &str = "dev-secret";

impl Keys {
    /// The keys that the configuration names; without any, a secret that is made once and kept in the data directory.
    ///
    /// # Errors
    /// When a key file cannot be read or holds no key.
    pub fn load(config: &Config) -> anyhow::Result<Self> {
        let auth = &config.auth;
        if !auth.public_key_file.as_os_str().is_empty() {
            let path = auth.public_key_file.display();
            let pem = fs::read_to_string(&auth.public_key_file)
                .with_context(|| format!("auth.public_key_file {path}"))?;
            let verifier = Verifier::with_public_keys(&auth.issuer, &auth.audience, &pem)
                .with_context(|| format!("auth.public_key_file {path}"))?;
            return Ok(Self { verifier, signer: None });
        }
        let secret = if auth.hs256_secret.is_empty() {
            kept_secret(&config.storage.data_dir)?
        } else {
            auth.hs256_secret.expose().to_owned()
        };
        let verifier = Verifier::with_secret(&auth.issuer, &auth.audience, secret.as_bytes())
            .context("auth.hs256_secret")?;
        let signer = Some(Signer::with_secret(&auth.issuer, &auth.audience, secret.as_bytes()));
        Ok(Self { verifier, signer })
    }
}

/// The secret in the data directory. Whoever comes first makes it; only its owner may read it.
fn kept_secret(data_dir: &Path) -> anyhow::Result<String> {
    let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir);
    created.with_context(|| format!("storage.data_dir {}", data_dir.display()))?;
    let path = data_dir.join(SECRET_FILE);
    // Written beside and linked into place: nobody ever reads half a secret.
    if !path.exists() {
        let ids = Ids::random();
        let mut random = [0; 32];
        ids.fill(&mut random);
        let secret: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let draft = data_dir.join(format!("{SECRET_FILE}.{}", std::process::id()));
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(secret.as_bytes())?;
        file.sync_all()?;
        match fs::hard_link(&draft, &path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
            _ => fs::remove_file(&draft)?,
        }
    }
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_development_secret_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let first = kept_secret(folder.path()).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(kept_secret(folder.path()).unwrap(), first);
        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [SECRET_FILE]);
    }
}
