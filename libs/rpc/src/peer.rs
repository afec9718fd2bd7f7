//! How one service calls another: the generated client over one transport type, which is the other service's router
//! in the same process or a network channel. Service code cannot tell which.

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderValue};
use opentelemetry::{global, propagation::Injector};
use siyu_proto::common::v1::ErrorReason;
use tonic::{Code, Status, body::Body, service::Routes, transport::Channel};
use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::{
    Error,
    auth::{Caller, Identity, ServiceToken, expired_meanwhile, show_identity},
    deadline,
    gate::{Gate, GateLayer},
    remote::{self, NoAnswer, Reliable},
    tls::ClientTls,
};

type Request = http::Request<Body>;
type Response = http::Response<Body>;

/// The transport of a generated client: `AccountsServiceClient::new(peer)`.
pub type Peer = BoxCloneSyncService<Request, Response, Status>;

/// The error of a call that needed the `service` of the suite and was answered with `status`; NOT_FOUND is about `name`.
#[must_use]
pub fn unanswered(status: Status, service: &str, name: &str) -> Error {
    if let Some(error) = expired_meanwhile(&status) {
        return error;
    }
    match status.code() {
        Code::NotFound => Error::not_found(name),
        Code::DeadlineExceeded => Error::new(
            Code::DeadlineExceeded,
            ErrorReason::DeadlineExceeded,
            "the time allowed for the call ran out",
        ),
        // Trying again will not help: the token of this service is at fault.
        Code::Unauthenticated | Code::PermissionDenied => Error::internal(status),
        _ => Error::new(
            Code::Unavailable,
            ErrorReason::DependencyUnavailable,
            format!("the {service} service does not answer; try again"),
        )
        .caused_by(status),
    }
}

/// Like [`unanswered`], for a call that is made on behalf of the caller: what is refused by a rule (a quota, a condition, a
/// field that the caller sent) the caller is told as it is.
#[must_use]
pub fn refused(status: Status, service: &str, name: &str) -> Error {
    let is_by_rule =
        matches!(status.code(), Code::ResourceExhausted | Code::FailedPrecondition | Code::InvalidArgument);
    let relayed = if is_by_rule { Error::relayed(&status) } else { None };
    relayed.unwrap_or_else(|| unanswered(status, service, name))
}

/// The services of this process, for each other. It is handed out before they exist, since they may call in circles,
/// and filled once they do.
#[derive(Clone, Default)]
pub struct Switchboard {
    gated: Arc<OnceLock<Gate<Routes>>>,
}

impl std::fmt::Debug for Switchboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Switchboard").field("connected", &self.gated.get().is_some()).finish()
    }
}

impl Switchboard {
    /// Connects the services: from now on calls go through. Only the first call counts.
    pub fn connect(&self, routes: Routes, gate: GateLayer) {
        let _ = self.gated.set(gate.layer(routes));
    }

    /// A transport for the service `caller` to the other services of this process.
    #[must_use]
    pub fn peer(&self, caller: &str) -> Peer {
        let line = Line { switchboard: self.clone(), caller: Caller::service(caller) };
        BoxCloneSyncService::new(ServiceExt::<Request>::map_err(line, |never: Infallible| -> Status {
            match never {}
        }))
    }
}

/// A service's line into the switchboard.
#[derive(Clone)]
struct Line {
    switchboard: Switchboard,
    caller: Caller,
}

impl Service<Request> for Line {
    type Response = Response;
    type Error = Infallible;
    type Future = <Gate<Routes> as Service<Request>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        forward_context(request.headers_mut());
        request.extensions_mut().insert(Identity::of_service(&self.caller));
        match self.switchboard.gated.get() {
            Some(gated) => gated.clone().call(request),
            None => {
                Box::pin(async { Ok(Status::unavailable("the services are still starting").into_http()) })
            }
        }
    }
}

/// A transport to a service in another process, wherever its name leads at the moment: the name is resolved again every
/// few seconds, and calls go to all addresses in turn. Unary calls always have a deadline, and are made again when the
/// service was UNAVAILABLE, if they only read or may be repeated, or never reached it.
///
/// A `url` of `https` is reached over `tls`, whose files are read again together with the name.
///
/// # Errors
/// When `url` is not of the form `http://host:port`, and not of the form `https://host:port` with `tls` for it.
pub fn remote(
    url: &str,
    tls: Option<ClientTls>,
    token: &ServiceToken,
) -> Result<Peer, Box<dyn std::error::Error + Send + Sync>> {
    Ok(with_context(Reliable::new(remote::balanced(url, tls)?), token))
}

/// Like [`remote`], over a channel that exists: a simulated network brings its own.
#[must_use]
pub fn over(channel: Channel, token: &ServiceToken) -> Peer {
    let channel = ServiceExt::<Request>::map_err(channel, |error: <Channel as Service<Request>>::Error| {
        NoAnswer::new(error.into())
    });
    with_context(Reliable::new(channel), token)
}

/// Shows with every call what belongs to the call being served, and who makes it.
fn with_context<S>(transport: S, token: &ServiceToken) -> Peer
where
    S: Service<Request, Response = Response, Error = Status> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let token = token.clone();
    BoxCloneSyncService::new(ServiceExt::<Request>::map_request(transport, move |mut request: Request| {
        forward_context(request.headers_mut());
        show_identity(request.headers_mut(), &token);
        request
    }))
}

/// Sends along what belongs to the call being served: its trace, and the time it has left.
fn forward_context(headers: &mut HeaderMap) {
    let own = deadline::requested(headers).ok().flatten();
    let remaining = deadline::remaining_of_current();
    if let Some(least) = own.into_iter().chain(remaining).min()
        && let Ok(value) = HeaderValue::from_str(&deadline::header_value(least))
    {
        headers.insert("grpc-timeout", value);
    }
    let context = Span::current().context();
    global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut Headers(headers)));
}

struct Headers<'a>(&'a mut HeaderMap);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(key), HeaderValue::from_str(&value)) {
            self.0.insert(name, value);
        }
    }
}
