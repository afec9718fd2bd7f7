//! API keys: their secret is shown once, and is good for tokens until they are revoked or expire.

use std::time::Duration;

use siyu::connect::connect;
use siyu_proto::{
    accounts::v1::{
        ApiKey, CreateApiKeyRequest, CreateApiKeyResponse, ExchangeApiKeyRequest, ExchangeApiKeyResponse,
        ListApiKeysRequest, RevokeApiKeyRequest, UpdateOperatorRoleRequest,
        api_key_service_client::ApiKeyServiceClient, operator_service_client::OperatorServiceClient,
        token_service_client::TokenServiceClient,
    },
    common::v1::Role,
    crm::v1::{ListFansRequest, fan_service_client::FanServiceClient},
};
use siyu_rpc::{
    auth::{Caller, Grant, ON_BEHALF_OF},
    time::to_proto,
};
use siyu_tests::TestSuite;
use tonic::{Code, Request, Status};

use crate::{
    mutations::entries,
    operators::{add, delete, operator, operators, set_role, token_of},
    raw::channel,
    support::{fields, on_accounts_db, reason, texts_of_accounts_db},
};

const MINUTE: Duration = Duration::from_secs(60);

type Client = ApiKeyServiceClient<siyu::connect::Client>;

fn keys(suite: &TestSuite) -> Client {
    ApiKeyServiceClient::new(suite.client())
}

fn key(id: &str, role: Role) -> CreateApiKeyRequest {
    CreateApiKeyRequest {
        parent: "accounts/shop".to_owned(),
        api_key: Some(ApiKey {
            display_name: "Cash desk".to_owned(),
            role: role.into(),
            ..ApiKey::default()
        }),
        api_key_id: id.to_owned(),
        ..CreateApiKeyRequest::default()
    }
}

async fn create(suite: &TestSuite, request: CreateApiKeyRequest) -> CreateApiKeyResponse {
    keys(suite).create_api_key(request).await.unwrap().into_inner()
}

async fn list(suite: &TestSuite) -> Vec<ApiKey> {
    let request = ListApiKeysRequest { parent: "accounts/shop".to_owned(), ..ListApiKeysRequest::default() };
    keys(suite).list_api_keys(request).await.unwrap().into_inner().api_keys
}

/// Shows the secret, and no token beside.
async fn exchange(suite: &TestSuite, secret: &str) -> Result<ExchangeApiKeyResponse, Status> {
    let mut tokens = TokenServiceClient::new(channel(suite).await);
    let request = ExchangeApiKeyRequest { api_key: secret.to_owned() };
    Ok(tokens.exchange_api_key(request).await?.into_inner())
}

async fn revoke(suite: &TestSuite, id: &str) -> ApiKey {
    let name = format!("accounts/shop/apiKeys/{id}");
    let request = RevokeApiKeyRequest { name, ..RevokeApiKeyRequest::default() };
    keys(suite).revoke_api_key(request).await.unwrap().into_inner().api_key.unwrap()
}

/// Asks the CRM for fans of an account.
async fn list_fans(suite: &TestSuite, token: &str, account: &str) -> Result<(), Status> {
    let client = connect(&suite.url, token).await.unwrap();
    let request = ListFansRequest { parent: format!("accounts/{account}"), ..ListFansRequest::default() };
    FanServiceClient::new(client).list_fans(request).await.map(drop)
}

async fn a_key_is_good_for_tokens(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    suite.account("lumi", "store").await;
    let made = create(&suite, key("cash-desk", Role::Analyst)).await;
    assert!(made.secret.starts_with("siyu_shop_cash-desk_"), "{}", made.secret);
    assert_eq!(list(&suite).await, [made.api_key.unwrap()]);

    let token = exchange(&suite, &made.secret).await.unwrap();
    assert_eq!(token.expire_time, Some(to_proto(suite.clock.now().plus(15 * MINUTE))));
    list_fans(&suite, &token.token, "shop").await.unwrap();
    assert_eq!(list_fans(&suite, &token.token, "store").await.unwrap_err().code(), Code::NotFound);
    let client = connect(&suite.url, &token.token).await.unwrap();
    let status =
        ApiKeyServiceClient::new(client).create_api_key(key("more", Role::Analyst)).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);

    suite.advance(15 * MINUTE).await;
    assert_eq!(reason(&list_fans(&suite, &token.token, "shop").await.unwrap_err()), "TOKEN_EXPIRED");
    suite.finish().await;
}

