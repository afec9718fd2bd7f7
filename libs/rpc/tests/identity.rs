//! Whom a service sees when another calls it: in one process and over the network alike.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use siyu_clock::{Micros, SimClock};
use siyu_proto::common::v1::Role;
use siyu_rpc::{
    Error,
    auth::{
        Caller, Grant, KeySet, KeySource, ON_BEHALF_OF, ServiceToken, Signer, SigningKey, Verifier,
        expired_meanwhile, for_nobody,
    },
    gate::{GateConfig, GateLayer, MostCalls},
    peer::{self, Peer, Switchboard},
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Status,
    body::Body,
    server::NamedService,
    service::Routes,
    transport::{Endpoint, Server},
};
use tonic_types::StatusExt;
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};

type Request = http::Request<Body>;
type Response = http::Response<Body>;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const START: Micros = Micros::from_seconds(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3600);
/// Methods of two services, one of them answering with a stream.
const FRONT: &str = "/siyu.crm.v1.TierService/ListTierRules";
const FRONT_STREAM: &str = "/siyu.crm.v1.TierService/RebuildTiers";
const BACK: &str = "/siyu.accounts.v1.AccountsService/GetAccount";

/// One installation: a clock, keys, and who was seen at the back.
#[derive(Clone)]
struct World {
    clock: SimClock,
    gate: GateConfig,
    seen: Arc<Mutex<Vec<Caller>>>,
}

impl World {
    fn new() -> Self {
        let clock = SimClock::starting_at(START);
        let verifier = Verifier::new("siyu", "siyu");
        verifier.replace("secret", KeySet::from_secret(SECRET).unwrap());
        let gate = GateConfig {
            verifier,
            clock: clock.clone().into(),
            default_deadline: Duration::from_secs(10),
            max_deadline: Duration::from_secs(10),
        };
        Self { clock, gate, seen: Arc::default() }
    }

    fn token(&self, caller: &Caller, ttl: Duration) -> String {
        Signer::with_secret("siyu", "siyu", SECRET).sign(caller, START, ttl).unwrap()
    }

    fn service_token(&self, name: &str) -> ServiceToken {
        ServiceToken::new(&self.token(&Caller::service(name), HOUR)).unwrap()
    }

    fn at_socket(&self) -> GateLayer {
        GateLayer::at_socket(
            self.gate.clone(),
            MostCalls { requests: 16, streams: 16 },
            CancellationToken::new(),
        )
    }

    /// A service at the back that notes who calls.
    fn back(&self) -> Routes {
        let seen = self.seen.clone();
        Routes::new(Back(Arc::new(move |request: &Request| {
            seen.lock().unwrap().push(request.extensions().get::<Caller>().unwrap().clone());
        })))
    }

    /// The back in this process.
    fn in_process(&self) -> Peer {
        let switchboard = Switchboard::default();
        switchboard.connect(self.back(), GateLayer::in_process(self.gate.clone()));
        switchboard.peer("crm")
    }

    /// The back behind a port, for a process that shows `token`.
    async fn remote(&self, token: &ServiceToken) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder().layer(self.at_socket()).add_routes(self.back());
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        peer::over(Endpoint::from_shared(url).unwrap().connect_lazy(), token)
    }

    /// Calls a service at a port, which asks the back through `peer` before it answers, or, where it answers with a
    /// stream, while it does.
    async fn call_front(&self, path: &str, headers: HeaderMap, peer: &Peer) -> Status {
        let peer = peer.clone();
        let front = service_fn(move |request: Request| {
            let back = call(peer.clone(), BACK, HeaderMap::new());
            let streams = request.uri().path() == FRONT_STREAM;
            async move {
                if !streams {
                    return Ok::<_, Infallible>(back.await.into_http());
                }
                let frames = futures_util::stream::once(async move { end(&back.await) });
                Ok(Response::new(Body::new(http_body_util::StreamBody::new(frames))))
            }
        });
        call(self.at_socket().layer(front), path, headers).await
    }

    fn seen(&self) -> Vec<(String, Option<String>)> {
        let name = |caller: &Caller| caller.subject().to_owned();
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        seen.iter().map(|caller| (name(caller), caller.on_behalf_of().map(name))).collect()
    }
}

/// The end of a stream of answers.
fn end(status: &Status) -> Result<http_body::Frame<bytes::Bytes>, Status> {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers)?;
    Ok(http_body::Frame::trailers(trailers))
}

