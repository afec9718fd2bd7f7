//! One process with everything on: spans reach a collector, metrics a scraper.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail it")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use siyu_telemetry::{TelemetryConfig, names, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
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

async fn collector() -> (Collector, SocketAddr) {
    let collector = Collector::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = TraceServiceServer::new(collector.clone());
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    (collector, address)
}

async fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

async fn scrape(address: SocketAddr) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

// The current-thread runtime is the one a careless flush would block for ever.
#[tokio::test(flavor = "current_thread")]
async fn spans_reach_the_collector_and_metrics_the_scraper() {
    let (collector, collector_address) = collector().await;
    let metrics_address = free_address().await;
    let config = TelemetryConfig {
        otlp_endpoint: format!("http://{collector_address}"),
        metrics_listen: metrics_address.to_string(),
        ..TelemetryConfig::default()
    };
    let telemetry = start(&config).unwrap();
    let again = start(&TelemetryConfig::default());
    assert!(again.unwrap_err().to_string().starts_with("telemetry: cannot start twice"));

    tracing::info_span!("outer").in_scope(|| tracing::info_span!("inner").in_scope(|| {}));
    metrics::counter!(names::RPC_REQUESTS_TOTAL, "method" => "Get", "code" => "OK").increment(1);
    metrics::histogram!(names::RPC_REQUEST_SECONDS, "method" => "Get").record(0.003);

    let scraped = scrape(metrics_address).await;
    assert!(scraped.starts_with("HTTP/1.1 200 OK"), "{scraped}");
    assert!(scraped.contains(r#"siyu_rpc_requests_total{method="Get",code="OK"} 1"#), "{scraped}");
    assert!(scraped.contains(r#"siyu_rpc_request_seconds_bucket{method="Get",le="0.005"} 1"#), "{scraped}");
    assert!(scraped.contains("# HELP siyu_rpc_requests_total Calls answered"), "{scraped}");

    telemetry.shutdown().await;
    let spans = collector.0.lock().unwrap();
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    assert_eq!(spans.len(), 2, "only our own spans: {spans:?}");
    assert_eq!(named("inner").trace_id, named("outer").trace_id);
    assert_eq!(named("inner").parent_span_id, named("outer").span_id);
}

#[tokio::test]
async fn a_taken_metrics_address_names_its_key() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let config = TelemetryConfig { metrics_listen: listen, ..TelemetryConfig::default() };
    let message = start(&config).unwrap_err().to_string();
    assert!(message.starts_with("telemetry.metrics_listen: cannot listen on 127.0.0.1:"), "{message}");
}
