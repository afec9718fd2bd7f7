//! One connection, from its first byte to its end.

use std::{convert::Infallible, io, pin::Pin, time::Duration};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::Service;

use super::{ServerConfig, progress::CallExecutor};

/// What every HTTP/2 connection begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Most bytes of the headers of one call. A token with many grants has about 4 KiB.
const MAX_HEADER_LIST_BYTES: u32 = 16 * 1024;
/// Most bytes that HTTP/1 (gRPC-Web) holds of a request before somebody reads it, its headers included.
const MAX_HTTP1_BUFFER: usize = 64 * 1024;
/// Most bytes of answers that one stream holds for a caller who does not take them yet.
const MAX_SEND_BUFFER: usize = 64 * 1024;

/// The way connections are served; the same for all of them.
pub(super) fn builder(config: &ServerConfig) -> auto::Builder<CallExecutor> {
    let mut builder = auto::Builder::new(CallExecutor { send_timeout: config.send_timeout });
    builder.http1().timer(TokioTimer::new()).max_buf_size(MAX_HTTP1_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(config.max_streams_per_connection)
        .keep_alive_interval(config.keepalive_interval)
        .keep_alive_timeout(config.keepalive_timeout)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .max_send_buf_size(MAX_SEND_BUFFER);
    builder
}

/// How long a connection may live.
pub(super) struct Life {
    /// After this time its client is asked to make another one.
    pub(super) age: Duration,
    /// After this time more it is cut.
    pub(super) grace: Duration,
    /// Cancelled when the server drains: then too its client is asked to go.
    pub(super) draining: CancellationToken,
}

/// Serves `app` on `stream` until the client goes, does not answer any longer, or has stayed too long.
pub(super) async fn serve<S, A>(stream: S, app: A, builder: &auto::Builder<CallExecutor>, life: Life)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    A: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    A::Future: Send,
{
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = tokio::time::sleep(life.age) => {}
        () = life.draining.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    // What goes wrong on a connection is its client's affair: the calls themselves say what became of them.
    let _ = tokio::time::timeout(life.grace, connection).await;
}

/// Waits for the first bytes of a connection; answers the connection with those bytes in place again. Writing to it
/// fails once the client has taken nothing for `send_timeout`.
///
/// It waits for ever when the client says nothing, or stops in the middle of the HTTP/2 preface. Whoever begins in
/// another way speaks HTTP/1, which has a limit of its own on the time for its headers.
pub(super) async fn greet<S>(
    stream: S,
    send_timeout: Duration,
) -> io::Result<Pin<Box<TimeoutStream<impl AsyncRead + AsyncWrite + Unpin>>>>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (mut reader, writer) = tokio::io::split(stream);
    let greeting = read_greeting(&mut reader).await?;
    let replayed = io::Cursor::new(greeting).chain(reader);
    let mut stream = TimeoutStream::new(tokio::io::join(replayed, writer));
    stream.set_write_timeout(Some(send_timeout));
    Ok(Box::pin(stream))
}

/// Reads the HTTP/2 preface, or as much as it takes to see that it is something else.
async fn read_greeting(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut greeting = Vec::with_capacity(PREFACE.len());
    while greeting.len() < PREFACE.len() && PREFACE.starts_with(&greeting) {
        let missing = PREFACE.len() - greeting.len();
        if reader.take(missing as u64).read_buf(&mut greeting).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(greeting)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    async fn greeted(parts: &[&[u8]]) -> Option<Vec<u8>> {
        let (mut client, server) = duplex(1024);
        let parts: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
        let talking = tokio::spawn(async move {
            for part in parts {
                client.write_all(&part).await.unwrap();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            client
        });
        let mut greeted = tokio::time::timeout(SHORT, greet(server, SHORT)).await.ok()?.ok()?;
        talking.await.unwrap().shutdown().await.unwrap();
        let mut all = Vec::new();
        greeted.read_to_end(&mut all).await.unwrap();
        Some(all)
    }

    #[tokio::test]
    async fn nothing_of_a_greeting_is_lost() {
        let whole = [PREFACE, b"frames"].concat();
        assert_eq!(greeted(&[&whole]).await.unwrap(), whole);
        assert_eq!(greeted(&[&whole[..7], &whole[7..]]).await.unwrap(), whole);
        assert_eq!(greeted(&[b"P", b"OST / HTTP/1.1\r\n"]).await.unwrap(), b"POST / HTTP/1.1\r\n");
    }

    #[tokio::test]
    async fn silence_and_half_a_preface_are_no_greeting() {
        assert_eq!(greeted(&[]).await, None);
        assert_eq!(greeted(&[&PREFACE[..16]]).await, None);
    }

    #[tokio::test]
    async fn writing_to_a_client_who_reads_nothing_fails() {
        let (mut client, server) = duplex(64);
        client.write_all(PREFACE).await.unwrap();
        let mut greeted = greet(server, SHORT).await.unwrap();
        let error = greeted.write_all(&[0; 1024]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
