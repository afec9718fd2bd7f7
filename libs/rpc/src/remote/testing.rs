//! Calls and servers for the tests of this module.

use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use http::HeaderValue;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{net::TcpListener, task::JoinSet};
use tonic::{Status, body::Body};

use crate::tls::{ServerTls, secured};

fn call(path: &'static str) -> http::Request<Body> {
    let body = Body::new(Full::new(Bytes::from_static(b"message")));
    http::Request::post(format!("http://test{path}")).body(body).unwrap()
}

/// A call that only reads.
pub(super) fn get_account() -> http::Request<Body> {
    call("/siyu.accounts.v1.AccountsService/GetAccount")
}

/// A call that changes something.
pub(super) fn create_account() -> http::Request<Body> {
    call("/siyu.accounts.v1.AccountsService/CreateAccount")
}

/// A call with a stream of answers.
pub(super) fn rebuild_tiers() -> http::Request<Body> {
    call("/siyu.crm.v1.TierService/RebuildTiers")
}

/// A server that answers every call with OK and its address.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Replica {
    pub(super) async fn start(address: &str) -> Self {
        Self::start_over(None, address).await
    }

    pub(super) async fn start_over(tls: Option<ServerTls>, address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let tls = tls.as_ref().map(ServerTls::acceptor);
                connections.spawn(async move {
                    let Ok(stream) = secured(stream, tls).await else { return };
                    let answer =
                        hyper::service::service_fn(move |request: http::Request<Incoming>| async move {
                            let _ = request.into_body().collect().await;
                            let mut response = Status::ok("").into_http::<Body>();
                            let header = HeaderValue::from_str(&address.to_string()).unwrap();
                            response.headers_mut().insert("x-address", header);
                            Ok::<_, Infallible>(response)
                        });
                    let builder = auto::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Self { address, _serving: serving }
    }

    /// Stops it; answers where it was.
    pub(super) fn stop(self) -> SocketAddr {
        self.address
    }
}
