//! The first thing a call meets, on the socket and between services in one process alike: its trace and metrics, the
//! limit on calls under way, its deadline, a net for panics, its token, and whether such a caller may call the method.

use std::{
    convert::Infallible,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::FutureExt;
use http::HeaderMap;
use opentelemetry::{global, propagation::Extractor};
use siyu_clock::{Clock, Stopwatch};
use siyu_proto::{
    Method,
    common::v1::{Access, ErrorReason},
};
use siyu_telemetry::names;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, body::Body};
use tracing::{Instrument, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::{
    Error,
    auth::{Caller, Verifier, authorize_kind},
    complete,
    deadline::{self, Deadline},
};

type Request = http::Request<Body>;
type Response = http::Response<Body>;

/// What a gate decides by.
#[derive(Debug, Clone)]
pub struct GateConfig {
    /// Checks bearer tokens.
    pub verifier: Verifier,
    /// The time tokens expire by.
    pub clock: Clock,
    /// Time for a call whose caller did not say.
    pub default_deadline: Duration,
    /// Most time for any call that is not a stream.
    pub max_deadline: Duration,
}

/// Puts a gate before a service.
#[derive(Debug, Clone)]
pub struct GateLayer {
    config: Arc<GateConfig>,
    /// Places for calls under way; none between services in one process, where a nested call would wait for the place
    /// that its own caller holds.
    places: Option<Places>,
    /// Cancelled when the server stops: watching its health must not hold that up.
    stopping: CancellationToken,
}

/// Places for calls under way, of each kind apart: idle streams must not keep out other calls, and calls must not keep
/// out a probe, without whose answer the server would be restarted.
#[derive(Debug, Clone)]
struct Places {
    unary: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    infrastructure: Arc<Semaphore>,
}

impl Places {
    fn new(of_each_kind: usize) -> Self {
        let places = || Arc::new(Semaphore::new(of_each_kind));
        Self { unary: places(), streams: places(), infrastructure: places() }
    }

    fn of(&self, method: Option<&Method>) -> &Arc<Semaphore> {
        match method {
            None => &self.infrastructure,
            Some(method) if method.client_streaming || method.server_streaming => &self.streams,
            Some(_) => &self.unary,
        }
    }
}

impl GateLayer {
    /// The gate at the socket: at most `max_concurrent_requests` calls are under way, and as many streams, more are
    /// refused at once.
    #[must_use]
    pub fn at_socket(
        config: GateConfig,
        max_concurrent_requests: usize,
        stopping: CancellationToken,
    ) -> Self {
        let places = Some(Places::new(max_concurrent_requests));
        Self { config: Arc::new(config), places, stopping }
    }

    /// The gate between services in one process. Their identity comes with the request, not as a token.
    #[must_use]
    pub fn in_process(config: GateConfig) -> Self {
        Self { config: Arc::new(config), places: None, stopping: CancellationToken::new() }
    }
}

impl<S> tower::Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate { inner, gate: self.clone() }
    }
}

/// A service behind a gate.
#[derive(Debug, Clone)]
pub struct Gate<S> {
    inner: S,
    gate: GateLayer,
}

impl<S> tower::Service<Request> for Gate<S>
where
    S: tower::Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The clone was not asked whether it is ready: serve with the one that was.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let gate = self.gate.clone();
        Box::pin(async move { Ok(gate.handle(request, inner).await) })
    }
}

impl GateLayer {
    async fn handle<S>(self, request: Request, inner: S) -> Response
    where
        S: tower::Service<Request, Response = Response, Error = Infallible> + Send,
        S::Future: Send,
    {
        let path = request.uri().path().to_owned();
        let method = Method::find(&path);
        // Only known methods become labels: anything else would let strangers fill the metrics.
        let label = method.map_or("other", |method| method.path);
        let span = span(&path, request.headers());
        let stopwatch = Stopwatch::start();
        let in_flight = InFlight::begin();

        let answer = self.pass(request, method, inner).instrument(span.clone()).await;
        let response = answer.unwrap_or_else(|error| span.in_scope(|| Status::from(error).into_http()));
        let response = with_details(response, &span);

        let code = code_of(&response);
        span.record("rpc.grpc.status_code", i32::from(code));
        drop(in_flight);
        metrics::histogram!(names::RPC_REQUEST_SECONDS, "method" => label)
            .record(stopwatch.elapsed().as_secs_f64());
        metrics::counter!(names::RPC_REQUESTS_TOTAL, "method" => label, "code" => code_name(code))
            .increment(1);
        response
    }

