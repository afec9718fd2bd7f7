//! Calling a server of the suite from the command line.

use std::time::Duration;

use anyhow::{Context, ensure};
use siyu_rpc::tls::ClientTls;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

/// A connection whose calls all carry the bearer token.
pub type Client = InterceptedService<Channel, BearerToken>;

/// Adds a bearer token to every call.
#[derive(Debug, Clone)]
pub struct BearerToken(MetadataValue<Ascii>);

impl BearerToken {
    /// Takes a token; spaces and line ends around it, as files have them, do not count.
    pub fn new(token: &str) -> anyhow::Result<Self> {
        let mut header: MetadataValue<Ascii> = format!("Bearer {}", token.trim())
            .parse()
            .context("the token has characters that no token has")?;
        header.set_sensitive(true);
        Ok(Self(header))
    }
}

impl Interceptor for BearerToken {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// Connects to the server at a URL like `http://localhost:50051`. A connection that breaks later is made again by
/// the next call.
pub async fn connect(url: &str, token: &str) -> anyhow::Result<Client> {
    connect_over(url, None, token).await
}

/// Like [`connect`]; a URL of `https` is reached over `tls`.
pub async fn connect_over(url: &str, tls: Option<&ClientTls>, token: &str) -> anyhow::Result<Client> {
    let mut endpoint =
        Endpoint::from_shared(url.to_owned()).with_context(|| format!("{url} is no URL of a server"))?;
    ensure!(tls.is_some() || !url.starts_with("https:"), "{url}: https needs --ca-file or peers.ca_file");
    if let Some(tls) = tls {
        endpoint = endpoint.tls_config(tls.config())?;
    }
    let channel = endpoint
        .connect_timeout(Duration::from_secs(10))
        // A server that vanished without a word must not keep a stream waiting for ever.
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20))
        .connect()
        .await
        .with_context(|| format!("cannot reach the server at {url}"))?;
    Ok(InterceptedService::new(channel, BearerToken::new(token)?))
}
