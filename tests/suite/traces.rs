//! One trace from the caller through both services.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use siyu_proto::crm::v1::ListFansRequest;
use siyu_telemetry::TelemetryConfig;
use siyu_tests::{Engine, TestSuite};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans;
        let scopes = resources.into_iter().flat_map(|resource| resource.scope_spans);
        self.0.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// A trace id and a span id as the W3C Trace Context recommendation has them.
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER_SPAN: &str = "00f067aa0ba902b7";

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_of_the_caller_goes_on_in_the_service_that_is_asked() {
    let collector = Collector::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let otlp_endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(collector.clone()));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let telemetry =
        siyu_telemetry::start(&TelemetryConfig { otlp_endpoint, ..TelemetryConfig::default() }).unwrap();

    let suite = TestSuite::start(Engine::Sqlite).await.unwrap().unwrap();
    suite.account("lumi", "traced").await;
    let mut request =
        Request::new(ListFansRequest { parent: "accounts/traced".to_owned(), ..ListFansRequest::default() });
    let context = format!("00-{TRACE_ID}-{CALLER_SPAN}-01");
    request.metadata_mut().insert("traceparent", context.parse().unwrap());
    suite.fans().list_fans(request).await.unwrap();
    suite.finish().await;
    telemetry.shutdown().await;

    let spans = collector.0.lock().unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let of_trace = |name: &str| {
        let found = spans.iter().find(|span| span.name == name && hex(&span.trace_id) == TRACE_ID);
        found.unwrap_or_else(|| panic!("no span {name} in the caller's trace"))
    };
    let asked_first = of_trace("siyu.crm.v1.FanService/ListFans");
    let asked_then = of_trace("siyu.accounts.v1.AccountsService/GetAccount");
    assert_eq!(hex(&asked_first.parent_span_id), CALLER_SPAN);
    assert_eq!(asked_then.parent_span_id, asked_first.span_id);
}
