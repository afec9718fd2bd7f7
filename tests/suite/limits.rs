//! The limits of the port: deadlines, sizes, nonsense; and what it says of itself.

use std::collections::BTreeSet;

use prost::Message;
use siyu_proto::{
    METHODS,
    crm::v1::{GetTierFunnelRequest, IngestInteractionsRequest, InteractionKind as Kind},
};
use siyu_rpc::auth::Caller;
use siyu_tests::TestSuite;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::{Code, Status};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    raw::{call, channel},
    support::{event, fields, reason, seconds_ago},
};

const INGEST: &str = "/siyu.crm.v1.InteractionService/IngestInteractions";
const STREAM: &str = "/siyu.crm.v1.InteractionService/StreamInteractions";
const FUNNEL: &str = "/siyu.crm.v1.AnalyticsService/GetTierFunnel";

fn code_and_reason(status: &Status) -> (Code, String) {
    (status.code(), reason(status))
}

fn token(suite: &TestSuite) -> String {
    format!("Bearer {}", suite.token(&Caller::service("test")))
}

/// As many interactions as one batch may have.
fn full_batch(suite: &TestSuite) -> Vec<u8> {
    let time = seconds_ago(suite, 1);
    let interactions =
        (0..1_000).map(|n| event(&format!("e{n}"), &format!("u{n}"), Kind::View, time)).collect();
    IngestInteractionsRequest { parent: "accounts/shop".to_owned(), interactions }.encode_to_vec()
}

/// What a call over gRPC-Web says, as text. The clients of tonic watch the deadline themselves and would not wait for
/// the answer of the server.
async fn call_over_http_1(suite: &TestSuite, timeout: &str, message: &[u8]) -> String {
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    let head = format!(
        "POST {INGEST} HTTP/1.1\r\nhost: test\r\ncontent-type: application/grpc-web+proto\r\nauthorization: {}\r\n\
         grpc-timeout: {timeout}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        token(suite),
        frame.len(),
    );
    let mut stream = TcpStream::connect(suite.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&frame).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).replace(' ', "")
}

async fn a_call_ends_when_its_time_is_over(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let batch = full_batch(&suite);
    for timeout in ["3m", "1m", "1000u", "1n", "0S"] {
        let answer = call_over_http_1(&suite, timeout, &batch).await;
        assert!(answer.contains("grpc-status:4\r\n"), "{timeout}: {answer}");
    }
    // What a call that was cut off has done is unknown, and repeating it is safe.
    let answer = call_over_http_1(&suite, "1M", &batch).await;
    assert!(answer.contains("grpc-status:0\r\n"), "{answer}");
    let request = GetTierFunnelRequest { parent: "accounts/shop".to_owned() };
    let funnel = suite.analytics().get_tier_funnel(request).await.unwrap().into_inner();
    assert_eq!(funnel.known_count, 1_000);
    suite.finish().await;
}

async fn a_timeout_that_cannot_be_read_is_refused(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let channel = channel(&suite).await;
    let token = token(&suite);
    let request = GetTierFunnelRequest { parent: "accounts/shop".to_owned() }.encode_to_vec();
    for timeout in ["5", "S", "1.5S", "-1S", "+1S", "5x", "5s", "123456789m", "soon"] {
        let headers = [("authorization", token.as_str()), ("grpc-timeout", timeout)];
        let status = call(&channel, FUNNEL, &headers, vec![request.clone()]).await.unwrap_err();
        assert_eq!(
            code_and_reason(&status),
            (Code::InvalidArgument, "INVALID_FIELD".to_owned()),
            "{timeout}"
        );
        assert_eq!(fields(&status), ["grpc-timeout"]);
    }
    let headers = [("authorization", token.as_str()), ("grpc-timeout", "99999999H")];
    call(&channel, FUNNEL, &headers, vec![request]).await.unwrap();
    suite.finish().await;
}

