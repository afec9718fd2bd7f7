//! What changes something can be repeated, and leaves an audit entry.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use serde_json::Value;
use siyu_proto::{
    accounts::v1::{
        Account, CreateAccountRequest, CreateEnterpriseRequest, Enterprise, ListEnterprisesRequest,
        UpdateAccountRequest, accounts_service_client::AccountsServiceClient,
    },
    common::v1::{AuditEntry, ListAuditEntriesRequest, Role, audit_service_client::AuditServiceClient},
    crm::v1::{
        ActivateTierRulesRequest, CreateImportRequest, CreateTierRulesRequest, Import, ListTierRulesRequest,
        TierRules, tier_service_client::TierServiceClient,
    },
};
use siyu_rpc::auth::{Caller, Grant};
use siyu_tests::{
    Engine, TestSuite,
    installation::{Installation, Launch},
};
use tonic::Code;

use crate::support::{reason, tiers_rebuilt};

fn enterprise(request_id: &str, display_name: &str) -> CreateEnterpriseRequest {
    CreateEnterpriseRequest {
        enterprise: Some(Enterprise { display_name: display_name.to_owned(), ..Enterprise::default() }),
        request_id: request_id.to_owned(),
        ..CreateEnterpriseRequest::default()
    }
}

async fn enterprise_names(suite: &TestSuite) -> Vec<String> {
    let answer = suite.accounts().list_enterprises(ListEnterprisesRequest::default()).await.unwrap();
    answer.into_inner().enterprises.into_iter().map(|enterprise| enterprise.name).collect()
}

async fn a_repeat_gets_the_first_answer(suite: TestSuite) {
    let mut accounts = suite.accounts();
    let first = accounts.create_enterprise(enterprise("r1", "Lumi")).await.unwrap().into_inner();
    suite.advance(Duration::from_secs(3600)).await;
    let again = accounts.create_enterprise(enterprise("r1", "Lumi")).await.unwrap().into_inner();
    assert_eq!(first, again);
    assert_eq!(enterprise_names(&suite).await.len(), 1);

    let status = accounts.create_enterprise(enterprise("r1", "Aurora")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::FailedPrecondition, "REQUEST_ID_REUSED".to_owned()));
    // Without an id nothing is recognized.
    accounts.create_enterprise(enterprise("", "Lumi")).await.unwrap();
    accounts.create_enterprise(enterprise("", "Lumi")).await.unwrap();
    assert_eq!(enterprise_names(&suite).await.len(), 3);
    let status = accounts.create_enterprise(enterprise(&"x".repeat(65), "Lumi")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::InvalidArgument, "INVALID_FIELD".to_owned()));
    suite.finish().await;
}

async fn an_id_is_that_of_its_caller_and_method(suite: TestSuite) {
    let mut accounts = suite.accounts();
    let mine = accounts.create_enterprise(enterprise("r1", "Lumi")).await.unwrap().into_inner();
    let other = suite.client_as(&Caller::service("another")).await;
    let theirs = AccountsServiceClient::new(other).create_enterprise(enterprise("r1", "Lumi")).await.unwrap();
    assert_ne!(mine, theirs.into_inner());

    let request = CreateAccountRequest {
        parent: mine.enterprise.unwrap().name,
        account: Some(Account { display_name: "Lumi".to_owned(), ..Account::default() }),
        request_id: "r1".to_owned(),
        ..CreateAccountRequest::default()
    };
    accounts.create_account(request).await.unwrap();
    suite.finish().await;
}

async fn repeats_at_once_have_one_effect(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let accounts = join_all((0..32).map(|_| {
        let mut accounts = suite.accounts();
        async move { accounts.create_enterprise(enterprise("r1", "Aurora")).await.unwrap().into_inner() }
    }));
    let rules = join_all((0..32).map(|_| {
        let mut tiers = suite.tiers();
        async move { tiers.create_tier_rules(rules("r1", 30.0)).await.unwrap().into_inner() }
    }));
    let (accounts, rules) = (accounts.await, rules.await);
    assert!(accounts.iter().all(|answer| *answer == accounts[0]));
    assert_eq!(enterprise_names(&suite).await.len(), 2);
    assert!(rules.iter().all(|answer| *answer == rules[0]), "{rules:?}");
    assert_eq!(versions(&suite).await, ["accounts/shop/tierRules/0", "accounts/shop/tierRules/1"]);
    suite.finish().await;
}

