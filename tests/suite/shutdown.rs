//! Connections that say nothing, and a server that is told to stop. The database does not matter here.

use std::time::Duration;

use siyu_clock::Stopwatch;
use siyu_proto::crm::v1::{
    GetFanRequest, InteractionKind as Kind, StreamInteractionsRequest, fan_service_client::FanServiceClient,
};
use siyu_rpc::{
    auth::{Caller, ServiceToken},
    peer,
    server::Ended,
};
use siyu_tests::{
    Engine, TestSuite,
    installation::{Installation, Launch},
    process::Signal,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_client::HealthClient,
};

use crate::{
    raw::channel,
    support::{event, seconds_ago, try_fan},
};

/// Longer than anything here takes: only a hanging test waits for so long.
const LONG: Duration = Duration::from_secs(30);

async fn start(settings: &[&str]) -> TestSuite {
    let suite = TestSuite::start_with(Engine::Sqlite, settings).await.unwrap().unwrap();
    suite.account("lumi", "shop").await;
    suite
}

async fn connect(suite: &TestSuite) -> std::io::Result<TcpStream> {
    TcpStream::connect(suite.url.trim_start_matches("http://")).await
}

/// Waits until the server takes no new connections.
async fn until_refused(suite: &TestSuite) {
    let refused = async { while connect(suite).await.is_ok() {} };
    timeout(LONG, refused).await.expect("new connections are refused");
}

/// Waits until the server closes a connection.
async fn until_closed(mut stream: TcpStream) {
    let mut rest = Vec::new();
    // Closed with or without a last word: both end the reading.
    let _ = timeout(LONG, stream.read_to_end(&mut rest)).await.expect("the connection is closed");
}

fn batch(suite: &TestSuite, user: &str) -> StreamInteractionsRequest {
    let interactions = vec![event(user, user, Kind::View, seconds_ago(suite, 1))];
    StreamInteractionsRequest { parent: "accounts/shop".to_owned(), interactions }
}

type Call = tokio::task::JoinHandle<Result<siyu_proto::crm::v1::StreamInteractionsResponse, tonic::Status>>;

