//! Tokens that accounts makes, and the keys that sign them: good in every process, until they are retired.

use std::time::Duration;

use siyu::connect::connect;
use siyu_clock::{Micros, Stopwatch};
use siyu_proto::{
    accounts::v1::{
        CreateOperatorRequest, CreateOperatorTokenRequest, CreateOperatorTokenResponse, JsonWebKey,
        ListSigningKeysRequest, Operator, RotateSigningKeysRequest,
        operator_service_client::OperatorServiceClient, token_service_client::TokenServiceClient,
    },
    common::v1::Role,
    crm::v1::{ListFansRequest, fan_service_client::FanServiceClient},
};
use siyu_rpc::time::to_proto;
use siyu_tests::{Engine, TestSuite, cluster::Cluster, installation::create_accounts};
use tokio::{task::JoinSet, time::sleep};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{
    mutations::entries,
    operators::add,
    raw::channel,
    support::{fields, reason},
};

/// 2026-03-01T00:00:00Z
const START: Micros = Micros::from_seconds(1_772_323_200);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
/// Longer than anything here takes: only a hanging test waits for so long.
const LONG: Duration = Duration::from_secs(30);

type Client = siyu::connect::Client;

fn tokens(client: Client) -> TokenServiceClient<Client> {
    TokenServiceClient::new(client)
}

fn request(id: &str, resources: &[&str]) -> CreateOperatorTokenRequest {
    CreateOperatorTokenRequest {
        subject: format!("idp|{id}"),
        resources: resources.iter().map(|resource| (*resource).to_owned()).collect(),
        ttl: None,
    }
}

async fn token(
    client: Client,
    request: CreateOperatorTokenRequest,
) -> Result<CreateOperatorTokenResponse, Status> {
    Ok(tokens(client).create_operator_token(request).await?.into_inner())
}

fn grants(token: &CreateOperatorTokenResponse) -> Vec<(&str, Role)> {
    token.grants.iter().map(|grant| (grant.resource.as_str(), grant.role())).collect()
}

/// Asks the CRM at `url` for fans of an account.
async fn list_fans(url: &str, token: &str, account: &str) -> Result<(), Status> {
    let client = connect(url, token).await.unwrap();
    let request = ListFansRequest { parent: format!("accounts/{account}"), ..ListFansRequest::default() };
    FanServiceClient::new(client).list_fans(request).await.map(drop)
}

