//! TLS from files in PEM, which are read again when they have changed. The machine's own list of authorities is never
//! asked: who is trusted is in the files.

mod client;
mod server;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::{fmt::Display, path::PathBuf, sync::Arc};

use siyu_telemetry::names;
use tokio_rustls::rustls::{
    RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

pub use client::{ClientFiles, ClientTls};
pub(crate) use server::secured;
pub use server::{ServerFiles, ServerTls};

/// A file in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PemFile {
    /// The configuration key that names it, for errors.
    pub key: &'static str,
    /// Where it is.
    pub path: PathBuf,
}

/// What one side of a connection shows to the other.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Its certificate, followed by those between it and the authority.
    pub cert: PemFile,
    /// The private key of that certificate.
    pub key: PemFile,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{key} {}: {problem}", path.display())]
pub struct TlsError {
    key: &'static str,
    path: PathBuf,
    problem: String,
}

/// What was in a file.
#[derive(Clone, PartialEq, Eq)]
struct Pem {
    file: PemFile,
    text: Vec<u8>,
}

impl Pem {
    async fn read(file: &PemFile) -> Result<Self, TlsError> {
        let read = tokio::fs::read(&file.path).await;
        let mut pem = Self { file: file.clone(), text: Vec::new() };
        pem.text = read.map_err(|error| pem.wrong(error))?;
        Ok(pem)
    }

    fn wrong(&self, problem: impl Display) -> TlsError {
        let PemFile { key, path } = self.file.clone();
        TlsError { key, path, problem: problem.to_string() }
    }

    /// All certificates of the file, one at least.
    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.text).collect();
        let certificates = found.map_err(|error| self.wrong(error))?;
        if certificates.is_empty() {
            return Err(self.wrong("it has no certificate"));
        }
        Ok(certificates)
    }

    /// The certificates of the file as those of authorities.
    fn authorities(&self) -> Result<RootCertStore, TlsError> {
        let mut authorities = RootCertStore::empty();
        for certificate in self.certificates()? {
            authorities.add(certificate).map_err(|error| self.wrong(error))?;
        }
        Ok(authorities)
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        PrivateKeyDer::from_pem_slice(&self.text).map_err(|error| self.wrong(error))
    }
}

/// A certificate with its key, which must be the one that belongs to it.
fn certified_key(cert: &Pem, key: &Pem) -> Result<CertifiedKey, TlsError> {
    let cert_key = cert.file.key;
    CertifiedKey::from_der(cert.certificates()?, key.private_key()?, &provider())
        .map_err(|error| key.wrong(format!("it cannot be used with {cert_key}: {error}")))
}

/// What does the mathematics: said each time, so that nothing depends on what else is in the process.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// What was read last; none when it could not be read.
#[derive(Clone)]
struct Latest<T>(Option<T>);

impl<T: PartialEq> Latest<T> {
    /// The outcome of reading again, if it is not the same as before.
    fn news(&mut self, read: Result<T, TlsError>) -> Option<Result<&T, TlsError>> {
        if read.as_ref().ok() == self.0.as_ref() {
            return None;
        }
        self.0 = None;
        Some(read.map(|new| &*self.0.insert(new)))
    }
}

/// Says how it went to use files that have changed.
fn report(source: &'static str, used: &Result<(), TlsError>) {
    let outcome = match used {
        Ok(()) => {
            tracing::info!(source, "certificates read again: new connections use them");
            "replaced"
        }
        Err(error) => {
            tracing::error!(source, %error, "certificates cannot be used; those known before stay");
            "failed"
        }
    };
    metrics::counter!(names::AUTH_RELOADS_TOTAL, "source" => source, "outcome" => outcome).increment(1);
}