async fn messages_that_are_too_large_or_none_at_all_are_refused(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let channel = channel(&suite).await;
    let token = token(&suite);
    let headers = [("authorization", token.as_str())];
    let most = usize::try_from(suite.config.server.max_message_bytes).unwrap();
    // Field 15, which no request has, of so many bytes: one byte for the field, three for the length.
    let padded = |size: usize| {
        let mut message = vec![0x7a];
        let content = size - 4;
        prost::encoding::encode_varint(u64::try_from(content).unwrap(), &mut message);
        message.resize(size, 0);
        message
    };
    let too_large = (Code::ResourceExhausted, "MESSAGE_TOO_LARGE".to_owned());
    let invalid = (Code::InvalidArgument, "INVALID_FIELD".to_owned());
    for method in METHODS {
        let status = call(&channel, method.path, &headers, vec![padded(most + 1)]).await.unwrap_err();
        assert_eq!(code_and_reason(&status), too_large, "{}", method.path);
        let status = call(&channel, method.path, &headers, vec![vec![0xff; 9]]).await.unwrap_err();
        assert_eq!(code_and_reason(&status), invalid, "{}", method.path);
    }
    // In the middle of a stream too.
    let batch = full_batch(&suite);
    for (bad, expected) in [(padded(most + 1), &too_large), (vec![0x0a, 0x05, b'x'], &invalid)] {
        let status = call(&channel, STREAM, &headers, vec![batch.clone(), bad]).await.unwrap_err();
        assert_eq!(code_and_reason(&status), *expected);
    }
    // The limit itself is no mistake: a field that is not known is passed over.
    let mut request = GetTierFunnelRequest { parent: "accounts/shop".to_owned() }.encode_to_vec();
    request.extend(padded(most - request.len()));
    assert_eq!(request.len(), most);
    call(&channel, FUNNEL, &headers, vec![request]).await.unwrap();
    suite.finish().await;
}

async fn health_is_told_of_every_service_without_a_token(suite: TestSuite) {
    let mut health = HealthClient::new(channel(&suite).await);
    let services: BTreeSet<&str> = METHODS.iter().map(|method| service_of(method.path)).collect();
    assert!(services.len() >= 6, "{services:?}");
    for service in ["", "liveness", "readiness", "startup"].into_iter().chain(services) {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = health.check(request).await.unwrap_or_else(|status| panic!("{service}: {status}"));
        assert_eq!(answer.into_inner().status(), ServingStatus::Serving, "{service}");
    }
    let status = health.check(HealthCheckRequest { service: "siyu.crm.v1".to_owned() }).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    suite.finish().await;
}

fn service_of(path: &str) -> &str {
    path.trim_start_matches('/').split_once('/').unwrap().0
}

/// Asks one version of the reflection service which services there are, and for the file that declares one of them.
macro_rules! reflect {
    ($suite:expr, $version:ident) => {{
        use tonic_reflection::pb::$version::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let ask = |question: MessageRequest| ServerReflectionRequest {
            host: String::new(),
            message_request: Some(question),
        };
        let questions = [
            ask(MessageRequest::ListServices(String::new())),
            ask(MessageRequest::FileContainingSymbol("siyu.crm.v1.FanService.GetFan".to_owned())),
        ];
        let mut client = ServerReflectionClient::new(channel($suite).await);
        let answers = client.server_reflection_info(tokio_stream::iter(questions)).await.unwrap();
        let mut answers = answers.into_inner();
        let list = answers.message().await.unwrap().unwrap().message_response.unwrap();
        let MessageResponse::ListServicesResponse(list) = list else { panic!("{list:?}") };
        let file = answers.message().await.unwrap().unwrap().message_response.unwrap();
        let MessageResponse::FileDescriptorResponse(file) = file else { panic!("{file:?}") };
        let names: BTreeSet<String> = list.service.into_iter().map(|service| service.name).collect();
        (names, file.file_descriptor_proto)
    }};
}

async fn reflection_lists_every_service_in_both_versions(suite: TestSuite) {
    let mut expected: BTreeSet<String> =
        METHODS.iter().map(|method| service_of(method.path).to_owned()).collect();
    expected.insert("grpc.health.v1.Health".to_owned());
    for (names, files) in [reflect!(&suite, v1), reflect!(&suite, v1alpha)] {
        let missing: Vec<_> = expected.difference(&names).collect();
        let unexpected: Vec<_> =
            names.difference(&expected).filter(|name| !name.starts_with("grpc.reflection.")).collect();
        assert_eq!((missing, unexpected), (Vec::new(), Vec::new()));
        let file = prost_types::FileDescriptorProto::decode(files[0].as_slice()).unwrap();
        assert_eq!(file.name(), "siyu/crm/v1/fan_service.proto");
        assert!(file.source_code_info.is_some(), "with its comments");
    }
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_call_ends_when_its_time_is_over,
    a_timeout_that_cannot_be_read_is_refused,
    messages_that_are_too_large_or_none_at_all_are_refused,
    health_is_told_of_every_service_without_a_token,
    reflection_lists_every_service_in_both_versions,
);
