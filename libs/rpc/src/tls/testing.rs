//! Certificates for tests.

use std::{fs, path::PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::{ClientFiles, ClientTls, Identity, PemFile, ServerFiles};

/// An authority, and a folder for what it signs.
pub(crate) struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes `cert.pem` and `key.pem` for `host`.
    pub(crate) fn sign(&self, host: &str) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([host.to_owned()]).unwrap();
        fs::write(self.path("cert.pem"), params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        fs::write(self.path("key.pem"), key.serialize_pem()).unwrap();
    }

    fn file(&self, key: &'static str, name: &str) -> PemFile {
        PemFile { key, path: self.path(name) }
    }

    pub(crate) fn server_files(&self) -> ServerFiles {
        let identity = Identity { cert: self.file("cert", "cert.pem"), key: self.file("key", "key.pem") };
        ServerFiles { identity, client_ca: None }
    }

    pub(crate) async fn client(&self) -> ClientTls {
        ClientTls::load(ClientFiles { ca: self.file("ca", "ca.pem"), identity: None }).await.unwrap()
    }
}
