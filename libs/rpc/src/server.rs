//! The server: an own accept loop, because the limits that keep a server alive are not in tonic's.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::HeaderValue;
use siyu_proto::DESCRIPTORS;
use siyu_telemetry::names;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::{Server, server::Connected},
};
use tonic_health::{ServingStatus, server::HealthReporter};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::gate::{GateConfig, GateLayer};

/// The limits of a server.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Most open connections; more are closed at once.
    pub max_connections: usize,
    /// Most streams a connection may have open.
    pub max_streams_per_connection: u32,
    /// Most calls under way; more are refused with UNAVAILABLE.
    pub max_concurrent_requests: usize,
    /// How often an idle connection is asked whether it is still there.
    pub keepalive_interval: Duration,
    /// How long it may take to answer that.
    pub keepalive_timeout: Duration,
    /// After this time a connection is told to reconnect, so that load spreads over new replicas.
    pub max_connection_age: Duration,
    /// A connection that has not said anything after this time is closed.
    pub preface_timeout: Duration,
    /// After this time a shutdown does not wait for calls any longer.
    pub drain_deadline: Duration,
    /// Origins whose pages may call over gRPC-Web.
    pub grpc_web_origins: Vec<String>,
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All calls were answered.
    Drained,
    /// The drain deadline cut calls that were still under way.
    CutOff,
}

/// The names health is told of beside those of the services.
const PROBES: [&str; 3] = ["liveness", "readiness", "startup"];

/// Serves `routes`, health and reflection on `listener` until `shutdown` is cancelled, then drains: NOT_SERVING, no new
/// connections, and at most the drain deadline for the calls under way.
///
/// # Errors
/// When the reflection data is damaged or the transport fails.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    services: &[&'static str],
    gate: GateConfig,
    config: &ServerConfig,
    shutdown: CancellationToken,
) -> Result<Ended, Box<dyn std::error::Error + Send + Sync>> {
    let (health, health_service) = tonic_health::server::health_reporter();
    report(&health, services, ServingStatus::Serving).await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let named = |mut builder: tonic_reflection::server::Builder<'static>| {
        for service in services {
            builder = builder.with_service_name(*service);
        }
        builder.with_service_name("grpc.health.v1.Health")
    };
    let routes = routes
        .add_service(health_service)
        .add_service(named(reflection()).build_v1()?)
        .add_service(named(reflection()).build_v1alpha()?);

    let stop_accepting = CancellationToken::new();
    let connections = accept(listener, config, stop_accepting.clone());
    let drain = stop_accepting.clone();
    let serving = Server::builder()
        .accept_http1(true)
        .max_concurrent_streams(config.max_streams_per_connection)
        .http2_keepalive_interval(Some(config.keepalive_interval))
        .http2_keepalive_timeout(Some(config.keepalive_timeout))
        .max_connection_age(config.max_connection_age)
        .http2_max_header_list_size(16 * 1024)
        .layer(cors(&config.grpc_web_origins))
        .layer(tonic_web::GrpcWebLayer::new())
        .layer(GateLayer::at_socket(gate, config.max_concurrent_requests, stop_accepting.clone()))
        .add_routes(routes)
        .serve_with_incoming_shutdown(connections, async move { drain.cancelled().await });
    let mut serving = std::pin::pin!(serving);

    tokio::select! {
        ended = &mut serving => { ended?; return Ok(Ended::Drained); }
        () = shutdown.cancelled() => {}
    }
    report(&health, services, ServingStatus::NotServing).await;
    stop_accepting.cancel();
    match tokio::time::timeout(config.drain_deadline, serving).await {
        Ok(ended) => ended.map(|()| Ended::Drained).map_err(Into::into),
        Err(_) => Ok(Ended::CutOff),
    }
}

async fn report(health: &HealthReporter, services: &[&'static str], status: ServingStatus) {
    for name in PROBES.iter().chain(services) {
        // A process that drains is alive: restarting it would cut the calls it still answers.
        let status = if *name == "liveness" { ServingStatus::Serving } else { status };
        health.set_service_status(name, status).await;
    }
    health.set_service_status("", status).await;
}

fn cors(origins: &[String]) -> CorsLayer {
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([http::Method::POST])
        .allow_headers(
            ["authorization", "content-type", "grpc-timeout", "traceparent", "x-grpc-web", "x-user-agent"]
                .map(http::HeaderName::from_static),
        )
        .expose_headers(
            ["grpc-status", "grpc-message", "grpc-status-details-bin"].map(http::HeaderName::from_static),
        )
}

/// Accepts connections within the limits, until `stop`.
fn accept(
    listener: TcpListener,
    config: &ServerConfig,
    stop: CancellationToken,
) -> ReceiverStream<io::Result<Connection>> {
    /// Accepting fails when file descriptors run out; trying again at once would only burn time.
    const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(20);
    let places = Arc::new(Semaphore::new(config.max_connections));
    let preface_timeout = config.preface_timeout;
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stop.cancelled() => return,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                    continue;
                }
            };
            let Ok(place) = places.clone().try_acquire_owned() else {
                metrics::counter!(names::CONNECTIONS_REFUSED_TOTAL).increment(1);
                continue;
            };
            let (sender, stop) = (sender.clone(), stop.clone());
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let mut first_byte = [0; 1];
                let spoke = tokio::select! {
                    spoke = tokio::time::timeout(preface_timeout, stream.peek(&mut first_byte)) => spoke,
                    // Who has not said anything yet has no call to finish.
                    () = stop.cancelled() => return,
                };
                if matches!(spoke, Ok(Ok(1))) {
                    metrics::gauge!(names::CONNECTIONS_OPEN).increment(1.0);
                    let _ = sender.send(Ok(Connection { stream, _place: place })).await;
                }
            });
        }
    });
    ReceiverStream::new(receiver)
}

/// A connection that gives its place back when it is closed.
struct Connection {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

impl Drop for Connection {
    fn drop(&mut self) {
        metrics::gauge!(names::CONNECTIONS_OPEN).decrement(1.0);
    }
}

impl Connected for Connection {
    type ConnectInfo = <TcpStream as Connected>::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
