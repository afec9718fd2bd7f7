//! Background work of accounts: what fails for one account holds up no other.

use std::time::Duration;

use siyu_proto::{
    accounts::v1::{
        ReserveRightRequest, RotateSigningKeysRequest, rights_service_client::RightsServiceClient,
        token_service_client::TokenServiceClient,
    },
    testing::v1::{AdvanceTimeRequest, clock_service_client::ClockServiceClient},
};
use siyu_tests::TestSuite;
use tokio::time::timeout;

use crate::{
    certification::{apply, approve},
    rights::{ask, policy},
    support::{at, on_accounts_db, texts_of_accounts_db},
};

/// Only work that never ends takes so long.
const LONG: Duration = Duration::from_secs(30);

async fn one_that_fails_holds_up_no_other(suite: TestSuite) {
    let mut rights = RightsServiceClient::new(suite.client());
    rights.create_right_policy(policy(8, None)).await.unwrap();
    // What fails is found first.
    for account in ["a-broken", "b-good"] {
        suite.account("lumi", account).await;
        let pending = apply(&suite, account).await.unwrap();
        approve(&suite, &pending.name).await;
        let held = ReserveRightRequest {
            parent: format!("accounts/{account}"),
            expire_time: Some(at("2026-03-01T00:10:00Z")),
            ..ask("r", 1, None)
        };
        rights.reserve_right(held).await.unwrap();
    }
    let mut tokens = TokenServiceClient::new(suite.client());
    let retire = RotateSigningKeysRequest { retire_at_once: true, ..RotateSigningKeysRequest::default() };
    tokens.rotate_signing_keys(retire).await.unwrap();
    on_accounts_db(&suite, "UPDATE account SET regions = 'no list' WHERE account_id = 'a-broken'").await;
    on_accounts_db(&suite, "UPDATE right_reservation SET parts = 'no parts' WHERE account_id = 'a-broken'")
        .await;

    let mut clock = ClockServiceClient::new(suite.client());
    let year = AdvanceTimeRequest { by: Some(prost_types::Duration { seconds: 400 * 86_400, nanos: 0 }) };
    let advanced = timeout(LONG, clock.advance_time(year)).await.expect("it does not try for ever");
    advanced.unwrap_err();
    let told = "SELECT account_id FROM certification WHERE ends_certification = 0";
    assert_eq!(texts_of_accounts_db(&suite, told).await, ["b-good"]);
    let lapsed = "SELECT account_id FROM right_reservation WHERE state = 'expired'";
    assert_eq!(texts_of_accounts_db(&suite, lapsed).await, ["b-good"]);
    let retired = "SELECT kid FROM signing_key WHERE stage = 'past'";
    assert!(texts_of_accounts_db(&suite, retired).await.is_empty());
    suite.finish().await;
}

siyu_tests::on_both_engines!(one_that_fails_holds_up_no_other);
