//! Logs, traces and metrics of a process: one call at the start, one flush at the end.
//!
//! Logs go to standard error, spans to an OTLP collector, metrics to a Prometheus endpoint; the last two are
//! off until the configuration names an address.

mod config;
pub mod context;
mod logs;
mod metrics_endpoint;
pub mod names;
mod traces;

use std::time::Duration;

use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::task::AbortHandle;
use tracing_subscriber::prelude::*;

use crate::metrics_endpoint::MetricsEndpoint;

pub use config::{LogFormat, TelemetryConfig, TelemetryError};

/// How long `shutdown` may wait for a collector that does not answer.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);

/// The running telemetry of this process; `shutdown` delivers what is still queued.
#[derive(Debug)]
pub struct Telemetry {
    spans: SdkTracerProvider,
    metrics_endpoint: Option<AbortHandle>,
}

/// Starts logs, traces and metrics for the whole process. Call it once, inside a tokio runtime.
///
/// Spans get their trace ids, and trace context is propagated, without a collector too: the next service may
/// have one, and the logs carry the id.
pub fn start(config: &TelemetryConfig) -> Result<Telemetry, TelemetryError> {
    config.check()?;
    let log_layer = logs::layer(config)?;
    let spans = traces::provider(config)?;
    let span_layer = traces::layer(&spans);
    let metrics_endpoint = metrics_endpoint::bind(config)?;
    tracing_subscriber::registry()
        .with(span_layer)
        .with(log_layer)
        .try_init()
        .map_err(|error| TelemetryError::new("telemetry", format!("cannot start twice: {error}")))?;
    traces::propagate_w3c_context();
    let metrics_endpoint = metrics_endpoint.map(MetricsEndpoint::start).transpose()?;
    names::describe();
    Ok(Telemetry { spans, metrics_endpoint })
}

impl Telemetry {
    /// Delivers the queued spans and closes the metrics endpoint; takes five seconds at most.
    pub async fn shutdown(self) {
        // The flush blocks its thread while the exporter needs this runtime: it must not run on it.
        let spans = self.spans;
        let flush = tokio::task::spawn_blocking(move || spans.shutdown_with_timeout(FLUSH_LIMIT));
        match tokio::time::timeout(FLUSH_LIMIT, flush).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%error, "the last spans were not delivered"),
            Ok(Err(error)) => tracing::warn!(%error, "the flush of the last spans failed"),
            Err(_) => tracing::warn!("the last spans were not delivered in time"),
        }
        if let Some(endpoint) = self.metrics_endpoint {
            endpoint.abort();
        }
    }
}
