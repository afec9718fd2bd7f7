//! One trace from the caller through both services, also where an event carries it on.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value,
    trace::v1::Span,
};
use prost_types::FieldMask;
use siyu_proto::{
    accounts::v1::{Account, UpdateAccountRequest},
    crm::v1::GetMatrixRequest,
};
use siyu_telemetry::TelemetryConfig;
use siyu_tests::{Engine, TestSuite};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// Takes spans over gRPC, as the collector of an installation does.
#[derive(Clone, Default)]
pub(crate) struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    /// Serves one; answers it and its URL.
    pub(crate) async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = TraceServiceServer::new(collector.clone());
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (collector, url)
    }

    /// What it has taken.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap().clone()
    }
}

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

/// An attribute of a span.
fn text<'a>(span: &'a Span, key: &str) -> Option<&'a str> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_of_the_caller_goes_on_in_the_service_that_is_asked() {
    let (collector, otlp_endpoint) = Collector::start().await;
    let telemetry =
        siyu_telemetry::start(&TelemetryConfig { otlp_endpoint, ..TelemetryConfig::default() }).unwrap();

    let suite = TestSuite::start(Engine::Sqlite).await.unwrap().unwrap();
    suite.account("lumi", "traced").await;
    let mut request = Request::new(GetMatrixRequest { parent: "enterprises/lumi".to_owned() });
    let context = format!("00-{TRACE_ID}-{CALLER_SPAN}-01");
    request.metadata_mut().insert("traceparent", context.parse().unwrap());
    suite.analytics().get_matrix(request).await.unwrap();
    let mut rename = Request::new(UpdateAccountRequest {
        account: Some(Account {
            name: "accounts/traced".to_owned(),
            display_name: "Traced".to_owned(),
            ..Account::default()
        }),
        update_mask: Some(FieldMask { paths: vec!["display_name".to_owned()] }),
        ..UpdateAccountRequest::default()
    });
    rename.metadata_mut().insert("traceparent", context.parse().unwrap());
    suite.accounts().update_account(rename).await.unwrap();
    // Until its event has arrived.
    suite.advance(Duration::from_millis(1)).await;
    suite.finish().await;
    telemetry.shutdown().await;

    let spans = collector.spans();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let of_trace = |name: &str| {
        let found = spans.iter().find(|span| span.name == name && hex(&span.trace_id) == TRACE_ID);
        found.unwrap_or_else(|| panic!("no span {name} in the caller's trace"))
    };
    let asked_first = of_trace("siyu.crm.v1.AnalyticsService/GetMatrix");
    let asked_then = of_trace("siyu.accounts.v1.AccountsService/ListAccounts");
    assert_eq!(hex(&asked_first.parent_span_id), CALLER_SPAN);
    assert_eq!(asked_then.parent_span_id, asked_first.span_id);
    let changed = of_trace("siyu.accounts.v1.AccountsService/UpdateAccount");
    let consumed = of_trace("crm-accounts siyu.accounts.v1.AccountUpdated");
    assert_eq!(hex(&changed.parent_span_id), CALLER_SPAN);
    assert_eq!(consumed.parent_span_id, changed.span_id);
    assert_eq!(text(asked_first, "siyu.caller"), Some("test"));
    assert_eq!(text(asked_first, "siyu.on_behalf_of"), None);
    assert_eq!(text(asked_then, "siyu.caller"), Some("crm"));
    assert_eq!(text(asked_then, "siyu.on_behalf_of"), Some("test"));
}