/// The status that a call ends with.
async fn call<S>(service: S, path: &str, headers: HeaderMap) -> Status
where
    S: Service<Request, Response = Response>,
    S::Error: std::fmt::Debug,
{
    let mut request = Request::new(Body::empty());
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = format!("http://back{path}").parse().unwrap();
    *request.headers_mut() = headers;
    request.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    let response = service.oneshot(request).await.unwrap();
    if let Some(status) = Status::from_header_map(response.headers()) {
        return status;
    }
    let trailers = response.into_body().collect().await.unwrap().trailers().cloned();
    trailers.and_then(|trailers| Status::from_header_map(&trailers)).unwrap_or_else(|| Status::ok(""))
}

/// Notes a request and answers OK.
#[derive(Clone)]
struct Back(Arc<dyn Fn(&Request) + Send + Sync>);

impl NamedService for Back {
    const NAME: &'static str = "siyu.accounts.v1.AccountsService";
}

impl Service<Request> for Back {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        (self.0)(&request);
        Box::pin(async { Ok(Status::ok("").into_http()) })
    }
}

fn omar() -> Caller {
    Caller::operator("omar", vec![Grant { resource: "accounts/a".to_owned(), role: Role::Owner }])
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let value = |token: &str| HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    pairs.iter().map(|(name, token)| (http::HeaderName::from_static(name), value(token))).collect()
}

fn refusal(status: &Status) -> (Code, String) {
    let info = status.get_error_details().error_info().map(|info| info.reason.clone());
    (status.code(), info.unwrap_or_default())
}

#[tokio::test]
async fn the_end_caller_goes_along_on_both_paths() {
    let world = World::new();
    let authorization = world.token(&omar(), HOUR);
    let authorization = headers(&[("authorization", &authorization)]);
    for peer in [world.in_process(), world.remote(&world.service_token("crm")).await] {
        for path in [FRONT, FRONT_STREAM] {
            let status = world.call_front(path, authorization.clone(), &peer).await;
            assert_eq!(status.code(), Code::Ok, "{path}: {status}");
            assert_eq!(world.seen(), [("crm".to_owned(), Some("omar".to_owned()))], "{path}");
        }
    }
}

#[tokio::test]
async fn the_end_caller_stays_the_same_over_several_services() {
    let world = World::new();
    let (service, operator) = (world.token(&Caller::service("groups"), HOUR), world.token(&omar(), HOUR));
    let shown = headers(&[("authorization", &service), (ON_BEHALF_OF, &operator)]);
    for peer in [world.in_process(), world.remote(&world.service_token("crm")).await] {
        assert_eq!(world.call_front(FRONT, shown.clone(), &peer).await.code(), Code::Ok);
        assert_eq!(world.seen(), [("crm".to_owned(), Some("omar".to_owned()))]);
    }
}

#[tokio::test]
async fn a_service_that_serves_no_call_acts_for_itself() {
    let world = World::new();
    for peer in [world.in_process(), world.remote(&world.service_token("crm")).await] {
        assert_eq!(call(peer.clone(), BACK, HeaderMap::new()).await.code(), Code::Ok);
        assert_eq!(world.seen(), [("crm".to_owned(), None)]);

        // Nor does one whose work a call only set off.
        let due = BoxCloneSyncService::new(service_fn(move |request: Request| {
            for_nobody(peer.clone().oneshot(request))
        }));
        let token = world.token(&omar(), HOUR);
        assert_eq!(
            world.call_front(FRONT, headers(&[("authorization", &token)]), &due).await.code(),
            Code::Ok
        );
        assert_eq!(world.seen(), [("crm".to_owned(), None)]);
    }
}

