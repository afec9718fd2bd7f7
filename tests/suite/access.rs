//! Who may call what: every method there is, and every kind of caller.

use std::{collections::BTreeSet, time::Duration};

use prost::Message;
use siyu_proto::{
    METHODS, Method,
    common::v1::{Access, Role},
    crm::v1 as crm,
};
use siyu_rpc::auth::{Caller, Grant};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    raw::{call, channel},
    support::{fan, follow, reason, seconds_ago, store},
};

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn refusal(result: Result<Vec<Vec<u8>>, Status>) -> (Code, String) {
    let status = result.expect_err("the call is refused");
    (status.code(), reason(&status))
}

/// Calls every method with an empty message and these headers.
async fn call_all(
    suite: &TestSuite,
    headers: &[(&'static str, &str)],
) -> Vec<(&'static Method, Result<Vec<Vec<u8>>, Status>)> {
    let channel = channel(suite).await;
    let mut results = Vec::new();
    for method in METHODS {
        results.push((method, call(&channel, method.path, headers, vec![Vec::new()]).await));
    }
    results
}

async fn without_a_good_token_nothing_can_be_called(suite: TestSuite) {
    let service = Caller::service("crm");
    let short = suite.token_for(&service, Duration::from_secs(60));
    let good = bearer(&short);
    let mut changed = good.clone();
    // The first letter of the signature: the last one has bits that do not count.
    let place = changed.rfind('.').unwrap() + 1;
    let other = if changed[place..].starts_with('A') { "B" } else { "A" };
    changed.replace_range(place..=place, other);
    let tampered = changed;
    let headers: [(&[(&'static str, &str)], &str); 6] = [
        (&[], "TOKEN_MISSING"),
        (&[("authorization", "Basic c2l5dTpzaXl1")], "TOKEN_MISSING"),
        (&[("authorization", short.as_str())], "TOKEN_MISSING"),
        (&[("authorization", "Bearer garbage")], "TOKEN_INVALID"),
        (&[("authorization", "Bearer ")], "TOKEN_INVALID"),
        (&[("authorization", tampered.as_str())], "TOKEN_INVALID"),
    ];
    for (headers, expected) in headers {
        for (method, result) in call_all(&suite, headers).await {
            assert_ne!(method.access, Access::Public, "{}: decide what this test expects of it", method.path);
            assert_eq!(refusal(result), (Code::Unauthenticated, expected.to_owned()), "{}", method.path);
        }
    }
    // A second before its end the token is good, and at its end it is not.
    suite.advance(Duration::from_secs(59)).await;
    let good = [("authorization", good.as_str())];
    for (method, result) in call_all(&suite, &good).await {
        if let Err(status) = result {
            assert_eq!(status.code(), Code::InvalidArgument, "{}: {status}", method.path);
        }
    }
    suite.advance(Duration::from_secs(1)).await;
    for (method, result) in call_all(&suite, &good).await {
        let expected = (Code::Unauthenticated, "TOKEN_EXPIRED".to_owned());
        assert_eq!(refusal(result), expected, "{}", method.path);
    }
    suite.finish().await;
}

async fn users_and_operators_are_kept_out_of_what_is_not_theirs(suite: TestSuite) {
    assert!(METHODS.iter().any(|method| method.path.starts_with("/siyu.testing.")));
    let denied = (Code::PermissionDenied, "ROLE_TOO_LOW".to_owned());
    let user = bearer(&suite.token(&Caller::user("users/u1")));
    for (method, result) in call_all(&suite, &[("authorization", &user)]).await {
        match method.access {
            Access::Resource | Access::Platform => assert_eq!(refusal(result), denied, "{}", method.path),
            other => panic!("{}: decide what this test expects of {other:?}", method.path),
        }
    }
    let grant = |resource: &str| Grant { resource: resource.to_owned(), role: Role::Owner };
    let owner = Caller::operator("owner", vec![grant("accounts/mine"), grant("enterprises/mine")]);
    let owner = bearer(&suite.token(&owner));
    for (method, result) in call_all(&suite, &[("authorization", &owner)]).await {
        match method.access {
            Access::Platform => assert_eq!(refusal(result), denied, "{}", method.path),
            // Past the gate: the empty message is what is wrong.
            _ if !method.client_streaming => {
                assert_eq!(
                    refusal(result),
                    (Code::InvalidArgument, "INVALID_FIELD".to_owned()),
                    "{}",
                    method.path
                );
            }
            _ => {}
        }
    }
    suite.finish().await;
}

async fn what_does_not_exist_is_unimplemented(suite: TestSuite) {
    let channel = channel(&suite).await;
    let token = bearer(&suite.token(&Caller::service("crm")));
    let headers: [&[(&'static str, &str)]; 2] = [&[], &[("authorization", token.as_str())]];
    for path in
        ["/siyu.crm.v1.FanService/Nothing", "/siyu.crm.v1.fanservice/GetFan", "/no.Service/Method", "/", "/x"]
    {
        for headers in headers {
            let result = call(&channel, path, headers, vec![Vec::new()]).await;
            assert_eq!(refusal(result), (Code::Unimplemented, "METHOD_NOT_FOUND".to_owned()), "{path}");
        }
    }
    suite.finish().await;
}

/// Every method of the CRM with a good request about an account and its enterprise, and the least role it takes.
fn requests(suite: &TestSuite, id: &str) -> Vec<(&'static str, Role, Vec<u8>)> {
    let parent = format!("accounts/{id}");
    let fan = format!("accounts/{id}/fans/u1");
    let rules = || format!("accounts/{id}/tierRules/0");
    let view = follow("again", "u1", seconds_ago(suite, 1));
    let tier_rules = crm::TierRules {
        half_life: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
        weights: vec![crm::KindWeight { kind: 1, points: 1.0 }],
        favorable_enter: 2.0,
        favorable_leave: 1.0,
        true_love_enter: 4.0,
        true_love_leave: 3.0,
        ..crm::TierRules::default()
    };
    let start_time = Some(seconds_ago(suite, 100));
    vec![
        (
            "AnalyticsService/GetGmvConcentration",
            Role::Analyst,
            crm::GetGmvConcentrationRequest { parent: parent.clone(), top_percents: Vec::new() }
                .encode_to_vec(),
        ),
        (
            "AnalyticsService/GetMatrix",
            Role::Analyst,
            crm::GetMatrixRequest { parent: format!("enterprises/{id}") }.encode_to_vec(),
        ),
        (
            "AnalyticsService/GetRfm",
            Role::Analyst,
            crm::GetRfmRequest { parent: parent.clone() }.encode_to_vec(),
        ),
        (
            "AnalyticsService/GetSales",
            Role::Analyst,
            crm::GetSalesRequest { parent: parent.clone(), ..Default::default() }.encode_to_vec(),
        ),
        (
            "AnalyticsService/GetTierFlow",
            Role::Analyst,
            crm::GetTierFlowRequest { parent: parent.clone(), start_time, ..Default::default() }
                .encode_to_vec(),
        ),
        (
            "AnalyticsService/GetTierFunnel",
            Role::Analyst,
            crm::GetTierFunnelRequest { parent: parent.clone() }.encode_to_vec(),
        ),
        (
            "AnalyticsService/ListMonthlySales",
            Role::Analyst,
            crm::ListMonthlySalesRequest { parent: parent.clone(), ..Default::default() }.encode_to_vec(),
        ),
        ("FanService/GetFan", Role::Analyst, crm::GetFanRequest { name: fan.clone() }.encode_to_vec()),
        (
            "FanService/ListFans",
            Role::Analyst,
            crm::ListFansRequest { parent: parent.clone(), ..Default::default() }.encode_to_vec(),
        ),
        (
            "InteractionService/CreateImport",
            Role::Operator,
            crm::CreateImportRequest {
                parent: parent.clone(),
                import: Some(crm::Import::default()),
                import_id: "one".to_owned(),
            }
            .encode_to_vec(),
        ),
        (
            "InteractionService/IngestInteractions",
            Role::Operator,
            crm::IngestInteractionsRequest { parent: parent.clone(), interactions: vec![view.clone()] }
                .encode_to_vec(),
        ),
        (
            "InteractionService/ListInteractions",
            Role::Analyst,
            crm::ListInteractionsRequest { parent: fan.clone(), ..Default::default() }.encode_to_vec(),
        ),
        (
            "InteractionService/StreamInteractions",
            Role::Operator,
            crm::StreamInteractionsRequest { parent: parent.clone(), interactions: vec![view] }
                .encode_to_vec(),
        ),
        (
            "TierService/ActivateTierRules",
            Role::Admin,
            crm::ActivateTierRulesRequest { name: rules() }.encode_to_vec(),
        ),
        (
            "TierService/BacktestTierRules",
            Role::Analyst,
            crm::BacktestTierRulesRequest { name: rules() }.encode_to_vec(),
        ),
        (
            "TierService/CreateTierRules",
            Role::Admin,
            crm::CreateTierRulesRequest { parent: parent.clone(), tier_rules: Some(tier_rules) }
                .encode_to_vec(),
        ),
        (
            "TierService/ListTierChanges",
            Role::Analyst,
            crm::ListTierChangesRequest { parent: fan, ..Default::default() }.encode_to_vec(),
        ),
        (
            "TierService/ListTierRules",
            Role::Analyst,
            crm::ListTierRulesRequest { parent: parent.clone(), ..Default::default() }.encode_to_vec(),
        ),
        ("TierService/RebuildTiers", Role::Admin, crm::RebuildTiersRequest { parent }.encode_to_vec()),
    ]
}

/// Two enterprises with an account each, of the same ids, and the fan `u1` in both.
async fn two_tenants(suite: &TestSuite) {
    for id in ["mine", "theirs"] {
        suite.account(id, id).await;
        store(suite, id, &[follow("f", "u1", seconds_ago(suite, 5))]).await;
    }
}

async fn call_as(
    suite: &TestSuite,
    role: Role,
    id: &str,
) -> Vec<(&'static str, Role, Result<Vec<Vec<u8>>, Status>)> {
    let grant = |resource: &str| Grant { resource: resource.to_owned(), role };
    let caller = Caller::operator("op", vec![grant("accounts/mine"), grant("enterprises/mine")]);
    let token = bearer(&suite.token(&caller));
    let channel = channel(suite).await;
    let mut results = Vec::new();
    for (method, least, message) in requests(suite, id) {
        let path = format!("/siyu.crm.v1.{method}");
        let result = call(&channel, &path, &[("authorization", &token)], vec![message]).await;
        results.push((method, least, result));
    }
    results
}

async fn the_account_of_somebody_else_looks_as_if_it_did_not_exist(suite: TestSuite) {
    two_tenants(&suite).await;
    let named: BTreeSet<String> =
        requests(&suite, "x").into_iter().map(|(method, ..)| format!("/siyu.crm.v1.{method}")).collect();
    let all =
        METHODS.iter().map(|method| method.path.to_owned()).filter(|path| path.starts_with("/siyu.crm."));
    assert_eq!(named, all.collect(), "a new method needs a request here");

    let before = fan(&suite, "theirs", "u1").await;
    let theirs = call_as(&suite, Role::Owner, "theirs").await;
    let nowhere = call_as(&suite, Role::Owner, "nowhere").await;
    for ((method, _, of_theirs), (.., of_nowhere)) in theirs.into_iter().zip(nowhere) {
        let (of_theirs, of_nowhere) = (of_theirs.unwrap_err(), of_nowhere.unwrap_err());
        assert_eq!(
            (of_theirs.code(), reason(&of_theirs)),
            (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()),
            "{method}"
        );
        assert_eq!(of_theirs.message().replace("theirs", "nowhere"), of_nowhere.message(), "{method}");
        assert_eq!(of_theirs.code(), of_nowhere.code(), "{method}");
    }
    assert_eq!(fan(&suite, "theirs", "u1").await, before);
    suite.finish().await;
}

async fn each_method_takes_its_role_and_every_stronger_one(suite: TestSuite) {
    two_tenants(&suite).await;
    for role in [Role::Analyst, Role::Agent, Role::Operator, Role::Admin, Role::Owner] {
        for (method, least, result) in call_as(&suite, role, "mine").await {
            if role < least {
                let denied = (Code::PermissionDenied, "ROLE_TOO_LOW".to_owned());
                assert_eq!(refusal(result), denied, "{method} as {role:?}");
            } else {
                result.unwrap_or_else(|status| panic!("{method} as {role:?}: {status}"));
            }
        }
    }
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    without_a_good_token_nothing_can_be_called,
    users_and_operators_are_kept_out_of_what_is_not_theirs,
    what_does_not_exist_is_unimplemented,
    the_account_of_somebody_else_looks_as_if_it_did_not_exist,
    each_method_takes_its_role_and_every_stronger_one,
);