/// Waits until the answer to `token` is what is expected: nothing, or a reason.
async fn until(expected: Option<&str>, url: &str, token: &str) {
    let stopwatch = Stopwatch::start();
    loop {
        let answer = list_fans(url, token, "shop").await;
        let found = answer.err().map(|status| reason(&status));
        if found.as_deref() == expected {
            return;
        }
        assert!(stopwatch.elapsed() < LONG, "{found:?} and not {expected:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn keys(suite: &TestSuite) -> Vec<JsonWebKey> {
    let mut tokens = TokenServiceClient::new(channel(suite).await);
    tokens.list_signing_keys(ListSigningKeysRequest {}).await.unwrap().into_inner().keys
}

async fn rotate(client: Client, retire_at_once: bool) -> JsonWebKey {
    let request = RotateSigningKeysRequest { retire_at_once, ..RotateSigningKeysRequest::default() };
    tokens(client).rotate_signing_keys(request).await.unwrap().into_inner().current.unwrap()
}

async fn a_token_has_the_roles_of_its_operator(suite: TestSuite) {
    for id in ["shop", "store"] {
        suite.account("lumi", id).await;
    }
    suite.account("other", "foreign").await;
    add(&suite, "accounts/shop", "li-na", Role::Analyst).await;
    let of_shop = token(suite.client(), request("li-na", &[])).await.unwrap();
    assert_eq!(grants(&of_shop), [("accounts/shop", Role::Analyst)]);
    assert_eq!(of_shop.expire_time, Some(to_proto(suite.clock.now().plus(HOUR))));
    list_fans(&suite.url, &of_shop.token, "shop").await.unwrap();
    for foreign in ["store", "foreign", "nowhere"] {
        let status = list_fans(&suite.url, &of_shop.token, foreign).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound, "{foreign}");
    }

    // A role in the company counts in each of its accounts; the strongest counts.
    add(&suite, "enterprises/lumi", "li-na", Role::Agent).await;
    add(&suite, "accounts/store", "li-na", Role::Owner).await;
    let all = token(suite.client(), request("li-na", &[])).await.unwrap();
    let expected =
        [("accounts/shop", Role::Agent), ("accounts/store", Role::Owner), ("enterprises/lumi", Role::Agent)];
    assert_eq!(grants(&all), expected);
    list_fans(&suite.url, &all.token, "store").await.unwrap();
    let narrow = token(suite.client(), request("li-na", &["accounts/shop"])).await.unwrap();
    assert_eq!(grants(&narrow), expected[..1]);
    assert_eq!(list_fans(&suite.url, &narrow.token, "store").await.unwrap_err().code(), Code::NotFound);

    // What is asked for is all there, or there is no token.
    for missing in ["accounts/foreign", "accounts/nowhere", "enterprises/other"] {
        let status = token(suite.client(), request("li-na", &["accounts/shop", missing])).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert!(status.message().contains(missing), "{status}");
    }
    assert_eq!(token(suite.client(), request("nobody", &[])).await.unwrap_err().code(), Code::NotFound);

    let audited = entries(&suite, "platform", "accounts").await;
    let audited: Vec<_> =
        audited.iter().filter(|entry| entry.method.ends_with("/CreateOperatorToken")).collect();
    assert_eq!(audited.len(), 3);
    assert!(audited[0].request.contains("idp|li-na"), "{}", audited[0].request);
    suite.finish().await;
}

async fn a_token_holds_so_many_grants(suite: TestSuite) {
    for number in 0..51 {
        suite.account("lumi", &format!("shop-{number:02}")).await;
    }
    add(&suite, "enterprises/lumi", "li-na", Role::Owner).await;
    let status = token(suite.client(), request("li-na", &[])).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "TOO_MANY_GRANTS"));
    assert!(status.message().contains("50") && status.message().contains("resources"), "{status}");
    let details = status.get_error_details();
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!(metadata["count"], "52");
    let first: Vec<&str> = metadata["resources"].split(' ').collect();
    assert_eq!((first.len(), first[0], first[49]), (50, "accounts/shop-00", "accounts/shop-49"));
    let most: Vec<_> = (0..50).map(|number| format!("accounts/shop-{number:02}")).collect();
    let most: Vec<_> = most.iter().map(String::as_str).collect();
    let narrow = token(suite.client(), request("li-na", &most)).await.unwrap();
    assert_eq!(narrow.grants.len(), 50);
    list_fans(&suite.url, &narrow.token, "shop-49").await.unwrap();
    assert_eq!(list_fans(&suite.url, &narrow.token, "shop-50").await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn a_token_is_good_for_its_time(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    add(&suite, "accounts/shop", "li-na", Role::Analyst).await;
    let lasting = |seconds| CreateOperatorTokenRequest {
        ttl: Some(prost_types::Duration { seconds, nanos: 0 }),
        ..request("li-na", &[])
    };
    for seconds in [-1, 0, 59, 43_201] {
        let status = token(suite.client(), lasting(seconds)).await.unwrap_err();
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec!["ttl".to_owned()]));
    }
    let minute = token(suite.client(), lasting(60)).await.unwrap();
    let longest = token(suite.client(), lasting(43_200)).await.unwrap();
    suite.advance(Duration::from_secs(59)).await;
    list_fans(&suite.url, &minute.token, "shop").await.unwrap();
    suite.advance(Duration::from_secs(1)).await;
    assert_eq!(reason(&list_fans(&suite.url, &minute.token, "shop").await.unwrap_err()), "TOKEN_EXPIRED");
    list_fans(&suite.url, &longest.token, "shop").await.unwrap();
    suite.finish().await;
}

