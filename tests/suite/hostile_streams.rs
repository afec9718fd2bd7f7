//! Calls that are correct, and go on for as long as they can.

use std::{io, time::Duration};

use bytes::Bytes;
use h2::{RecvStream, SendStream, client::SendRequest};
use http::{HeaderMap, Request, Response};
use siyu::connect::connect;
use siyu_proto::crm::v1::{
    IngestInteractionsRequest, StreamInteractionsRequest, fan_service_client::FanServiceClient,
    interaction_service_client::InteractionServiceClient,
};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::hostile::{Target, all_fans, attack, framed, views};

const INGEST: &str = "/siyu.crm.v1.InteractionService/IngestInteractions";
const STREAM: &str = "/siyu.crm.v1.InteractionService/StreamInteractions";
const LIST_FANS: &str = "/siyu.crm.v1.FanService/ListFans";
const LONG: Duration = Duration::from_secs(30);

/// A connection of a client that decides itself what it reads and when.
struct Connection {
    requests: SendRequest<Bytes>,
    _driver: JoinSet<()>,
}

impl Connection {
    /// `window`: how many bytes of an answer it takes before it has to say that it takes more.
    async fn open(address: &str, window: u32) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        let builder = h2::client::Builder::new().initial_window_size(window).clone();
        let (requests, connection) = builder.handshake(stream).await.map_err(io::Error::other)?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            let _ = connection.await;
        });
        Ok(Self { requests, _driver: driver })
    }

    /// Begins a call; what is sent of its body is up to the caller.
    async fn begin(&self, target: &Target, path: &str) -> (SendStream<Bytes>, h2::client::ResponseFuture) {
        let request = Request::post(format!("{}{path}", target.url))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", &target.authorization)
            .body(())
            .unwrap();
        let mut requests = self.requests.clone().ready().await.unwrap();
        let (response, body) = requests.send_request(request, false).unwrap();
        (body, response)
    }
}

/// How a call ended whose answer is nothing but headers.
fn status_of(response: &Response<RecvStream>) -> Status {
    let headers: &HeaderMap = response.headers();
    Status::from_header_map(headers).expect("a status in the headers")
}

/// Sends the first bytes of a body, one by one, until nobody wants them any longer.
async fn trickle(mut body: SendStream<Bytes>, message: Vec<u8>) {
    const PAUSE: Duration = Duration::from_millis(50);
    for byte in message {
        if body.send_data(Bytes::copy_from_slice(&[byte]), false).is_err() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_trickles_in_is_cut_at_the_deadline_and_frees_its_place() {
    let places = ["server.max_concurrent_requests=8", "server.default_deadline=1s"];
    let target = Target::start(&places).await;
    let connection = Connection::open(target.address(), 65_535).await.unwrap();
    let request =
        IngestInteractionsRequest { parent: "accounts/shop".to_owned(), interactions: views(0, 100) };
    let mut calls = JoinSet::new();
    let mut trickling = JoinSet::new();
    for _ in 0..8 {
        let (body, response) = connection.begin(&target, INGEST).await;
        trickling.spawn(trickle(body, framed(&request)));
        calls.spawn(response);
    }
    while let Some(response) = calls.join_next().await {
        let response = response.unwrap().expect("an answer, not a reset");
        assert_eq!(status_of(&response).code(), Code::DeadlineExceeded);
    }
    // Others are served while those bodies still trickle in.
    target.serves_others().await;
    target.finish().await;
    drop(trickling);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_trickles_in_keeps_nobody_out() {
    let target = Target::start(&[]).await;
    let connection = Connection::open(target.address(), 65_535).await.unwrap();
    let request =
        StreamInteractionsRequest { parent: "accounts/shop".to_owned(), interactions: views(0, 100) };
    let mut trickling = JoinSet::new();
    for _ in 0..100 {
        let (body, _response) = connection.begin(&target, STREAM).await;
        trickling.spawn(trickle(body, framed(&request)));
    }
    target.serves_others().await;
    target.finish().await;
    drop(trickling);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_without_end_share_the_server_with_others() {
    let target = Target::start(&[]).await;
    let (url, authorization) = (target.url.clone(), target.authorization.clone());
    let attack = attack(4, move || {
        let (url, authorization) = (url.clone(), authorization.clone());
        async move {
            let token = authorization.trim_start_matches("Bearer ");
            let client = connect(&url, token).await.map_err(io::Error::other)?;
            let batches = tokio_stream::iter((0..).map(|round: usize| StreamInteractionsRequest {
                parent: "accounts/shop".to_owned(),
                interactions: views(round % 100 * 200, 200),
            }));
            let mut client = InteractionServiceClient::new(client);
            client.stream_interactions(batches).await.map_err(io::Error::other)?;
            Ok(())
        }
    });
    target.serves_others().await;
    target.finish().await;
    drop(attack);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_nothing_loses_its_call_and_its_place() {
    let target = Target::start(&["server.send_timeout=1s", "server.max_concurrent_requests=8"]).await;
    target.make_fans().await;

    // Takes a single byte of each answer.
    let connection = Connection::open(target.address(), 1).await.unwrap();
    let mut answers = Vec::new();
    for _ in 0..8 {
        let (mut body, response) = connection.begin(&target, LIST_FANS).await;
        body.send_data(Bytes::from(framed(&all_fans())), true).unwrap();
        answers.push(timeout(LONG, response).await.unwrap().unwrap());
    }
    // All places are taken, until the calls are cut.
    let token = target.authorization.trim_start_matches("Bearer ");
    let client = connect(&target.url, token).await.unwrap();
    let refused = FanServiceClient::new(client).list_fans(all_fans()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    for answer in &mut answers {
        let mut taken = 0;
        let end = loop {
            match timeout(LONG, answer.body_mut().data()).await.expect("the call is cut") {
                Some(Ok(data)) => taken += data.len(),
                Some(Err(error)) => break error,
                None => panic!("an answer of {taken} bytes, and an end"),
            }
        };
        assert_eq!(end.reason(), Some(h2::Reason::CANCEL), "{end}");
        assert!(taken <= 1, "{taken}");
    }
    target.serves_others().await;
    target.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_health_without_a_token_does_not_keep_a_probe_out() {
    let target = Target::start(&[]).await;
    let mut watching = Vec::new();
    let mut refused = 0;
    for _ in 0..4 {
        let channel = tonic::transport::Endpoint::from_shared(target.url.clone()).unwrap();
        let mut health = HealthClient::new(channel.connect().await.unwrap());
        for _ in 0..200 {
            match health.watch(HealthCheckRequest::default()).await {
                Ok(stream) => watching.push(stream.into_inner()),
                Err(status) => {
                    assert_eq!(status.code(), Code::Unavailable, "{status}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 0);
    let channel = tonic::transport::Endpoint::from_shared(target.url.clone()).unwrap();
    let mut health = HealthClient::new(channel.connect().await.unwrap());
    health.check(HealthCheckRequest { service: "readiness".to_owned() }).await.unwrap();
    target.serves_others().await;
    target.finish().await;
    drop(watching);
}
