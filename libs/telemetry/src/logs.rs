//! Log lines on standard error.

use std::fmt;
use std::io::{IsTerminal, stderr};

use opentelemetry::trace::{TraceContextExt, TraceId};
use tracing::{Event, Subscriber, dispatcher};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Filter, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::{LogFormat, TelemetryConfig, TelemetryError};

pub(crate) fn layer<S>(
    config: &TelemetryConfig,
) -> Result<Box<dyn Layer<S> + Send + Sync + 'static>, TelemetryError>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync + 'static,
{
    let filter = filter(&config.log)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    Ok(match config.log_format {
        LogFormat::Text => lines.compact().with_ansi(stderr().is_terminal()).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().event_format(JsonWithTraceId::new()).with_filter(filter).boxed(),
    })
}

type LogFilter<S> = Box<dyn Filter<S> + Send + Sync>;

pub(crate) fn filter<S>(directives: &str) -> Result<LogFilter<S>, TelemetryError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let refuse = |reason: String| TelemetryError::new("telemetry.log", reason);
    if directives.trim().is_empty() {
        return Err(refuse("must not be empty; \"off\" silences the log".to_owned()));
    }
    // PostgreSQL notices at every start that the migrations table exists.
    let directives = format!("sqlx::postgres::notice=warn,{directives}");
    let names_spans = directives.contains('[');
    if names_spans {
        let filter = EnvFilter::try_new(&directives);
        return Ok(Box::new(filter.map_err(|error| refuse(format!("{error} in {directives:?}")))?));
    }
    // Unlike the other, it has nothing to do when a span is entered or left, which calls do dozens of times.
    let filter: Targets = directives.parse().map_err(|error| refuse(format!("{error} in {directives:?}")))?;
    Ok(Box::new(filter))
}

/// The JSON lines of tracing-subscriber, with the id that finds the trace of a line.
struct JsonWithTraceId {
    json: Format<Json>,
}

impl JsonWithTraceId {
    fn new() -> Self {
        let json = tracing_subscriber::fmt::format().json().flatten_event(true).with_span_list(false);
        Self { json }
    }
}

impl<S, N> FormatEvent<S, N> for JsonWithTraceId
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut output: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.json.format_event(context, Writer::new(&mut line), event)?;
        match (trace_id(context), line.strip_prefix('{')) {
            (Some(trace_id), Some(rest)) => write!(output, "{{\"trace_id\":\"{trace_id}\",{rest}"),
            _ => output.write_str(&line),
        }
    }
}

fn trace_id<S, N>(context: &FmtContext<'_, S, N>) -> Option<TraceId>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    let span_id = context.lookup_current()?.id();
    let trace =
        dispatcher::get_default(|subscriber| tracing_opentelemetry::get_otel_context(&span_id, subscriber))?;
    let trace_id = trace.span().span_context().trace_id();
    (trace_id != TraceId::INVALID).then_some(trace_id)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::prelude::*;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn json_lines_of_one_span_share_a_trace_id() {
        let lines = Lines::default();
        let writer = lines.clone();
        let spans = crate::traces::provider(&TelemetryConfig::default()).unwrap();
        let json = tracing_subscriber::fmt::layer()
            .with_writer(move || writer.clone())
            .json()
            .event_format(JsonWithTraceId::new());
        tracing_subscriber::registry().with(crate::traces::layer(&spans)).with(json).init();

        tracing::info!("outside");
        tracing::info_span!("request").in_scope(|| {
            tracing::info!(fans = 3, "first");
            tracing::info_span!("query").in_scope(|| tracing::info!("second"));
        });

        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let logged: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(logged.len(), 3, "{text}");
        assert!(logged[0].get("trace_id").is_none(), "{text}");
        assert_eq!(logged[1]["trace_id"].as_str().unwrap().len(), 32);
        assert_eq!(logged[1]["trace_id"], logged[2]["trace_id"]);
        assert_eq!((&logged[1]["message"], &logged[1]["fans"]), (&"first".into(), &3.into()));
    }
}
