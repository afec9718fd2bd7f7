//! The side that connects.

use std::{fmt, time::Duration};

use tonic::transport::{self, Certificate, ClientTlsConfig};

use super::{Identity, Latest, Pem, PemFile, TlsError, certified_key, report};

/// How long it may take until both sides have shown who they are.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// The files of a client.
#[derive(Debug, Clone)]
pub struct ClientFiles {
    /// The authorities that sign the certificates of servers.
    pub ca: PemFile,
    /// What it shows to servers that ask.
    pub identity: Option<Identity>,
}

/// TLS of a client.
#[derive(Clone)]
pub struct ClientTls {
    files: ClientFiles,
    latest: Latest<Pems>,
    current: ClientTlsConfig,
}

#[derive(Clone, PartialEq)]
struct Pems {
    ca: Pem,
    identity: Option<(Pem, Pem)>,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ClientTls {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// With the configuration key of the file that cannot be used.
    pub async fn load(files: ClientFiles) -> Result<Self, TlsError> {
        let pems = files.read().await?;
        let current = pems.config()?;
        Ok(Self { files, latest: Latest(Some(pems)), current })
    }

    /// Reads the files again; answers whether there is something new to connect with. Files that cannot be used are
    /// logged once and change nothing.
    pub(crate) async fn reload(&mut self) -> bool {
        let Some(news) = self.latest.news(self.files.read().await) else { return false };
        let used = news.and_then(Pems::config).map(|config| self.current = config);
        report("peers.tls", &used);
        used.is_ok()
    }

    /// What an endpoint connects with. A server must be named in its certificate as the endpoint's URL names it.
    #[must_use]
    pub fn config(&self) -> ClientTlsConfig {
        self.current.clone()
    }
}

impl ClientFiles {
    async fn read(&self) -> Result<Pems, TlsError> {
        let identity = match &self.identity {
            Some(Identity { cert, key }) => Some((Pem::read(cert).await?, Pem::read(key).await?)),
            None => None,
        };
        Ok(Pems { ca: Pem::read(&self.ca).await?, identity })
    }
}

impl Pems {
    /// tonic leaves out what it cannot read, or says so when it connects: the files are checked before.
    fn config(&self) -> Result<ClientTlsConfig, TlsError> {
        self.ca.authorities()?;
        let config = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&self.ca.text))
            .timeout(HANDSHAKE_TIMEOUT);
        let Some((cert, key)) = &self.identity else { return Ok(config) };
        certified_key(cert, key)?;
        Ok(config.identity(transport::Identity::from_pem(&cert.text, &key.text)))
    }
}
