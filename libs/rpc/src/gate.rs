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
use siyu_clock::Clock;
use siyu_proto::{
    Method,
    common::v1::{Access, ErrorReason},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, body::Body};
use tracing::{Instrument, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::{
    Error,
    answer::{Answer, Limits, panicked},
    auth::{Caller, Identity, Verifier, authorize_kind},
    call::Call,
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

/// How many calls may be under way at once.
#[derive(Debug, Clone, Copy)]
pub struct MostCalls {
    /// Those that take one message and give one.
    pub requests: usize,
    /// Streams.
    pub streams: usize,
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

/// What a call is, for its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A method of the suite that takes one message and gives one.
    Unary,
    /// A method of the suite with a stream on one side or both.
    Stream,
    /// A method of the suite that gives a stream and changes nothing: who listens may go on elsewhere.
    Listening,
    /// A question to health.
    Probe,
    /// A stream of health or reflection.
    Watch,
}

impl Kind {
    fn of(path: &str, method: Option<&Method>) -> Result<Self, Error> {
        match method {
            Some(method) if method.server_streaming && !method.client_streaming && method.read_only => {
                Ok(Self::Listening)
            }
            Some(method) if method.client_streaming || method.server_streaming => Ok(Self::Stream),
            Some(_) => Ok(Self::Unary),
            None if path == "/grpc.health.v1.Health/Watch" => Ok(Self::Watch),
            None if path.starts_with("/grpc.health.v1.") => Ok(Self::Probe),
            None if path.starts_with("/grpc.reflection.") => Ok(Self::Watch),
            None => Err(unknown_method(path)),
        }
    }

    /// Streams last as long as their callers want, everything else as long as the server allows.
    fn is_stream(self) -> bool {
        matches!(self, Self::Stream | Self::Listening | Self::Watch)
    }
}

/// Places for calls under way, of each kind apart: idle streams must not keep out other calls, and calls must not keep
/// out a probe, without whose answer the server would be restarted.
#[derive(Debug, Clone)]
struct Places {
    unary: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    probes: Arc<Semaphore>,
    watches: Arc<Semaphore>,
}

impl Places {
    fn new(most: MostCalls) -> Self {
        /// Anybody may take these, without a token, so they are few.
        const OF_INFRASTRUCTURE: usize = 256;
        let places = |number| Arc::new(Semaphore::new(number));
        Self {
            unary: places(most.requests),
            streams: places(most.streams),
            probes: places(OF_INFRASTRUCTURE),
            watches: places(OF_INFRASTRUCTURE),
        }
    }

    fn of(&self, kind: Kind) -> &Arc<Semaphore> {
        match kind {
            Kind::Unary => &self.unary,
            Kind::Stream | Kind::Listening => &self.streams,
            Kind::Probe => &self.probes,
            Kind::Watch => &self.watches,
        }
    }
}

impl GateLayer {
    /// The gate at the socket: more calls than `most` are refused at once.
    #[must_use]
    pub fn at_socket(config: GateConfig, most: MostCalls, stopping: CancellationToken) -> Self {
        let places = Some(Places::new(most));
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
        let path = request.uri().path();
        let method = Method::find(path);
        let mut call = Call::begin(method, span(path, request.headers()));
        let passed = self.pass(request, method, inner).instrument(call.span().clone()).await;
        let (response, limits) = passed.unwrap_or_else(|error| {
            (call.span().in_scope(|| Status::from(error).into_http()), Limits::default())
        });
        let response = with_details(response, call.span());
        match Status::from_header_map(response.headers()) {
            // There is nothing but headers.
            Some(status) => {
                call.end(status.code());
                response
            }
            None => response.map(|body| Body::new(Answer::new(body, limits, call))),
        }
    }

    /// Answers a call, or says why not; and what its answer is bound by.
    async fn pass<S>(
        &self,
        mut request: Request,
        method: Option<&'static Method>,
        mut inner: S,
    ) -> Result<(Response, Limits), Error>
    where
        S: tower::Service<Request, Response = Response, Error = Infallible> + Send,
        S::Future: Send,
    {
        let kind = Kind::of(request.uri().path(), method)?;
        let identity = match method {
            Some(method) => {
                let here = request.extensions_mut().remove::<Identity>();
                let identity = self.authenticate(here, request.headers(), method).await?;
                authorize_kind(identity.caller(), method)?;
                name_caller(identity.caller());
                request.extensions_mut().insert(identity.caller().clone());
                Some(identity)
            }
            None => None,
        };

        // Only now: who may not call at all takes no place from others.
        let place = self.place(kind)?;
        let deadline = self.deadline(&request, kind)?;
        let call = serve_as(identity.clone(), inner.call(request));
        let call = AssertUnwindSafe(call).catch_unwind();
        let result = match deadline {
            Some(deadline) => deadline.apply(call).await?,
            None => call.await,
        };
        let response = match result {
            Ok(Ok(response)) if kind.is_stream() => response.map(|body| stream_as(identity, body)),
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(panic) => return Err(panicked(panic.as_ref())),
        };
        let end = self.end_of_answer(kind, deadline);
        Ok((response, Limits { place, deadline, end }))
    }

    /// A place among the calls of its kind.
    fn place(&self, kind: Kind) -> Result<Option<OwnedSemaphorePermit>, Error> {
        let Some(places) = &self.places else { return Ok(None) };
        places.of(kind).clone().try_acquire_owned().map(Some).map_err(|_| overloaded())
    }

    /// What ends an answer early: the deadline of a stream. Who watches or listens would go on for ever, and ends a moment
    /// after the server began to stop.
    fn end_of_answer(
        &self,
        kind: Kind,
        deadline: Option<Deadline>,
    ) -> Option<Pin<Box<dyn Future<Output = Error> + Send>>> {
        const LAST_WORD: Duration = Duration::from_millis(100);
        let stopping = self.stopping.clone();
        let stop = async move {
            stopping.cancelled().await;
            tokio::time::sleep(LAST_WORD).await;
            stopped()
        };
        match (kind, deadline) {
            (Kind::Unary | Kind::Probe, _) | (Kind::Stream, None) => None,
            (Kind::Stream, Some(deadline)) => Some(Box::pin(deadline.reached())),
            (Kind::Listening | Kind::Watch, None) => Some(Box::pin(stop)),
            (Kind::Listening | Kind::Watch, Some(deadline)) => Some(Box::pin(async move {
                tokio::select! {
                    error = stop => error,
                    error = deadline.reached() => error,
                }
            })),
        }
    }

    /// Who calls. Between services in one process that comes with the request, over the network it is shown by tokens.
    async fn authenticate(
        &self,
        here: Option<Identity>,
        headers: &HeaderMap,
        method: &Method,
    ) -> Result<Identity, Error> {
        let now = self.config.clock.now();
        match here {
            Some(identity) if self.places.is_none() => identity.still_good(now),
            _ if method.access == Access::Public && Identity::is_missing(headers) => {
                Ok(Identity::anonymous())
            }
            _ => Identity::of_headers(headers, &self.config.verifier, now).await,
        }
    }

    /// A unary call always has a deadline; a stream has the one its caller set, or none.
    fn deadline(&self, request: &Request, kind: Kind) -> Result<Option<Deadline>, Error> {
        let budget = match deadline::requested(request.headers())? {
            requested if kind.is_stream() => requested,
            Some(requested) => Some(requested.min(self.config.max_deadline)),
            None => Some(self.config.default_deadline),
        };
        Ok(budget.map(Deadline::from_now))
    }
}

/// Tells the trace who calls, and for whom.
fn name_caller(caller: &Caller) {
    let span = Span::current();
    span.record("siyu.caller", caller.subject());
    if let Some(end_caller) = caller.on_behalf_of() {
        span.record("siyu.on_behalf_of", end_caller.subject());
    }
}

/// Serves a call in the name of its caller, so that the calls it makes itself can name them too.
async fn serve_as<F: Future>(identity: Option<Identity>, call: F) -> F::Output {
    match identity {
        Some(identity) => identity.serve(call).await,
        None => call.await,
    }
}

/// Like [`serve_as`], for a stream of answers.
fn stream_as(identity: Option<Identity>, body: Body) -> Body {
    match identity {
        Some(identity) => identity.stream(body),
        None => body,
    }
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

/// Adds the suite's details to an error that did not come from the suite's own code.
fn with_details(response: Response, span: &Span) -> Response {
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() != Code::Ok && status.details().is_empty() => {
            span.in_scope(|| complete(status)).into_http()
        }
        _ => response,
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
        siyu.on_behalf_of = field::Empty,
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