async fn what_is_no_good_key_is_refused_alike(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let good = create(&suite, key("good", Role::Analyst)).await.secret;
    let revoked = create(&suite, key("revoked", Role::Analyst)).await.secret;
    let mut short = key("short", Role::Analyst);
    short.api_key.as_mut().unwrap().expire_time = Some(to_proto(suite.clock.now().plus(5 * MINUTE)));
    let expired = create(&suite, short).await.secret;
    exchange(&suite, &revoked).await.unwrap();
    // No token outlives its key.
    let last = exchange(&suite, &expired).await.unwrap();
    assert_eq!(last.expire_time, Some(to_proto(suite.clock.now().plus(5 * MINUTE))));
    let first_time = revoke(&suite, "revoked").await.revoke_time;
    suite.advance(5 * MINUTE).await;
    assert_eq!(revoke(&suite, "revoked").await.revoke_time, first_time);

    let (names, random) = good.rsplit_once('_').unwrap();
    let (_, other_random) = revoked.rsplit_once('_').unwrap();
    let last_digit = if random.ends_with('0') { "1" } else { "0" };
    let wrong = [
        revoked.clone(),
        expired,
        format!("{names}_{other_random}"),
        format!("{}{last_digit}", &good[..good.len() - 1]),
        format!("{names}_"),
        names.to_owned(),
        good.replace("siyu_shop", "siyu_nobody"),
        good.replace("_good_", "_revoked_"),
        good.to_uppercase(),
        format!("{good} "),
        "x".to_owned(),
    ];
    let mut answers = Vec::new();
    for secret in wrong {
        let status = exchange(&suite, &secret).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "API_KEY_INVALID"));
        answers.push((status.message().to_owned(), status.details().to_vec()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    exchange(&suite, &good).await.unwrap();
    suite.finish().await;
}

async fn its_last_use_is_noted_now_and_then(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let secret = create(&suite, key("cash-desk", Role::Analyst)).await.secret;
    assert_eq!(list(&suite).await[0].last_use_time, None);
    exchange(&suite, &secret).await.unwrap();
    let first = Some(to_proto(suite.clock.now()));
    assert_eq!(list(&suite).await[0].last_use_time, first);
    suite.advance(9 * MINUTE).await;
    exchange(&suite, &secret).await.unwrap();
    assert_eq!(list(&suite).await[0].last_use_time, first);
    suite.advance(MINUTE).await;
    exchange(&suite, &secret).await.unwrap();
    assert_eq!(list(&suite).await[0].last_use_time, Some(to_proto(suite.clock.now())));
    // A wrong secret is no use of the key.
    suite.advance(60 * MINUTE).await;
    let before = list(&suite).await;
    exchange(&suite, &format!("{}_{}", secret.rsplit_once('_').unwrap().0, "0".repeat(64)))
        .await
        .unwrap_err();
    assert_eq!(list(&suite).await, before);
    suite.finish().await;
}

/// All texts of the tables that could hold a secret.
async fn stored_texts(suite: &TestSuite) -> String {
    let mut texts = Vec::new();
    for sql in [
        "SELECT answer FROM request",
        "SELECT request || resource FROM audit_entry",
        "SELECT secret_digest || display_name FROM api_key",
    ] {
        let found = texts_of_accounts_db(suite, sql).await;
        assert!(!found.is_empty(), "{sql}");
        texts.extend(found);
    }
    texts.concat()
}

async fn a_secret_is_shown_once_and_kept_nowhere(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let request = CreateApiKeyRequest { request_id: "r1".to_owned(), ..key("cash-desk", Role::Admin) };
    let first = create(&suite, request.clone()).await;
    let again = create(&suite, request).await;
    assert_eq!((again.api_key, again.secret.as_str()), (first.api_key.clone(), ""));
    exchange(&suite, &first.secret).await.unwrap();
    let of_shop = entries(&suite, "accounts/shop", "accounts").await;
    assert_eq!(of_shop.len(), 1);
    assert!(of_shop[0].method.ends_with("ApiKeyService/CreateApiKey"));
    let random = first.secret.rsplit_once('_').unwrap().1;
    assert_eq!(random.len(), 64);
    assert!(!stored_texts(&suite).await.contains(random));
    assert!(!format!("{:?}", list(&suite).await).contains(random));

    let status = keys(&suite).create_api_key(key("cash-desk", Role::Admin)).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists);
    suite.finish().await;
}

