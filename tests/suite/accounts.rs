//! The accounts service through its client.

use siyu_proto::{
    accounts::v1::{
        Account, CreateAccountRequest, DayOfWeek, GetAccountRequest, Industry, ListAccountsRequest,
        OpeningPeriod, Profile, Quadrant, UpdateAccountRequest,
    },
    common::v1::Role,
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};
use tonic_types::StatusExt;

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

async fn an_account_is_created_read_and_updated(suite: TestSuite) {
    suite.account("lumi", "first").await;
    let mut accounts = suite.accounts();
    let profile = Profile {
        industry: Industry::Catering.into(),
        persona: "老板娘".to_owned(),
        regions: vec!["31".to_owned()],
        opening_hours: vec![OpeningPeriod {
            day: DayOfWeek::Monday.into(),
            open_minute: 540,
            close_minute: 1080,
        }],
    };
    let account = Account {
        display_name: "露米".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        currency_code: "EUR".to_owned(),
        profile: Some(profile.clone()),
        ..Account::default()
    };
    let request = CreateAccountRequest {
        parent: "enterprises/lumi".to_owned(),
        account: Some(account),
        account_id: "second".to_owned(),
        ..Default::default()
    };
    let created = accounts.create_account(request).await.unwrap().into_inner().account.unwrap();
    assert_eq!(created.name, "accounts/second");
    assert_eq!(created.enterprise, "enterprises/lumi");
    assert_eq!(created.quadrant(), Quadrant::HighFrequencyOffline);
    assert_eq!(created.profile, Some(profile));

    let read =
        accounts.get_account(GetAccountRequest { name: created.name.clone() }).await.unwrap().into_inner();
    assert_eq!(read.account, Some(created.clone()));

    let changed =
        Profile { industry: Industry::Luxury.into(), persona: "ignored".to_owned(), ..Profile::default() };
    let update = UpdateAccountRequest {
        account: Some(Account { name: created.name, profile: Some(changed), ..Account::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["profile.industry".to_owned()] }),
        ..Default::default()
    };
    let updated = accounts.update_account(update).await.unwrap().into_inner().account.unwrap();
    assert_eq!(updated.quadrant(), Quadrant::LowFrequencyOnline);
    assert_eq!(updated.profile.unwrap().persona, "老板娘");
    assert_eq!(updated.display_name, "露米");
    suite.finish().await;
}

async fn mistakes_name_the_field(suite: TestSuite) {
    suite.account("lumi", "first").await;
    let mut accounts = suite.accounts();
    let create = |account: Account, parent: &str| CreateAccountRequest {
        parent: parent.to_owned(),
        account: Some(account),
        account_id: "second".to_owned(),
        ..Default::default()
    };
    let good = || Account { display_name: "x".to_owned(), ..Account::default() };
    let overlapping = [(540, 720), (700, 800)]
        .map(|(open_minute, close_minute)| OpeningPeriod { day: 1, open_minute, close_minute })
        .to_vec();
    let cases = [
        ("account.display_name", Account::default()),
        ("account.display_name", Account { display_name: "长".repeat(101), ..good() }),
        ("account.time_zone", Account { time_zone: "Asia/Atlantis".to_owned(), ..good() }),
        ("account.currency_code", Account { currency_code: "yuan".to_owned(), ..good() }),
        (
            "account.profile.regions[1]",
            Account {
                profile: Some(Profile {
                    regions: vec!["31".to_owned(), "x".to_owned()],
                    ..Profile::default()
                }),
                ..good()
            },
        ),
        (
            "account.profile.opening_hours[1]",
            Account { profile: Some(Profile { opening_hours: overlapping, ..Profile::default() }), ..good() },
        ),
    ];
    for (field, account) in cases {
        let status = accounts.create_account(create(account, "enterprises/lumi")).await.unwrap_err();
        assert_eq!((status.code(), reason(&status)), (Code::InvalidArgument, "INVALID_FIELD".to_owned()));
        let named = status.get_error_details().bad_request().unwrap().field_violations[0].field.clone();
        assert_eq!(named, field, "{}", status.message());
    }
    let status = accounts.create_account(create(good(), "enterprises/none")).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    // None of it left anything behind: the id is still free.
    accounts.create_account(create(good(), "enterprises/lumi")).await.unwrap();
    let status = accounts.create_account(create(good(), "enterprises/lumi")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::AlreadyExists, "RESOURCE_EXISTS".to_owned()));

    let update = |path: &str| UpdateAccountRequest {
        account: Some(Account { name: "accounts/second".to_owned(), ..Account::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec![path.to_owned()] }),
        ..Default::default()
    };
    let status = accounts.update_account(update("time_zone")).await.unwrap_err();
    assert_eq!(reason(&status), "IMMUTABLE_FIELD");
    let status = accounts.update_account(update("display_name")).await.unwrap_err();
    assert_eq!(reason(&status), "INVALID_FIELD");
    let status = accounts.update_account(update("nonsense")).await.unwrap_err();
    assert_eq!(reason(&status), "INVALID_FIELD");
    suite.finish().await;
}

async fn lists_go_on_page_by_page(suite: TestSuite) {
    for id in ["a-1", "a-2", "a-3", "a-4", "a-5"] {
        suite.account("lumi", id).await;
    }
    suite.account("other", "b-1").await;
    let mut accounts = suite.accounts();
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListAccountsRequest { parent: "enterprises/lumi".to_owned(), page_size: 2, page_token };
        let page = accounts.list_accounts(request).await.unwrap().into_inner();
        assert!(page.accounts.len() <= 2);
        names.extend(page.accounts.into_iter().map(|account| account.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["accounts/a-1", "accounts/a-2", "accounts/a-3", "accounts/a-4", "accounts/a-5"]);
    let first =
        ListAccountsRequest { parent: "enterprises/lumi".to_owned(), page_size: 2, ..Default::default() };
    let page_token = accounts.list_accounts(first).await.unwrap().into_inner().next_page_token;
    let foreign = ListAccountsRequest { parent: "enterprises/other".to_owned(), page_size: 2, page_token };
    let status = accounts.list_accounts(foreign).await.unwrap_err();
    assert_eq!(reason(&status), "INVALID_PAGE_TOKEN");
    suite.finish().await;
}

async fn an_operator_sees_the_granted_account_only(suite: TestSuite) {
    suite.account("lumi", "mine").await;
    suite.account("other", "theirs").await;
    let operator = suite.operator("accounts/mine", Role::Analyst).await;
    let mut accounts =
        siyu_proto::accounts::v1::accounts_service_client::AccountsServiceClient::new(operator);
    let get = |name: &str| GetAccountRequest { name: name.to_owned() };
    accounts.get_account(get("accounts/mine")).await.unwrap();
    let foreign = accounts.get_account(get("accounts/theirs")).await.unwrap_err();
    let missing = accounts.get_account(get("accounts/nobody")).await.unwrap_err();
    assert_eq!(foreign.code(), Code::NotFound);
    assert_eq!(foreign.message().replace("theirs", "nobody"), missing.message());
    let update = UpdateAccountRequest {
        account: Some(Account { name: "accounts/mine".to_owned(), ..Account::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["display_name".to_owned()] }),
        ..Default::default()
    };
    let status = accounts.update_account(update).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::PermissionDenied, "ROLE_TOO_LOW".to_owned()));
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    an_account_is_created_read_and_updated,
    mistakes_name_the_field,
    lists_go_on_page_by_page,
    an_operator_sees_the_granted_account_only,
);