/// A call that is under way, certainly: its first batch is stored.
async fn call_under_way(suite: &TestSuite) -> (mpsc::Sender<StreamInteractionsRequest>, Call) {
    let (sender, receiver) = mpsc::channel(1);
    let mut client = suite.interactions();
    let call = tokio::spawn(async move {
        client.stream_interactions(ReceiverStream::new(receiver)).await.map(tonic::Response::into_inner)
    });
    sender.send(batch(suite, "u1")).await.unwrap();
    let stored = async { while try_fan(suite, "shop", "u1").await.is_err() {} };
    timeout(LONG, stored).await.expect("the first batch is stored");
    (sender, call)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_under_way_is_finished_while_nothing_new_begins() {
    let suite = start(&["server.drain_deadline=30s"]).await;
    let mut health = HealthClient::new(channel(&suite).await);
    let readiness = HealthCheckRequest { service: "readiness".to_owned() };
    let mut readiness = health.watch(readiness).await.unwrap().into_inner();
    let status = |answer: Option<HealthCheckResponse>| answer.unwrap().status();
    assert_eq!(status(readiness.message().await.unwrap()), ServingStatus::Serving);
    let liveness = HealthCheckRequest { service: "liveness".to_owned() };
    let mut liveness = health.watch(liveness).await.unwrap().into_inner();
    assert_eq!(status(liveness.message().await.unwrap()), ServingStatus::Serving);
    let (sender, call) = call_under_way(&suite).await;

    suite.begin_shutdown();
    assert_eq!(status(readiness.message().await.unwrap()), ServingStatus::NotServing);
    until_refused(&suite).await;
    // Who drains is alive: restarting it would cut the calls it still answers.
    if let Ok(Ok(told @ Some(_))) = timeout(Duration::from_millis(100), liveness.message()).await {
        assert_eq!(status(told), ServingStatus::Serving);
    }
    drop(liveness);
    drop((readiness, health));
    sender.send(batch(&suite, "u2")).await.unwrap();
    drop(sender);
    assert_eq!(call.await.unwrap().unwrap().accepted_count, 2);
    assert_eq!(suite.finish().await, Ended::Drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_do_not_hold_up_the_shutdown() {
    // Longer than the test waits: neither is what ends it.
    let suite = start(&["server.drain_deadline=60s", "server.preface_timeout=60s"]).await;
    let silent = connect(&suite).await.unwrap();
    let idle = channel(&suite).await;
    HealthClient::new(idle.clone()).check(HealthCheckRequest::default()).await.unwrap();
    let stopwatch = Stopwatch::start();
    assert_eq!(suite.finish().await, Ended::Drained);
    assert!(stopwatch.elapsed() < Duration::from_secs(15), "{:?}", stopwatch.elapsed());
    until_closed(silent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_half_a_greeting_nor_an_endless_call_outlasts_the_drain_deadline() {
    let suite = start(&["server.drain_deadline=500ms"]).await;
    let mut half = connect(&suite).await.unwrap();
    half.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    let (_open, call) = call_under_way(&suite).await;
    let stopwatch = Stopwatch::start();
    suite.begin_shutdown();
    until_refused(&suite).await;
    assert_eq!(suite.finish().await, Ended::CutOff);
    assert!(stopwatch.elapsed() >= Duration::from_millis(500), "{:?}", stopwatch.elapsed());
    assert!(stopwatch.elapsed() < Duration::from_secs(15), "{:?}", stopwatch.elapsed());
    call.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_never_speaks_is_closed_and_one_that_does_is_kept() {
    let suite = start(&["server.preface_timeout=200ms"]).await;
    let stopwatch = Stopwatch::start();
    let silent = connect(&suite).await.unwrap();
    until_closed(silent).await;
    assert!(stopwatch.elapsed() >= Duration::from_millis(200), "{:?}", stopwatch.elapsed());
    // The connection of the suite has been idle for longer than that.
    assert!(try_fan(&suite, "shop", "u1").await.is_err_and(|status| status.code() == tonic::Code::NotFound));
    assert_eq!(suite.finish().await, Ended::Drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_are_closed_at_once() {
    // One for the suite's own client.
    let suite = start(&["server.max_connections=2", "server.preface_timeout=30s"]).await;
    let kept = connect(&suite).await.unwrap();
    let refused = connect(&suite).await.unwrap();
    until_closed(refused).await;
    drop(kept);
    // Its place is free again, as soon as the server has seen the end.
    let works = async {
        loop {
            let endpoint = tonic::transport::Endpoint::from_shared(suite.url.clone()).unwrap();
            let Ok(channel) = endpoint.connect().await else { continue };
            if HealthClient::new(channel).check(HealthCheckRequest::default()).await.is_ok() {
                break;
            }
        }
    };
    timeout(LONG, works).await.expect("a connection is taken");
    suite.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_does_not_wait_for_anything() {
    const TERMINATED: i32 = 128 + 15;
    let installation = Installation::create(Engine::Sqlite).await.unwrap().unwrap();
    // Longer than the test waits for the process: neither is what ends it.
    let set = vec!["server.drain_deadline=10m".to_owned()];
    let mut process = installation.start(&Launch { set, ..Launch::default() }).unwrap();
    let url = process.ready().await.unwrap();
    let mut half = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    half.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    // Once the process answers the greeting, it will wait for the connection to end.
    half.read_u8().await.unwrap();

    process.signal(Signal::Terminate).await.unwrap();
    let draining = async { while TcpStream::connect(url.trim_start_matches("http://")).await.is_ok() {} };
    timeout(LONG, draining).await.expect("new connections are refused");
    process.signal(Signal::Terminate).await.unwrap();
    assert_eq!(process.ended().await.unwrap().code(), Some(TERMINATED));
    installation.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_connection_is_replaced_without_a_failed_call_and_cut_when_it_stays() {
    let ages = ["server.max_connection_age=1s", "server.max_connection_age_grace=1s"];
    let suite = start(&ages).await;
    let (open, call) = call_under_way(&suite).await;
    let stopwatch = Stopwatch::start();
    // Another service makes one connection after the other meanwhile, and does not notice.
    let token = ServiceToken::default();
    token.replace(&suite.token(&Caller::service("other"))).unwrap();
    let mut fans = FanServiceClient::new(peer::remote(&suite.url, None, &token).unwrap());
    while stopwatch.elapsed() < Duration::from_secs(5) {
        let request = GetFanRequest { name: "accounts/shop/fans/u1".to_owned() };
        let answer = fans.get_fan(request).await;
        assert!(answer.is_ok(), "after {:?}: {answer:?}", stopwatch.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Its stream, which never ends by itself, went with the connection it was on.
    let ended = timeout(LONG, call).await.expect("the stream is cut").unwrap();
    assert!(ended.is_err(), "{ended:?}");
    drop(open);
    assert_eq!(suite.finish().await, Ended::Drained);
}
