//! Who may call what: every method there is, and every kind of caller.

mod requests;
mod requests_accounts;
mod requests_archive;
mod requests_audiences;
mod requests_cards;
mod requests_codes;
mod requests_common;
mod requests_crm;
mod requests_envelopes;
mod requests_groups;
mod requests_homepage;
mod requests_leads;
mod requests_macros;
mod requests_messaging;
mod requests_moderation;
mod requests_questionnaires;
mod requests_reach;
mod requests_replies;
mod requests_subscriptions;
mod requests_tags;
mod requests_traffic;
mod roles;
mod tokens;
mod users;

use siyu_proto::{METHODS, Method};
use siyu_rpc::auth::Caller;
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    raw::{call, channel},
    support::reason,
};

type Answer = Result<Vec<Vec<u8>>, Status>;

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Checks that a call was refused, with the code that goes with the reason.
fn refused(answer: Answer, expected: &str, what: &str) {
    let code = match expected {
        "TOKEN_MISSING" | "TOKEN_INVALID" | "TOKEN_EXPIRED" => Code::Unauthenticated,
        "ROLE_TOO_LOW" => Code::PermissionDenied,
        "RESOURCE_NOT_FOUND" => Code::NotFound,
        "INVALID_FIELD" => Code::InvalidArgument,
        "METHOD_NOT_FOUND" => Code::Unimplemented,
        other => panic!("{other} is no refusal"),
    };
    let Err(status) = answer else { panic!("{what}: it was not refused") };
    assert_eq!((status.code(), reason(&status).as_str()), (code, expected), "{what}: {status}");
}

/// Checks that a call was not refused for who made it, whatever else is wrong with it.
fn let_in(answer: &Answer, what: &str) {
    let Err(status) = answer else { return };
    let reason = reason(status);
    let refused =
        ["TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED", "ROLE_TOO_LOW"].contains(&reason.as_str());
    assert!(!refused, "{what}: {status}");
}

/// Calls every method with an empty message and these headers.
async fn call_all(suite: &TestSuite, headers: &[(&'static str, &str)]) -> Vec<(&'static Method, Answer)> {
    let channel = channel(suite).await;
    let mut results = Vec::new();
    for method in METHODS {
        let mut headers = headers.to_vec();
        if method.server_streaming {
            // Some streams have no end of their own.
            headers.push(("grpc-timeout", "1S"));
        }
        results.push((method, call(&channel, method.path, &headers, vec![Vec::new()]).await));
    }
    results
}

async fn what_does_not_exist_is_unimplemented(suite: TestSuite) {
    let channel = channel(&suite).await;
    let token = bearer(&suite.token(&Caller::service("crm")));
    let headers: [&[(&'static str, &str)]; 2] = [&[], &[("authorization", token.as_str())]];
    for path in
        ["/siyu.crm.v1.FanService/Nothing", "/siyu.crm.v1.fanservice/GetFan", "/no.Service/Method", "/", "/x"]
    {
        for headers in headers {
            refused(call(&channel, path, headers, vec![Vec::new()]).await, "METHOD_NOT_FOUND", path);
        }
    }
    suite.finish().await;
}

siyu_tests::on_both_engines!(what_does_not_exist_is_unimplemented);
