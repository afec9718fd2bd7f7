//! The side that is connected to.

use std::{fmt, io, sync::Arc, time::Duration};

use siyu_telemetry::names;
use tokio::{net::TcpStream, sync::watch};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{self, server::WebPkiClientVerifier, sign::SingleCertAndKey},
    server::TlsStream,
};
use tokio_util::either::Either;

use super::{Identity, Latest, Pem, PemFile, TlsError, certified_key, provider, report};

/// What clients may speak over TLS: gRPC, and gRPC-Web over either.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The files of a server.
#[derive(Debug, Clone)]
pub struct ServerFiles {
    /// What it shows.
    pub identity: Identity,
    /// The authorities of its clients. With them every client must show a certificate that one of them has signed.
    pub client_ca: Option<PemFile>,
}

/// TLS of a server. Clones share what is in use.
#[derive(Clone)]
pub struct ServerTls {
    files: ServerFiles,
    latest: Latest<Pems>,
    current: Arc<watch::Sender<Arc<rustls::ServerConfig>>>,
}

#[derive(Clone, PartialEq)]
struct Pems {
    cert: Pem,
    key: Pem,
    client_ca: Option<Pem>,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ServerTls {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// With the configuration key of the file that cannot be used.
    pub async fn load(files: ServerFiles) -> Result<Self, TlsError> {
        let pems = files.read().await?;
        let current = watch::Sender::new(Arc::new(pems.config()?));
        Ok(Self { files, latest: Latest(Some(pems)), current: Arc::new(current) })
    }

    /// Reads the files again after each `interval`: new connections use what is new. Files that cannot be used are
    /// logged once and change nothing. Never ends.
    pub async fn keep_current(mut self, interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            self.reload().await;
        }
    }

    pub(super) async fn reload(&mut self) {
        let Some(news) = self.latest.news(self.files.read().await) else { return };
        let used = news.and_then(Pems::config).map(|config| {
            self.current.send_replace(Arc::new(config));
        });
        report("server.tls", &used);
    }

    /// What the next connection is begun with.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.borrow().clone())
    }
}

impl ServerFiles {
    async fn read(&self) -> Result<Pems, TlsError> {
        let client_ca = match &self.client_ca {
            Some(file) => Some(Pem::read(file).await?),
            None => None,
        };
        let cert = Pem::read(&self.identity.cert).await?;
        Ok(Pems { cert, key: Pem::read(&self.identity.key).await?, client_ca })
    }
}

impl Pems {
    fn config(&self) -> Result<rustls::ServerConfig, TlsError> {
        let identity = SingleCertAndKey::from(certified_key(&self.cert, &self.key)?);
        let clients = match &self.client_ca {
            None => WebPkiClientVerifier::no_client_auth(),
            Some(pem) => {
                let authorities = Arc::new(pem.authorities()?);
                let verifier = WebPkiClientVerifier::builder_with_provider(authorities, provider());
                verifier.build().map_err(|error| pem.wrong(error))?
            }
        };
        let mut config = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| self.cert.wrong(error))?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::new(identity));
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(config)
    }
}

/// The stream of a connection: TLS over the socket where there is an acceptor, else the socket itself.
pub(crate) async fn secured(
    socket: TcpStream,
    tls: Option<TlsAcceptor>,
) -> io::Result<Either<TcpStream, Box<TlsStream<TcpStream>>>> {
    let Some(acceptor) = tls else { return Ok(Either::Left(socket)) };
    let secured = acceptor.accept(socket).await.inspect_err(|error| {
        // Anybody can cause these: they are counted, and told to who looks for them.
        tracing::debug!(%error, "a TLS handshake failed");
        metrics::counter!(names::TLS_HANDSHAKES_FAILED_TOTAL).increment(1);
    })?;
    Ok(Either::Right(Box::new(secured)))
}
