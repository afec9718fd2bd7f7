//! The address at which Prometheus fetches the metrics.

use metrics_exporter_prometheus::{
    BuildError, ExporterFuture, Matcher, PrometheusBuilder, PrometheusRecorder,
};
use tokio::task::AbortHandle;

use crate::{TelemetryConfig, TelemetryError};

/// From an in-process read (half a millisecond) to the longest deadline (a minute).
const SECONDS_BUCKETS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// A bound endpoint that answers nobody yet.
pub(crate) struct MetricsEndpoint {
    recorder: PrometheusRecorder,
    serve: ExporterFuture,
}

pub(crate) fn bind(config: &TelemetryConfig) -> Result<Option<MetricsEndpoint>, TelemetryError> {
    let Some(address) = config.metrics_address()? else {
        return Ok(None);
    };
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let (recorder, serve) = PrometheusBuilder::new()
        .with_http_listener(address)
        .set_buckets_for_metric(seconds, &SECONDS_BUCKETS)
        .and_then(PrometheusBuilder::build)
        .map_err(|error| match error {
            BuildError::FailedToCreateHTTPListener(cause) => {
                refuse(format!("cannot listen on {address}: {cause}"))
            }
            other => refuse(other.to_string()),
        })?;
    Ok(Some(MetricsEndpoint { recorder, serve }))
}

impl MetricsEndpoint {
    pub(crate) fn start(self) -> Result<AbortHandle, TelemetryError> {
        metrics::set_global_recorder(self.recorder).map_err(|error| refuse(error.to_string()))?;
        let server = tokio::spawn(async move {
            if let Err(error) = self.serve.await {
                tracing::error!(?error, "the metrics endpoint stopped");
            }
        });
        Ok(server.abort_handle())
    }
}

fn refuse(reason: String) -> TelemetryError {
    TelemetryError::new("telemetry.metrics_listen", reason)
}