async fn nobody_passes_on_more_than_they_may(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let mut admin = ApiKeyServiceClient::new(suite.operator("accounts/shop", Role::Admin).await);
    let status = admin.create_api_key(key("above", Role::Owner)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "ROLE_TOO_LOW"));
    admin.create_api_key(key("same", Role::Admin)).await.unwrap();
    let mut owner = ApiKeyServiceClient::new(suite.operator("accounts/shop", Role::Owner).await);
    owner.create_api_key(key("above", Role::Owner)).await.unwrap();
    suite.finish().await;
}

async fn mistakes_are_named(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let now = suite.clock.now();
    let mut past = key("past", Role::Analyst);
    past.api_key.as_mut().unwrap().expire_time = Some(to_proto(now));
    let mut no_moment = key("none", Role::Analyst);
    no_moment.api_key.as_mut().unwrap().expire_time = Some(prost_types::Timestamp { seconds: 0, nanos: -1 });
    let mut unnamed = key("unnamed", Role::Analyst);
    unnamed.api_key.as_mut().unwrap().display_name = "  ".to_owned();
    let wrong = [
        (past, "api_key.expire_time"),
        (no_moment, "api_key.expire_time"),
        (unnamed, "api_key.display_name"),
        (key("none", Role::Unspecified), "api_key.role"),
        (key("UPPER", Role::Analyst), "api_key_id"),
    ];
    for (request, field) in wrong {
        let status = keys(&suite).create_api_key(request).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status}"
        );
    }
    let foreign = CreateApiKeyRequest { parent: "accounts/nobody".to_owned(), ..key("some", Role::Analyst) };
    assert_eq!(keys(&suite).create_api_key(foreign).await.unwrap_err().code(), Code::NotFound);
    let name = "accounts/shop/apiKeys/nothing".to_owned();
    let request = RevokeApiKeyRequest { name, ..RevokeApiKeyRequest::default() };
    assert_eq!(keys(&suite).revoke_api_key(request).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

fn is_role_too_low(answer: Result<impl std::fmt::Debug, Status>) {
    let status = answer.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::PermissionDenied, "ROLE_TOO_LOW"),
        "{status}"
    );
}

/// A client with a token that accounts made for `idp|{id}`.
async fn as_operator(suite: &TestSuite, id: &str) -> Client {
    let token = token_of(suite, id).await;
    ApiKeyServiceClient::new(connect(&suite.url, &token).await.unwrap())
}

async fn who_was_removed_leaves_no_key_behind(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    add(&suite, "accounts/shop", "omar", Role::Admin).await;
    let mut omar = as_operator(&suite, "omar").await;
    omar.create_api_key(key("first", Role::Admin)).await.unwrap();

    // Their token is as good as before; what is stored of them counts.
    set_role(&suite, "accounts/shop/operators/omar", Role::Agent).await.unwrap();
    is_role_too_low(omar.create_api_key(key("demoted", Role::Analyst)).await);
    delete(operators(&suite), "accounts/shop/operators/omar").await.unwrap();
    let answer = omar.create_api_key(key("removed", Role::Analyst)).await;
    assert!(answer.as_ref().unwrap_err().message().contains("admin on accounts/shop"), "{answer:?}");
    is_role_too_low(answer);
    add(&suite, "enterprises/lumi", "omar", Role::Admin).await;
    omar.create_api_key(key("by-company", Role::Admin)).await.unwrap();
    is_role_too_low(omar.create_api_key(key("above", Role::Owner)).await);
    assert_eq!(list(&suite).await.len(), 2);
    suite.finish().await;
}