#[tokio::test]
async fn only_services_act_for_others_and_only_with_a_good_token() {
    let world = World::new();
    let service = world.token(&Caller::service("crm"), HOUR);
    let operator = world.token(&omar(), HOUR);
    let user = world.token(&Caller::user("users/u1"), HOUR);
    let expired = world.token(&omar(), Duration::ZERO);
    let foreign = Signer::with_secret("siyu", "other", SECRET).sign(&omar(), START, HOUR).unwrap();
    let refused = [
        (
            [("authorization", operator.as_str()), (ON_BEHALF_OF, user.as_str())],
            Code::PermissionDenied,
            "ROLE_TOO_LOW",
        ),
        ([("authorization", &user), (ON_BEHALF_OF, &user)], Code::PermissionDenied, "ROLE_TOO_LOW"),
        ([("authorization", &service), (ON_BEHALF_OF, "garbage")], Code::Unauthenticated, "TOKEN_INVALID"),
        ([("authorization", &service), (ON_BEHALF_OF, "")], Code::Unauthenticated, "TOKEN_INVALID"),
        ([("authorization", &service), (ON_BEHALF_OF, &foreign)], Code::Unauthenticated, "TOKEN_INVALID"),
        ([("authorization", &service), (ON_BEHALF_OF, &expired)], Code::Unauthenticated, "TOKEN_EXPIRED"),
        ([("authorization", "garbage"), (ON_BEHALF_OF, &operator)], Code::Unauthenticated, "TOKEN_INVALID"),
        ([("x-other", ""), (ON_BEHALF_OF, &service)], Code::Unauthenticated, "TOKEN_MISSING"),
    ];
    let peer = world.in_process();
    for (pairs, code, reason) in refused {
        let status = world.call_front(FRONT, headers(&pairs), &peer).await;
        assert_eq!(refusal(&status), (code, reason.to_owned()), "{pairs:?}");
        assert_eq!(world.seen(), []);
    }
}

#[tokio::test]
async fn a_token_that_expires_on_the_way_is_good_nowhere() {
    for in_process in [true, false] {
        let world = World::new();
        let peer =
            if in_process { world.in_process() } else { world.remote(&world.service_token("crm")).await };
        let clock = world.clock.clone();
        let slow = BoxCloneSyncService::new(service_fn(move |request: Request| {
            clock.advance_to(START.plus(Duration::from_secs(60)));
            peer.clone().oneshot(request)
        }));
        let token = world.token(&omar(), Duration::from_secs(60));
        let status = world.call_front(FRONT, headers(&[("authorization", &token)]), &slow).await;
        assert_eq!(refusal(&status), (Code::Unauthenticated, "TOKEN_EXPIRED".to_owned()));
        assert!(expired_meanwhile(&status).is_some(), "a service knows that it is not its own token");
    }
    let own = World::new();
    let token = own.token(&omar(), Duration::ZERO);
    let status = own.call_front(FRONT, headers(&[("authorization", &token)]), &own.in_process()).await;
    assert_eq!(refusal(&status), (Code::Unauthenticated, "TOKEN_EXPIRED".to_owned()));
    assert!(expired_meanwhile(&status).is_none());
}

/// Another process that holds a key.
struct Accounts(SigningKey);

#[tonic::async_trait]
impl KeySource for Accounts {
    async fn fetch(&self) -> Result<KeySet, Error> {
        let jwks = serde_json::json!({ "keys": [self.0.jwk()] });
        KeySet::from_jwks(&jwks.to_string()).map_err(Error::internal)
    }
}

#[tokio::test]
async fn a_key_that_nobody_knows_yet_is_fetched_for_the_call_that_names_it() {
    let world = World::new();
    let key = SigningKey::from_seed("new", &[7; 32]).unwrap();
    world.gate.verifier.follow("accounts", Arc::new(Accounts(key.clone())));
    let token = Signer::with_key("siyu", "siyu", &key).sign(&omar(), START, HOUR).unwrap();
    let status = world.call_front(FRONT, headers(&[("authorization", &token)]), &world.in_process()).await;
    assert_eq!(status.code(), Code::Ok, "{status}");
    assert_eq!(world.seen(), [("crm".to_owned(), Some("omar".to_owned()))]);
}

#[tokio::test]
async fn a_service_token_is_replaced_while_the_process_runs() {
    let world = World::new();
    let token = ServiceToken::default();
    let peer = world.remote(&token).await;
    let status = call(peer.clone(), BACK, HeaderMap::new()).await;
    assert_eq!(refusal(&status), (Code::Unauthenticated, "TOKEN_MISSING".to_owned()));
    token.replace(&format!("{}\n", world.token(&Caller::service("crm"), HOUR))).unwrap();
    assert!(token.replace("two words").is_err() && token.replace("\n").is_err());
    assert_eq!(call(peer, BACK, HeaderMap::new()).await.code(), Code::Ok);
    assert_eq!(world.seen(), [("crm".to_owned(), None)]);
}
