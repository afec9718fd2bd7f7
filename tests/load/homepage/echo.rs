//! The least that a call over this transport can cost: tonic, and an answer that is there already.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use bytes::Bytes;
use tokio::process::Child;
use tonic::{
    Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService},
    transport::{Server, server::TcpIncoming},
};

use crate::{machine::Cores, raw::Raw};

/// Starts a process of this program that answers every call with so many bytes; answers its URL too.
pub(super) async fn start(cores: &Cores, bytes: usize) -> anyhow::Result<(Child, String)> {
    cores.start_bare(["--echo".to_owned(), bytes.to_string()]).await
}

/// Serves until the process ends.
pub(crate) async fn serve(bytes: usize) -> anyhow::Result<()> {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?.with_nodelay(Some(true));
    println!("http://{}", incoming.local_addr()?);
    let echo = Echo { answer: Bytes::from(vec![b'x'; bytes]) };
    Ok(Server::builder().add_service(echo).serve_with_incoming(incoming).await?)
}

#[derive(Debug, Clone)]
struct Echo {
    answer: Bytes,
}

impl NamedService for Echo {
    const NAME: &'static str = "bench.Echo";
}

impl tower::Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let answer = self.answer.clone();
        let give = move |_: Request<Bytes>| -> Ready<Result<Response<Bytes>, Status>> {
            ready(Ok(Response::new(answer.clone())))
        };
        Box::pin(async move { Ok(Grpc::new(Raw).unary(tower::service_fn(give), request).await) })
    }
}