async fn whoever_needs_the_first_key_gets_the_same(suite: TestSuite) {
    let mut calls = JoinSet::new();
    for _ in 0..16 {
        let mut client = TokenServiceClient::new(channel(&suite).await);
        calls.spawn(async move { client.list_signing_keys(ListSigningKeysRequest {}).await });
    }
    let mut answers: Vec<_> =
        calls.join_all().await.into_iter().map(|answer| answer.unwrap().into_inner().keys).collect();
    answers.dedup();
    assert_eq!(answers.len(), 1);
    // The one that signs, and the next.
    assert_eq!(answers[0].len(), 2);
    for key in &answers[0] {
        let JsonWebKey { kty, crv, alg, r#use, kid, x } = key;
        let kinds = (kty.as_str(), crv.as_str(), alg.as_str(), r#use.as_str());
        assert_eq!((kinds, kid.len(), x.len()), (("OKP", "Ed25519", "EdDSA", "sig"), 26, 43));
    }
    suite.finish().await;
}

/// The `kid` in the header of a token.
fn kid_of(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

async fn rotation_refuses_no_good_token(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    add(&suite, "accounts/shop", "li-na", Role::Analyst).await;
    let longest = CreateOperatorTokenRequest {
        ttl: Some(prost_types::Duration { seconds: 43_200, nanos: 0 }),
        ..request("li-na", &[])
    };
    let old = token(suite.client(), longest).await.unwrap().token;
    let before = keys(&suite).await;
    list_fans(&suite.url, &old, "shop").await.unwrap();
    // Not everybody may have heard of the next key yet.
    suite.advance(MINUTE - Duration::from_micros(1)).await;
    let status = tokens(suite.client()).rotate_signing_keys(RotateSigningKeysRequest::default()).await;
    let status = status.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "WRONG_STATE"));
    suite.advance(Duration::from_micros(1)).await;
    let longest = CreateOperatorTokenRequest {
        ttl: Some(prost_types::Duration { seconds: 43_200, nanos: 0 }),
        ..request("li-na", &[])
    };
    let last = token(suite.client(), longest).await.unwrap().token;
    let mut meanwhile = JoinSet::new();
    for _ in 0..8 {
        let client = suite.client();
        meanwhile.spawn(async move { token(client, request("li-na", &[])).await.unwrap().token });
    }
    let current = rotate(suite.client(), false).await;
    for token in meanwhile.join_all().await {
        list_fans(&suite.url, &token, "shop").await.unwrap();
    }
    assert_eq!(current.kid, before.iter().find(|key| key.kid != kid_of(&old)).unwrap().kid);
    // The new key was known before it signed: its first token is good at once.
    let new = token(suite.client(), request("li-na", &[])).await.unwrap().token;
    assert_eq!(kid_of(&new), current.kid);
    list_fans(&suite.url, &new, "shop").await.unwrap();
    list_fans(&suite.url, &old, "shop").await.unwrap();
    assert_eq!(keys(&suite).await.len(), 3);

    // Good to its end is also what was made just before; the key stays a little longer.
    suite.advance(12 * HOUR - Duration::from_secs(1)).await;
    list_fans(&suite.url, &last, "shop").await.unwrap();
    suite.advance(Duration::from_secs(1) + 10 * MINUTE - Duration::from_micros(1)).await;
    assert!(keys(&suite).await.iter().any(|key| key.kid == kid_of(&old)));
    suite.advance(Duration::from_micros(1)).await;
    let after = keys(&suite).await;
    assert_eq!(after.len(), 2);
    assert!(after.iter().all(|key| key.kid != kid_of(&old)));
    suite.finish().await;
}

async fn rotations_at_once_leave_one_key_that_signs(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    add(&suite, "accounts/shop", "li-na", Role::Analyst).await;
    // There are keys from now on.
    keys(&suite).await;
    suite.advance(MINUTE).await;
    let mut calls = JoinSet::new();
    for number in 0..8 {
        let client = suite.client();
        calls.spawn(async move {
            let request = RotateSigningKeysRequest {
                retire_at_once: number % 2 == 0,
                ..RotateSigningKeysRequest::default()
            };
            tokens(client).rotate_signing_keys(request).await
        });
    }
    // Of the others one at most is before the first that makes new keys.
    let refused: Vec<_> = calls.join_all().await.into_iter().filter_map(Result::err).collect();
    assert!((3..=4).contains(&refused.len()), "{refused:?}");
    assert!(refused.iter().all(|status| reason(status) == "WRONG_STATE"), "{refused:?}");
    let made = token(suite.client(), request("li-na", &[])).await.unwrap().token;
    until(None, &suite.url, &made).await;
    let listed = keys(&suite).await;
    assert!(listed.iter().any(|key| key.kid == kid_of(&made)));
    assert!(listed.len() >= 2);
    // A repeat rotates nothing.
    suite.advance(MINUTE).await;
    let again = RotateSigningKeysRequest { retire_at_once: false, request_id: "r1".to_owned() };
    let first = tokens(suite.client()).rotate_signing_keys(again.clone()).await.unwrap().into_inner();
    assert_eq!(tokens(suite.client()).rotate_signing_keys(again).await.unwrap().into_inner(), first);
    assert_eq!(keys(&suite).await.len(), listed.len() + 1);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_token_has_the_roles_of_its_operator,
    a_token_holds_so_many_grants,
    a_token_is_good_for_its_time,
    rotation_refuses_no_good_token,
    rotations_at_once_leave_one_key_that_signs,
    whoever_needs_the_first_key_gets_the_same,
);

/// Makes an operator and a token, and shows it to a process that has the public keys alone.
async fn a_token_is_good_in_every_process_until_its_key_is_retired(engine: Engine) {
    let settings = ["auth.reload_interval=100ms", "accounts.sweep_interval=24h", "crm.sweep_interval=24h"];
    let Some(mut cluster) = Cluster::start(engine, 1, START, &settings).await.unwrap() else { return };
    let accounts = cluster.accounts_client();
    create_accounts(&accounts, &["shop".to_owned()]).await.unwrap();
    let li_na = Operator {
        subject: "idp|li-na".to_owned(),
        display_name: "Li Na".to_owned(),
        role: Role::Analyst.into(),
        ..Operator::default()
    };
    let request_to_add = CreateOperatorRequest {
        parent: "accounts/shop".to_owned(),
        operator: Some(li_na),
        ..CreateOperatorRequest::default()
    };
    OperatorServiceClient::new(accounts.clone()).create_operator(request_to_add).await.unwrap();

    let crm = cluster.crm[0].url.clone();
    let first = token(accounts.clone(), request("li-na", &[])).await.unwrap().token;
    until(None, &crm, &first).await;
    let status = list_fans(&crm, &first, "nowhere").await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);

    // The next key is known there already.
    cluster.advance(MINUTE).await.unwrap();
    rotate(accounts.clone(), false).await;
    let second = token(accounts.clone(), request("li-na", &[])).await.unwrap().token;
    assert_ne!(kid_of(&first), kid_of(&second));
    list_fans(&crm, &second, "shop").await.unwrap();
    list_fans(&crm, &first, "shop").await.unwrap();

    // Retired, both are refused in every process; what is made then is good after a moment.
    rotate(accounts.clone(), true).await;
    let third = token(accounts.clone(), request("li-na", &[])).await.unwrap().token;
    let of_accounts = cluster.accounts.as_ref().unwrap().url.clone();
    for old in [&first, &second] {
        until(Some("TOKEN_INVALID"), &crm, old).await;
        until(Some("TOKEN_INVALID"), &of_accounts, old).await;
    }
    until(None, &crm, &third).await;

    // While accounts is away the keys that are known serve on; it comes back with the same.
    cluster.accounts.take().unwrap().process.kill().await.unwrap();
    list_fans(&crm, &third, "shop").await.unwrap();
    cluster.start_accounts().await.unwrap();
    let fourth = token(cluster.accounts_client(), request("li-na", &[])).await.unwrap().token;
    assert_eq!(kid_of(&fourth), kid_of(&third));
    list_fans(&crm, &fourth, "shop").await.unwrap();
    cluster.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_in_every_process_on_sqlite() {
    a_token_is_good_in_every_process_until_its_key_is_retired(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_in_every_process_on_postgres() {
    a_token_is_good_in_every_process_until_its_key_is_retired(Engine::Postgres).await;
}