fn rules(request_id: &str, enter: f64) -> CreateTierRulesRequest {
    CreateTierRulesRequest {
        parent: "accounts/shop".to_owned(),
        tier_rules: Some(TierRules {
            half_life: Some(prost_types::Duration { seconds: 86_400, nanos: 0 }),
            weights: vec![siyu_proto::crm::v1::KindWeight { kind: 1, points: 0.1 + 0.2 }],
            favorable_enter: enter,
            favorable_leave: 20.0,
            true_love_enter: 100.0,
            true_love_leave: 70.0,
            ..TierRules::default()
        }),
        request_id: request_id.to_owned(),
    }
}

async fn versions(suite: &TestSuite) -> Vec<String> {
    let request =
        ListTierRulesRequest { parent: "accounts/shop".to_owned(), ..ListTierRulesRequest::default() };
    let answer = suite.tiers().list_tier_rules(request).await.unwrap().into_inner();
    answer.tier_rules.into_iter().map(|rules| rules.name).collect()
}

async fn a_failure_is_not_remembered(suite: TestSuite) {
    let mut accounts = suite.accounts();
    let request = CreateAccountRequest {
        parent: "enterprises/lumi".to_owned(),
        account: Some(Account { display_name: "Lumi".to_owned(), ..Account::default() }),
        account_id: "shop".to_owned(),
        request_id: "r1".to_owned(),
    };
    let status = accounts.create_account(request.clone()).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let parent = CreateEnterpriseRequest { enterprise_id: "lumi".to_owned(), ..enterprise("", "Lumi") };
    accounts.create_enterprise(parent).await.unwrap();
    let made = accounts.create_account(request.clone()).await.unwrap().into_inner();
    // Its id is taken now, and by this very call.
    assert_eq!(accounts.create_account(request.clone()).await.unwrap().into_inner(), made);
    let status = accounts
        .create_account(CreateAccountRequest { request_id: String::new(), ..request })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists);
    suite.finish().await;
}

async fn an_answer_is_kept_for_two_days(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let mut tiers = suite.tiers();
    let first = tiers.create_tier_rules(rules("r1", 30.0)).await.unwrap().into_inner();
    suite.advance(Duration::from_secs(47 * 3600)).await;
    assert_eq!(tiers.create_tier_rules(rules("r1", 30.0)).await.unwrap().into_inner(), first);
    suite.advance(Duration::from_secs(2 * 3600)).await;
    assert_ne!(tiers.create_tier_rules(rules("r1", 30.0)).await.unwrap().into_inner(), first);
    suite.finish().await;
}

pub(crate) async fn entries(suite: &TestSuite, parent: &str, service: &str) -> Vec<AuditEntry> {
    let mut audit = AuditServiceClient::new(suite.client());
    let mut entries = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListAuditEntriesRequest {
            parent: parent.to_owned(),
            service: service.to_owned(),
            page_size: 2,
            page_token,
            ..ListAuditEntriesRequest::default()
        };
        let page = audit.list_audit_entries(request).await.unwrap().into_inner();
        entries.extend(page.audit_entries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return entries;
        }
    }
}

fn method(entry: &AuditEntry) -> &str {
    entry.method.rsplit('/').next().unwrap()
}

