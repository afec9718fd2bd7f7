//! The least that it can cost to tell many: tonic, a broadcast, and bytes that are written once.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::broadcast::{self, error::RecvError};
use tonic::{
    Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService},
    transport::{Server, server::TcpIncoming},
};

use crate::raw::Raw;

/// The method that tells, as the load calls it.
pub(super) const SAY: &str = "/bench.Fanout/Say";
/// The method that listens.
pub(super) const LISTEN: &str = "/bench.Fanout/Listen";
/// Messages that a listener may be behind.
const BACKLOG: usize = 1_024;

type Answers = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

/// Serves until the process ends.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?.with_nodelay(Some(true));
    println!("http://{}", incoming.local_addr()?);
    let fanout = Fanout { said: broadcast::Sender::new(BACKLOG) };
    Ok(Server::builder().add_service(fanout).serve_with_incoming(incoming).await?)
}

#[derive(Debug, Clone)]
struct Fanout {
    said: broadcast::Sender<Bytes>,
}

impl Fanout {
    fn listen(&self) -> Answers {
        let heard = stream::unfold(self.said.subscribe(), async |mut said| match said.recv().await {
            Ok(bytes) => Some((Ok(bytes), said)),
            Err(RecvError::Lagged(_)) => Some((Err(Status::data_loss("too slow")), said)),
            Err(RecvError::Closed) => None,
        });
        // It listens from here on.
        Box::pin(stream::once(async { Ok(Bytes::new()) }).chain(heard))
    }
}

impl NamedService for Fanout {
    const NAME: &'static str = "bench.Fanout";
}

impl tower::Service<http::Request<Body>> for Fanout {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let fanout = self.clone();
        if request.uri().path() == LISTEN {
            let listen = move |_: Request<Bytes>| {
                let answers = fanout.listen();
                async move { Ok::<_, Status>(Response::new(answers)) }
            };
            let listen = tower::service_fn(listen);
            return Box::pin(async move { Ok(Grpc::new(Raw).server_streaming(listen, request).await) });
        }
        let say = move |request: Request<Bytes>| {
            let bytes = request.into_inner();
            // Nobody listening is no mistake.
            let listeners = fanout.said.send(bytes).unwrap_or_default();
            async move { Ok::<_, Status>(Response::new(Bytes::from(listeners.to_string()))) }
        };
        Box::pin(async move { Ok(Grpc::new(Raw).unary(tower::service_fn(say), request).await) })
    }
}
