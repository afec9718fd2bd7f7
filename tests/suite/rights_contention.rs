//! 256 reservations at once, from three processes on one database: the right is given out exactly.

use siyu::{connect::connect, suite::ServiceName};
use siyu_proto::accounts::v1::{ReserveRightRequest, rights_service_client::RightsServiceClient};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
};
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::rights::{ask, ledger, policy};

const PROCESSES: usize = 3;
const CALLS: usize = 256;
const RIGHT: usize = 100;

/// Asks until there is an answer, as a client does that is told to try again: the reservation id makes it safe.
async fn reserve(
    mut rights: RightsServiceClient<siyu::connect::Client>,
    request: ReserveRightRequest,
) -> Result<(), Status> {
    for _ in 0..20 {
        match rights.reserve_right(request.clone()).await {
            Err(status) if matches!(status.code(), Code::Unavailable | Code::Aborted) => {}
            answered => return answered.map(drop),
        }
    }
    Err(Status::unavailable("20 times"))
}

async fn the_right_is_given_out_exactly(engine: Engine) {
    let Some(installation) = Installation::create(engine).await.unwrap() else { return };
    let launch = Launch {
        services: vec![ServiceName::Accounts],
        set: vec!["accounts.max_connections=8".to_owned()],
        ..Launch::default()
    };
    let mut processes = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..PROCESSES {
        let mut process = installation.start(&launch).unwrap();
        let url = process.ready().await.unwrap();
        clients.push(connect(&url, &installation.token).await.unwrap());
        processes.push(process);
    }
    create_accounts(&clients[0], &["shop".to_owned()]).await.unwrap();
    let right = i64::try_from(RIGHT).unwrap();
    RightsServiceClient::new(clients[0].clone()).create_right_policy(policy(right, None)).await.unwrap();

    let mut calls = JoinSet::new();
    for call in 0..CALLS {
        let rights = RightsServiceClient::new(clients[call % PROCESSES].clone());
        calls.spawn(reserve(rights, ask(&format!("r{call}"), 1, None)));
    }
    let answers = calls.join_all().await;
    let granted = answers.iter().filter(|answer| answer.is_ok()).count();
    for status in answers.into_iter().filter_map(Result::err) {
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        let details = status.get_error_details();
        assert_eq!(details.quota_failure().unwrap().violations[0].subject, "accounts/shop");
    }
    assert_eq!(granted, RIGHT);
    let entries = ledger(RightsServiceClient::new(clients[1].clone())).await;
    assert_eq!(entries.iter().map(|entry| entry.reserved_change).sum::<i64>(), right);
    drop(clients);
    for process in processes {
        process.kill().await.unwrap();
    }
    installation.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_is_given_out_exactly_on_sqlite() {
    the_right_is_given_out_exactly(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_is_given_out_exactly_on_postgres() {
    the_right_is_given_out_exactly(Engine::Postgres).await;
}