async fn changes_leave_entries(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let li = suite.operator("accounts/shop", Role::Admin).await;
    let mut as_li = AccountsServiceClient::new(li.clone());
    let update = |path: &str| UpdateAccountRequest {
        account: Some(Account {
            name: "accounts/shop".to_owned(),
            display_name: "新名字".to_owned(),
            ..Account::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec![path.to_owned()] }),
        request_id: "r1".to_owned(),
    };
    as_li.update_account(update("time_zone")).await.unwrap_err();
    as_li.update_account(update("display_name")).await.unwrap();
    as_li.update_account(update("display_name")).await.unwrap();

    // What failed and what was repeated leave nothing.
    let of_shop = entries(&suite, "accounts/shop", "accounts").await;
    assert_eq!(of_shop.iter().map(method).collect::<Vec<_>>(), ["UpdateAccount"]);
    let entry = &of_shop[0];
    assert_eq!(entry.method, "siyu.accounts.v1.AccountsService/UpdateAccount");
    assert_eq!((entry.caller.as_str(), entry.on_behalf_of.as_str()), ("operator:operator", ""));
    assert_eq!((entry.resource.as_str(), entry.request_id.as_str()), ("accounts/shop", "r1"));
    assert!(entry.name.starts_with("accounts/shop/auditEntries/"), "{}", entry.name);
    let request: Value = serde_json::from_str(&entry.request).unwrap();
    assert_eq!(request["account"]["displayName"], "新名字");
    let now = siyu_rpc::time::to_proto(suite.clock.now());
    assert_eq!(entry.create_time, Some(now));

    // Companies and the platform have entries of their own.
    let of_lumi = entries(&suite, "enterprises/lumi", "accounts").await;
    assert_eq!(of_lumi.iter().map(method).collect::<Vec<_>>(), ["CreateAccount"]);
    let of_platform = entries(&suite, "platform", "accounts").await;
    assert_eq!(of_platform.iter().map(method).collect::<Vec<_>>(), ["CreateEnterprise"]);
    assert_eq!(of_platform[0].caller, "service:test");

    // Each service has its own, in the order of the changes, newest first.
    suite.tiers().create_tier_rules(rules("", 30.0)).await.unwrap();
    suite.advance(Duration::from_secs(60)).await;
    let name = "accounts/shop/tierRules/1".to_owned();
    for _ in 0..2 {
        let request = ActivateTierRulesRequest { name: name.clone() };
        TierServiceClient::new(li.clone()).activate_tier_rules(request).await.unwrap();
    }
    let import = CreateImportRequest {
        parent: "accounts/shop".to_owned(),
        import: Some(Import::default()),
        import_id: "old".to_owned(),
    };
    suite.interactions().create_import(import).await.unwrap();
    tiers_rebuilt(&suite, "shop").await;
    let of_shop = entries(&suite, "accounts/shop", "crm").await;
    let methods: Vec<_> = of_shop.iter().map(method).collect();
    assert_eq!(methods, ["RebuildTiers", "CreateImport", "ActivateTierRules", "CreateTierRules"]);
    assert_eq!(of_shop[2].resource, name);
    let names: BTreeSet<_> = of_shop.iter().map(|entry| &entry.name).collect();
    assert_eq!(names.len(), 4);

    // A range of time.
    let mut audit = AuditServiceClient::new(suite.client());
    let ask = ListAuditEntriesRequest {
        parent: "accounts/shop".to_owned(),
        service: "crm".to_owned(),
        ..ListAuditEntriesRequest::default()
    };
    let moment = of_shop[2].create_time;
    let since = ListAuditEntriesRequest { start_time: moment, ..ask.clone() };
    let before = ListAuditEntriesRequest { end_time: moment, ..ask.clone() };
    assert_eq!(audit.list_audit_entries(since).await.unwrap().into_inner().audit_entries, of_shop[..3]);
    assert_eq!(audit.list_audit_entries(before).await.unwrap().into_inner().audit_entries, of_shop[3..]);
    suite.finish().await;
}

async fn the_log_is_for_its_admins(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let ask = |parent: &str, service: &str| ListAuditEntriesRequest {
        parent: parent.to_owned(),
        service: service.to_owned(),
        ..ListAuditEntriesRequest::default()
    };
    let grants = vec![
        Grant { resource: "accounts/shop".to_owned(), role: Role::Operator },
        Grant { resource: "accounts/other".to_owned(), role: Role::Admin },
    ];
    let mut audit = AuditServiceClient::new(suite.client_as(&Caller::operator("operator", grants)).await);
    let low = audit.list_audit_entries(ask("accounts/shop", "accounts")).await.unwrap_err();
    assert_eq!(low.code(), Code::PermissionDenied);
    for foreign in ["accounts/foreign", "enterprises/lumi", "platform"] {
        let status = audit.list_audit_entries(ask(foreign, "accounts")).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound, "{foreign}");
    }
    audit.list_audit_entries(ask("accounts/other", "crm")).await.unwrap();
    let status = audit.list_audit_entries(ask("accounts/other", "strategy")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Unimplemented, "METHOD_NOT_FOUND".to_owned()));
    assert!(status.message().contains("accounts, crm"), "{}", status.message());
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_failure_is_not_remembered,
    a_repeat_gets_the_first_answer,
    an_answer_is_kept_for_two_days,
    an_id_is_that_of_its_caller_and_method,
    changes_leave_entries,
    repeats_at_once_have_one_effect,
    the_log_is_for_its_admins,
);

/// Kills a process after its answer and asks the next one again.
async fn an_answer_outlives_its_process(engine: Engine) {
    let Some(installation) = Installation::create(engine).await.unwrap() else { return };
    let mut answers = Vec::new();
    for _ in 0..2 {
        let mut process = installation.start(&Launch::default()).unwrap();
        let url = process.ready().await.unwrap();
        let client = siyu::connect::connect(&url, &installation.token).await.unwrap();
        let answer = AccountsServiceClient::new(client).create_enterprise(enterprise("r1", "Lumi")).await;
        answers.push(answer.unwrap().into_inner());
        process.kill().await.unwrap();
    }
    assert_eq!(answers[0], answers[1]);
    installation.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_outlives_its_process_on_sqlite() {
    an_answer_outlives_its_process(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_outlives_its_process_on_postgres() {
    an_answer_outlives_its_process(Engine::Postgres).await;
}
