//! A call under way, and what metrics and traces are told of it when it ends.

use siyu_clock::Stopwatch;
use siyu_proto::Method;
use siyu_telemetry::names;
use tonic::Code;
use tracing::Span;

/// A call under way, from its arrival to the end of its answer. One that is dropped before it has ended was CANCELLED:
/// its caller has gone away.
#[derive(Debug)]
pub(crate) struct Call {
    label: &'static str,
    span: Span,
    stopwatch: Stopwatch,
    code: Code,
}

impl Call {
    /// A call of `method`; none is one that is not the suite's own. Only known methods become labels: anything else
    /// would let strangers fill the metrics.
    pub(crate) fn begin(method: Option<&Method>, span: Span) -> Self {
        metrics::gauge!(names::RPC_IN_FLIGHT).increment(1.0);
        let label = method.map_or("other", |method| method.path);
        Self { label, span, stopwatch: Stopwatch::start(), code: Code::Cancelled }
    }

    /// Its span.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// Its answer says that it ended with `code`.
    pub(crate) fn end(&mut self, code: Code) {
        self.code = code;
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> Code {
        self.code
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let (method, code) = (self.label, code_name(self.code));
        self.span.record("rpc.grpc.status_code", i32::from(self.code));
        metrics::gauge!(names::RPC_IN_FLIGHT).decrement(1.0);
        metrics::histogram!(names::RPC_REQUEST_SECONDS, "method" => method)
            .record(self.stopwatch.elapsed().as_secs_f64());
        metrics::counter!(names::RPC_REQUESTS_TOTAL, "method" => method, "code" => code).increment(1);
    }
}

/// The name that the gRPC specification gives a code, for labels.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    const PATH: &str = "/siyu.crm.v1.TierService/RebuildTiers";

    /// What the metrics say while a call is under way, and after it ended in a way.
    fn told(ending: impl FnOnce(&mut Call)) -> [String; 2] {
        let recorder = PrometheusBuilder::new().build_recorder();
        let metrics = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            let mut call = Call::begin(Method::find(PATH), Span::none());
            let during = metrics.render();
            ending(&mut call);
            drop(call);
            [during, metrics.render()]
        })
    }

    #[test]
    fn a_call_is_told_of_once_and_at_its_end() {
        let [during, after] = told(|call| call.end(Code::Aborted));
        assert!(during.contains("siyu_rpc_in_flight 1"), "{during}");
        assert!(!during.contains("siyu_rpc_requests_total"), "{during}");
        assert!(after.contains("siyu_rpc_in_flight 0"), "{after}");
        let total = format!("siyu_rpc_requests_total{{method=\"{PATH}\",code=\"ABORTED\"}} 1");
        assert!(after.contains(&total), "{after}");
    }

    #[test]
    fn a_call_that_nobody_waits_for_is_told_of_as_cancelled() {
        let [_, after] = told(|_| {});
        assert!(after.contains("code=\"CANCELLED\"} 1"), "{after}");
    }
}