async fn a_key_makes_no_key_and_no_operator(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    add(&suite, "accounts/shop", "omar", Role::Analyst).await;
    let secret = create(&suite, key("leaked", Role::Owner)).await.secret;
    let client = connect(&suite.url, &exchange(&suite, &secret).await.unwrap().token).await.unwrap();
    let mut as_key = ApiKeyServiceClient::new(client.clone());
    let answer = as_key.create_api_key(key("more", Role::Analyst)).await;
    assert!(answer.as_ref().unwrap_err().message().contains("accounts/shop/apiKeys/leaked"), "{answer:?}");
    is_role_too_low(answer);
    let mut as_key_of_people = OperatorServiceClient::new(client.clone());
    is_role_too_low(as_key_of_people.create_operator(operator("accounts/shop", "eve", Role::Owner)).await);
    let update = UpdateOperatorRoleRequest {
        name: "accounts/shop/operators/omar".to_owned(),
        role: Role::Owner.into(),
        request_id: String::new(),
    };
    is_role_too_low(as_key_of_people.update_operator_role(update).await);
    is_role_too_low(delete(as_key_of_people, "accounts/shop/operators/omar").await);
    // It may end itself.
    let name = "accounts/shop/apiKeys/leaked".to_owned();
    as_key.revoke_api_key(RevokeApiKeyRequest { name, ..RevokeApiKeyRequest::default() }).await.unwrap();
    suite.finish().await;
}

async fn a_service_makes_no_key_above_whom_it_acts_for(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    add(&suite, "accounts/shop", "omar", Role::Admin).await;
    let channel = channel(&suite).await;
    let create_for = async |operator: &str, id: &str, role: Role| {
        let mut request = Request::new(key(id, role));
        let headers = request.metadata_mut();
        let service = suite.token(&Caller::service("gateway"));
        headers.insert("authorization", format!("Bearer {service}").parse().unwrap());
        headers.insert(ON_BEHALF_OF, format!("Bearer {operator}").parse().unwrap());
        ApiKeyServiceClient::new(channel.clone()).create_api_key(request).await
    };
    let grant = Grant { resource: "accounts/shop".to_owned(), role: Role::Admin };
    let of_platform = suite.token(&Caller::operator("li", vec![grant]));
    is_role_too_low(create_for(&of_platform, "above", Role::Owner).await);
    create_for(&of_platform, "same", Role::Admin).await.unwrap();
    let of_accounts = token_of(&suite, "omar").await;
    is_role_too_low(create_for(&of_accounts, "above", Role::Owner).await);
    create_for(&of_accounts, "too", Role::Admin).await.unwrap();
    delete(operators(&suite), "accounts/shop/operators/omar").await.unwrap();
    is_role_too_low(create_for(&of_accounts, "removed", Role::Analyst).await);
    // Users of the platform have no role that could limit a service.
    create_for(&suite.token(&Caller::user("u1")), "by-user", Role::Owner).await.unwrap();
    suite.finish().await;
}

async fn a_repeat_after_the_key_has_expired_gets_the_first_answer(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let mut request = CreateApiKeyRequest { request_id: "r1".to_owned(), ..key("short", Role::Analyst) };
    request.api_key.as_mut().unwrap().expire_time = Some(to_proto(suite.clock.now().plus(MINUTE)));
    let first = create(&suite, request.clone()).await.api_key;
    suite.advance(MINUTE).await;
    assert_eq!(create(&suite, request).await.api_key, first);
    suite.finish().await;
}

async fn a_use_that_cannot_be_noted_stops_no_program(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let secret = create(&suite, key("cash-desk", Role::Analyst)).await.secret;
    let refuse_updates = if suite.config.accounts_database_url().starts_with("sqlite") {
        "CREATE TRIGGER full_disk BEFORE UPDATE ON api_key BEGIN SELECT RAISE(ABORT, 'full'); END"
    } else {
        "ALTER TABLE api_key ADD CHECK (last_use_time IS NULL)"
    };
    on_accounts_db(&suite, refuse_updates).await;
    let token = exchange(&suite, &secret).await.unwrap().token;
    list_fans(&suite, &token, "shop").await.unwrap();
    assert_eq!(list(&suite).await[0].last_use_time, None);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_key_is_good_for_tokens,
    a_key_makes_no_key_and_no_operator,
    a_repeat_after_the_key_has_expired_gets_the_first_answer,
    a_secret_is_shown_once_and_kept_nowhere,
    a_service_makes_no_key_above_whom_it_acts_for,
    a_use_that_cannot_be_noted_stops_no_program,
    its_last_use_is_noted_now_and_then,
    mistakes_are_named,
    nobody_passes_on_more_than_they_may,
    what_is_no_good_key_is_refused_alike,
    who_was_removed_leaves_no_key_behind,
);