    async fn pass<S>(
        &self,
        mut request: Request,
        method: Option<&'static Method>,
        mut inner: S,
    ) -> Result<Response, Error>
    where
        S: tower::Service<Request, Response = Response, Error = Infallible> + Send,
        S::Future: Send,
    {
        let place = self.place(method)?;
        match method {
            Some(method) => {
                let caller = self.authenticate(&request, method)?;
                authorize_kind(&caller, method)?;
                Span::current().record("siyu.caller", caller.subject());
                request.extensions_mut().insert(caller);
            }
            None if is_infrastructure(request.uri().path()) => {}
            None => return Err(unknown_method(request.uri().path())),
        }

        let deadline = self.deadline(&request, method)?;
        let call = AssertUnwindSafe(inner.call(request)).catch_unwind();
        let result = match deadline {
            Some(deadline) => deadline.apply(call).await?,
            None => call.await,
        };
        let response = match result {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(panic) => return Err(Error::internal(panic_text(panic.as_ref()))),
        };
        Ok(match method {
            Some(method) if method.server_streaming => {
                response.map(|body| deadline::limit_stream(body, deadline, place))
            }
            Some(_) => response,
            None => response.map(|body| self.end_with_server(body, place)),
        })
    }

    /// A place among the calls of its kind; a stream of answers keeps it to its end.
    fn place(&self, method: Option<&Method>) -> Result<Option<OwnedSemaphorePermit>, Error> {
        let Some(places) = &self.places else { return Ok(None) };
        places.of(method).clone().try_acquire_owned().map(Some).map_err(|_| overloaded())
    }

    /// Ends a stream that would otherwise go on for ever, a moment after the server began to stop.
    fn end_with_server(&self, body: Body, place: Option<OwnedSemaphorePermit>) -> Body {
        const LAST_WORD: Duration = Duration::from_millis(100);
        let stopping = self.stopping.clone();
        let end = async move {
            stopping.cancelled().await;
            tokio::time::sleep(LAST_WORD).await;
        };
        deadline::end_stream(body, end, stopped, place)
    }

    fn authenticate(&self, request: &Request, method: &Method) -> Result<Caller, Error> {
        if self.places.is_none()
            && let Some(caller) = request.extensions().get::<Caller>()
        {
            return Ok(caller.clone());
        }
        let header = request.headers().get(http::header::AUTHORIZATION);
        let token = header.and_then(|value| value.to_str().ok()).and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        match token {
            Some(token) => self.config.verifier.verify(token, self.config.clock.now()),
            None if method.access == Access::Public => Ok(Caller::user("anonymous")),
            None => Err(Error::new(
                Code::Unauthenticated,
                ErrorReason::TokenMissing,
                "the call needs a bearer token in the metadata `authorization`",
            )),
        }
    }

    /// A unary call always has a deadline; a stream has the one its caller set, or none.
    fn deadline(&self, request: &Request, method: Option<&Method>) -> Result<Option<Deadline>, Error> {
        let requested = deadline::requested(request.headers())?.map(deadline::ahead_of_tonic);
        let streams = method.is_none_or(|method| method.client_streaming || method.server_streaming);
        let budget = match requested {
            Some(requested) if streams => Some(requested),
            None if streams => None,
            Some(requested) => Some(requested.min(self.config.max_deadline)),
            None => Some(self.config.default_deadline),
        };
        Ok(budget.map(Deadline::from_now))
    }
}

/// A call under way, also counted down when its caller goes away in the middle.
struct InFlight;

impl InFlight {
    fn begin() -> Self {
        metrics::gauge!(names::RPC_IN_FLIGHT).increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!(names::RPC_IN_FLIGHT).decrement(1.0);
    }
}

/// Health and reflection: no data of anybody.
fn is_infrastructure(path: &str) -> bool {
    path.starts_with("/grpc.health.v1.") || path.starts_with("/grpc.reflection.")
}

fn overloaded() -> Error {
    Error::new(
        Code::Unavailable,
        ErrorReason::Overloaded,
        "the server has more calls under way than it takes; try again",
    )
}

fn stopped() -> Error {
    Error::new(Code::Unavailable, ErrorReason::Overloaded, "the server is stopping")
}

fn unknown_method(path: &str) -> Error {
    Error::new(Code::Unimplemented, ErrorReason::MethodNotFound, format!("{path} does not exist here"))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("a handler panicked: {}", text.unwrap_or_default())
}

/// Adds the suite's details to an error that did not come from the suite's own code.
fn with_details(response: Response, span: &Span) -> Response {
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() != Code::Ok && status.details().is_empty() => {
            span.in_scope(|| complete(status)).into_http()
        }
        _ => response,
    }
}

/// The status of a response as far as its headers tell: a stream may still fail later.
fn code_of(response: &Response) -> Code {
    Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code())
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

/// The span of a call, child of the span that its caller sent along (W3C Trace Context).
fn span(path: &str, headers: &HeaderMap) -> Span {
    let span = tracing::info_span!(
        "rpc",
        otel.name = path.trim_start_matches('/'),
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.grpc.status_code = field::Empty,
        siyu.caller = field::Empty,
    );
    let parent = global::get_text_map_propagator(|propagator| propagator.extract(&Headers(headers)));
    // It fails only where no OpenTelemetry layer is installed, and then there is no trace to join.
    let _ = span.set_parent(parent);
    span
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
