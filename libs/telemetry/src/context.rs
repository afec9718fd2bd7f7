//! The trace that goes along with what is stored and worked on later.

use std::collections::HashMap;

use opentelemetry::{Context, global, trace::TraceContextExt};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// What the W3C Trace Context recommendation calls the header.
const TRACE_PARENT: &str = "traceparent";

/// The trace and span that the caller is in, as W3C Trace Context writes them; empty outside a trace.
#[must_use]
pub fn trace_parent() -> String {
    let mut carrier = HashMap::new();
    let context = Span::current().context();
    global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut carrier));
    carrier.remove(TRACE_PARENT).unwrap_or_default()
}

/// Makes `span` a child of the span that [`trace_parent`] told of, before it is entered; an empty text changes nothing.
pub fn continue_trace(span: &Span, trace_parent: &str) {
    if trace_parent.is_empty() {
        return;
    }
    // It fails only where no OpenTelemetry layer is installed, and then there is no trace to join.
    let _ = span.set_parent(context_of(trace_parent));
}

/// Links `span` to the span that [`trace_parent`] told of; an empty text changes nothing.
pub fn link_trace(span: &Span, trace_parent: &str) {
    if !trace_parent.is_empty() {
        span.add_link(context_of(trace_parent).span().span_context().clone());
    }
}

fn context_of(trace_parent: &str) -> Context {
    let carrier = HashMap::from([(TRACE_PARENT.to_owned(), trace_parent.to_owned())]);
    global::get_text_map_propagator(|propagator| propagator.extract(&carrier))
}
