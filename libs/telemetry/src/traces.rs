//! Spans, their context and their way to a collector.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::{TelemetryConfig, TelemetryError};

/// What the exporter itself is made of: traced, it would feed itself for ever.
const TRANSPORT_TARGETS: [&str; 5] = ["h2", "hyper", "tonic", "tower", "opentelemetry"];

pub(crate) fn propagate_w3c_context() {
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
}

pub(crate) fn provider(config: &TelemetryConfig) -> Result<SdkTracerProvider, TelemetryError> {
    let resource = Resource::builder().with_service_name(config.service_name.clone()).build();
    let provider = SdkTracerProvider::builder().with_resource(resource);
    if config.otlp_endpoint.is_empty() {
        return Ok(provider.build());
    }
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(&config.otlp_endpoint)
        .build()
        .map_err(|error| TelemetryError::new("telemetry.otlp_endpoint", error.to_string()))?;
    Ok(provider.with_batch_exporter(exporter).build())
}

pub(crate) fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + Send + Sync + 'static
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync + 'static,
{
    let quiet_transport = TRANSPORT_TARGETS.map(|target| (target, LevelFilter::OFF));
    let traced = Targets::new().with_default(LevelFilter::INFO).with_targets(quiet_transport);
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("siyu"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(traced)
}
