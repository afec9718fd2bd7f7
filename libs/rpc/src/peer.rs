//! How one service calls another: the generated client over one transport type, which is the other service's router
//! in the same process or a network channel. Service code cannot tell which.

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderValue};
use opentelemetry::{global, propagation::Injector};
use tonic::{
    Status,
    body::Body,
    service::Routes,
    transport::{Channel, Endpoint},
};
use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::{
    auth::Caller,
    deadline,
    gate::{Gate, GateLayer},
};

type Request = http::Request<Body>;
type Response = http::Response<Body>;

/// The transport of a generated client: `AccountsServiceClient::new(peer)`.
pub type Peer = BoxCloneSyncService<Request, Response, Status>;

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
        request.extensions_mut().insert(self.caller.clone());
        match self.switchboard.gated.get() {
            Some(gated) => gated.clone().call(request),
            None => {
                Box::pin(async { Ok(Status::unavailable("the services are still starting").into_http()) })
            }
        }
    }
}

/// A transport to a service in another process. It connects with the first call, and again whenever it must.
///
/// # Errors
/// When `url` is no URL, or `token` cannot be sent as metadata.
pub fn remote(url: &str, token: Option<&str>) -> Result<Peer, Box<dyn std::error::Error + Send + Sync>> {
    let channel = Endpoint::from_shared(url.to_owned())?
        .connect_timeout(Duration::from_secs(5))
        // Without keepalive a channel does not notice that the other side is gone.
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        .connect_lazy();
    let mut authorization =
        token.map(|token| HeaderValue::from_str(&format!("Bearer {token}"))).transpose()?;
    authorization.iter_mut().for_each(|value| value.set_sensitive(true));
    let with_context = ServiceExt::<Request>::map_request(channel, move |mut request: Request| {
        forward_context(request.headers_mut());
        if let Some(authorization) = &authorization {
            request.headers_mut().insert(http::header::AUTHORIZATION, authorization.clone());
        }
        request
    });
    Ok(BoxCloneSyncService::new(ServiceExt::<Request>::map_err(
        with_context,
        |error: <Channel as Service<Request>>::Error| Status::from_error(Box::new(error)),
    )))
}

/// Sends along what belongs to the call being served: its trace, and the time it has left.
fn forward_context(headers: &mut HeaderMap) {
    if let Some(remaining) = deadline::remaining_of_current()
        && let Ok(value) = HeaderValue::from_str(&deadline::header_value(remaining))
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
