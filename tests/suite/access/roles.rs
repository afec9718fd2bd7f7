//! Callers with a good token who ask for what is not theirs.

use std::time::Duration;

use siyu_proto::{
    METHODS,
    common::v1::{Access, Role},
};
use siyu_rpc::auth::{Caller, Grant};
use siyu_tests::TestSuite;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{
    Answer, bearer, call_all, let_in, refused,
    requests::{self, About, Good},
    requests_codes, requests_envelopes, requests_groups, requests_leads, requests_messaging,
    requests_subscriptions,
};
use crate::{
    coupons::claim_for_roles,
    homepage::publish_now,
    packages::{make_in as make_package_in, of_filter},
    raw::{call, channel},
    segments::create_in,
    support::{fan, follow, seconds_ago, store},
    tag_rules::{customers, make_in},
    tags::create,
};

async fn users_and_operators_are_kept_out_of_what_is_not_theirs(suite: TestSuite) {
    assert!(METHODS.iter().any(|method| method.path.starts_with("/siyu.testing.")));
    let user = bearer(&suite.token(&Caller::user("users/u1")));
    for (method, result) in call_all(&suite, &[("authorization", &user)]).await {
        match method.access {
            Access::Resource | Access::Platform => refused(result, "ROLE_TOO_LOW", method.path),
            Access::User => refused(result, "INVALID_FIELD", method.path),
            Access::Public | Access::Authenticated => let_in(&result, method.path),
            Access::Unspecified => panic!("{}: no policy", method.path),
        }
    }
    let grant = |resource: &str| Grant { resource: resource.to_owned(), role: Role::Owner };
    let owner = Caller::operator("owner", vec![grant("accounts/mine"), grant("enterprises/mine")]);
    let owner = bearer(&suite.token(&owner));
    for (method, result) in call_all(&suite, &[("authorization", &owner)]).await {
        match method.access {
            Access::Platform | Access::User => refused(result, "ROLE_TOO_LOW", method.path),
            // Past the gate: the empty message is what is wrong.
            Access::Resource if !method.client_streaming => refused(result, "INVALID_FIELD", method.path),
            _ => {}
        }
    }
    suite.finish().await;
}

/// Two enterprises with an account each, of the same ids: in both the fan `u1`, the tag `vip`, a segment, a package, a published homepage
/// and a coupon that somebody has claimed for each role.
async fn two_tenants(suite: &TestSuite) {
    for id in ["mine", "theirs"] {
        suite.account(id, id).await;
        store(suite, id, &[follow("f", "u1", seconds_ago(suite, 5))]).await;
        create(suite, id, "vip").await.unwrap();
        make_in(suite, id, "bought", "buyer", customers(1)).await.unwrap();
        create_in(suite, id, "fans", "following = true").await.unwrap();
        make_package_in(suite, id, "fans", of_filter("following = true")).await.unwrap();
        publish_now(suite, id).await;
        requests_leads::prepare(suite, id).await;
        claim_for_roles(suite, id).await;
        requests_codes::prepare(suite, id).await;
        requests_subscriptions::prepare(suite, id).await;
        requests_messaging::prepare(suite, id).await;
        requests_groups::prepare(suite, id).await;
        requests_envelopes::prepare(suite, id).await;
    }
    // Slots that are booked have begun.
    suite.advance(Duration::from_secs(3_600)).await;
}

/// The streams that never end.
const ENDLESS: [&str; 2] = ["/StreamDesk", "/StreamHostMessages"];

/// Makes all good requests about `id`, as an operator with `role` in the account and the enterprise `mine`.
async fn call_as(suite: &TestSuite, role: Role, id: &str) -> Vec<(Good, Answer)> {
    let grant = |resource: &str| Grant { resource: resource.to_owned(), role };
    let caller = Caller::operator("op", vec![grant("accounts/mine"), grant("enterprises/mine")]);
    let token = bearer(&suite.token(&caller));
    let channel = channel(suite).await;
    let turn = role.as_str_name().trim_start_matches("ROLE_").to_lowercase();
    let mut results = Vec::new();
    for request in requests::all(About { suite, id, turn: &turn }) {
        let message = vec![request.message.clone()];
        let answer = if ENDLESS.iter().any(|endless| request.path.ends_with(endless)) {
            let headers = [("authorization", token.as_str()), ("grpc-timeout", "1S")];
            // That its time is over is as good as an answer.
            match call(&channel, request.path, &headers, message).await {
                Err(status) if status.code() == Code::DeadlineExceeded => Ok(Vec::new()),
                answer => answer,
            }
        } else {
            call(&channel, request.path, &[("authorization", &token)], message).await
        };
        results.push((request, answer));
    }
    results
}

/// All that a refusal tells its caller, with one name for another.
fn told(status: &Status, name: &str, instead: &str) -> String {
    let details = status.get_error_details();
    format!("{:?} {} {details:?}", status.code(), status.message()).replace(name, instead)
}

async fn the_account_of_somebody_else_looks_as_if_it_did_not_exist(suite: TestSuite) {
    two_tenants(&suite).await;
    let before = fan(&suite, "theirs", "u1").await;
    let theirs = call_as(&suite, Role::Owner, "theirs").await;
    let nowhere = call_as(&suite, Role::Owner, "nowhere").await;
    for ((request, of_theirs), (_, of_nowhere)) in theirs.into_iter().zip(nowhere) {
        let path = request.path;
        let of_theirs_told = told(of_theirs.as_ref().expect_err(path), "theirs", "nowhere");
        assert_eq!(of_theirs_told, told(&of_nowhere.expect_err(path), "nowhere", "nowhere"), "{path}");
        refused(of_theirs, "RESOURCE_NOT_FOUND", path);
    }
    assert_eq!(fan(&suite, "theirs", "u1").await, before);
    suite.finish().await;
}

async fn each_method_takes_its_role_and_every_stronger_one(suite: TestSuite) {
    two_tenants(&suite).await;
    for role in [Role::Analyst, Role::Agent, Role::Operator, Role::Admin, Role::Owner] {
        for (request, result) in call_as(&suite, role, "mine").await {
            if role < request.least {
                refused(result, "ROLE_TOO_LOW", request.path);
            } else {
                result.unwrap_or_else(|status| panic!("{} as {role:?}: {status}", request.path));
            }
        }
    }
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    users_and_operators_are_kept_out_of_what_is_not_theirs,
    the_account_of_somebody_else_looks_as_if_it_did_not_exist,
    each_method_takes_its_role_and_every_stronger_one,
);
