//! TLS as the configuration has it.

use std::path::Path;

use siyu_rpc::tls::{ClientFiles, ClientTls, Identity, PemFile, ServerFiles, ServerTls, TlsError};

use crate::config::{Peers, Server};

/// TLS of the port; none where no certificate is named.
pub(crate) async fn server(config: &Server) -> Result<Option<ServerTls>, TlsError> {
    let cert = file("server.tls_cert_file", &config.tls_cert_file);
    let key = file("server.tls_key_file", &config.tls_key_file);
    let (Some(cert), Some(key)) = (cert, key) else { return Ok(None) };
    let client_ca = file("server.tls_client_ca_file", &config.tls_client_ca_file);
    let files = ServerFiles { identity: Identity { cert, key }, client_ca };
    ServerTls::load(files).await.map(Some)
}

/// TLS of calls to other processes; none where no authority is named.
pub(crate) async fn client(config: &Peers) -> Result<Option<ClientTls>, TlsError> {
    let Some(ca) = file("peers.ca_file", &config.ca_file) else { return Ok(None) };
    let cert = file("peers.cert_file", &config.cert_file);
    let key = file("peers.key_file", &config.key_file);
    let identity = cert.zip(key).map(|(cert, key)| Identity { cert, key });
    ClientTls::load(ClientFiles { ca, identity }).await.map(Some)
}

fn file(key: &'static str, path: &Path) -> Option<PemFile> {
    let is_named = !path.as_os_str().is_empty();
    is_named.then(|| PemFile { key, path: path.to_owned() })
}
