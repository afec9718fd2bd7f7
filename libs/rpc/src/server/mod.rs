//! The server. It takes connections and runs calls itself, over hyper: the limits that keep a server alive are not in
//! tonic's (see ADR 0011).

mod accept;
mod connection;
mod health;
pub(crate) mod progress;

use std::time::Duration;

use http::HeaderValue;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_web::GrpcWebLayer;
use tower::Layer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::{
    gate::{GateConfig, GateLayer, MostCalls},
    tls::ServerTls,
};

/// The limits of a server.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Most open connections; more are closed at once.
    pub max_connections: usize,
    /// Most streams a connection may have open.
    pub max_streams_per_connection: u32,
    /// Most calls and streams under way; more are refused with UNAVAILABLE.
    pub most_calls: MostCalls,
    /// How often an idle connection is asked whether it is still there.
    pub keepalive_interval: Duration,
    /// How long it may take to answer that.
    pub keepalive_timeout: Duration,
    /// After about this time a connection is told to reconnect, so that load spreads over new replicas.
    pub max_connection_age: Duration,
    /// After this time more it is cut, with the calls that are still under way on it.
    pub max_connection_age_grace: Duration,
    /// What connections are secured with; none is plain HTTP.
    pub tls: Option<ServerTls>,
    /// A connection that has not said how it begins after this time, TLS included, is closed.
    pub preface_timeout: Duration,
    /// A caller that takes nothing of what is sent to it for this time is cut off.
    pub send_timeout: Duration,
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

/// Serves `routes`, health and reflection on `listener` until `shutdown` is cancelled, then drains: NOT_SERVING, no new
/// connections, and at most the drain deadline for the calls under way.
///
/// # Errors
/// When the reflection data is damaged.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    services: &[&'static str],
    gate: GateConfig,
    config: &ServerConfig,
    shutdown: CancellationToken,
) -> Result<Ended, Box<dyn std::error::Error + Send + Sync>> {
    let draining = CancellationToken::new();
    let (routes, health) = health::add_to(routes, services)?;
    let gate = GateLayer::at_socket(gate, config.most_calls, draining.clone());
    let app = cors(&config.grpc_web_origins).layer(GrpcWebLayer::new().layer(gate.layer(routes.prepare())));
    let mut connections = accept::Connections::new(app, config, draining.clone());

    health.serving().await;
    tokio::select! {
        () = connections.accept_from(&listener) => {}
        () = shutdown.cancelled() => {}
    }
    health.draining().await;
    drop(listener);
    draining.cancel();
    Ok(connections.drain(config.drain_deadline).await)
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
