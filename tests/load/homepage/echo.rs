//! The least that a call over this transport can cost: tonic, and an answer that is there already.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::Pin,
    process::Stdio,
    task::{Context as TaskContext, Poll},
};

use anyhow::Context;
use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use tonic::{
    Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService},
    transport::{Server, server::TcpIncoming},
};

use crate::{machine::Cores, raw::Raw};

/// Starts a process of this program that answers every call with so many bytes; answers its URL too.
pub(super) async fn start(cores: &Cores, bytes: usize) -> anyhow::Result<(Child, String)> {
    start_bare(cores, ["--echo".to_owned(), bytes.to_string()]).await
}

/// Starts a process of this program that is a bare server, as `arguments` say, on the core of servers; answers its URL too.
pub(crate) async fn start_bare(cores: &Cores, arguments: [String; 2]) -> anyhow::Result<(Child, String)> {
    let mut line = cores.of_server();
    line.push(std::env::current_exe()?.display().to_string());
    line.extend(arguments);
    let mut command = Command::new(&line[0]);
    let mut process = command.args(&line[1..]).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let output = process.stdout.take().context("its output")?;
    let url = BufReader::new(output).lines().next_line().await?.context("the address it listens on")?;
    Ok((process, url))
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
