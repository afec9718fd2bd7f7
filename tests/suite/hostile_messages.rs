//! Messages that are larger than they look, or deeper.

use siyu_proto::METHODS;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};

use crate::{
    hostile::Target,
    raw::{call, call_compressed},
};

/// Methods that anybody may call, without a token.
const PUBLIC: [&str; 4] = [
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

async fn channel(target: &Target) -> Channel {
    Endpoint::from_shared(target.url.clone()).unwrap().connect().await.unwrap()
}

/// Every method that the process serves: its clock is not a simulated one.
fn every_method() -> impl Iterator<Item = &'static str> {
    let paths = METHODS.iter().map(|method| method.path);
    paths.filter(|path| !path.starts_with("/siyu.testing.")).chain(PUBLIC)
}

/// Reflection ends without an answer and without an error; all others say what is wrong.
fn refused(path: &str, answer: Result<Vec<Vec<u8>>, Status>) {
    match answer {
        Ok(answers) => assert!(path.starts_with("/grpc.reflection.") && answers.is_empty(), "{path}"),
        Err(status) => {
            let refusals = [Code::InvalidArgument, Code::ResourceExhausted];
            assert!(refusals.contains(&status.code()), "{path}: {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_nest_without_end_are_refused() {
    const DEPTH: usize = 400_000;
    // A group in a group in a group, which no message knows and every one must pass over.
    let groups = vec![0x7b; DEPTH];
    // The same with groups that end as they should.
    let ended = [groups.clone(), vec![0x7c; DEPTH]].concat();
    let target = Target::start(&[]).await;
    let channel = channel(&target).await;
    let headers = [("authorization", target.authorization.as_str())];
    for path in every_method() {
        for nested in [&groups, &ended] {
            refused(path, call(&channel, path, &headers, vec![nested.clone()]).await);
        }
    }
    target.serves_others().await;
    target.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_compressed_is_not_unpacked() {
    const UNPACKED: usize = 300 * 1024 * 1024;
    let target = Target::start(&[]).await;
    let channel = channel(&target).await;
    let headers = [("authorization", target.authorization.as_str())];
    for path in every_method() {
        let status = call_compressed(&channel, path, &headers, vec![0; 1024 * 1024]).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "{path}: {status}");
    }
    let status = call_compressed(&channel, METHODS[0].path, &headers, vec![0; UNPACKED]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented, "{status}");
    target.serves_others().await;
    target.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_say_they_are_huge_are_refused_before_they_come() {
    const HUGE: usize = 64 * 1024 * 1024;
    let target = Target::start(&[]).await;
    let channel = channel(&target).await;
    let headers = [("authorization", target.authorization.as_str())];
    for path in every_method() {
        refused(path, call(&channel, path, &headers, vec![vec![0; HUGE]]).await);
    }
    target.serves_others().await;
    target.finish().await;
}
