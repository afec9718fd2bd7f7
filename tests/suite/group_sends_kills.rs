//! One message to many while processes are killed: everybody is sent it, and nobody twice.

use std::time::Duration;

use rand::RngExt;
use siyu_proto::{
    crm::v1::{
        CreatePackageRequest, Package, PackageSource, PackageSourceKind,
        package_service_client::PackageServiceClient,
    },
    messaging::v1::{
        GetGroupSendRequest, GroupSend, GroupSendState, ListConversationsRequest,
        group_send_service_client::GroupSendServiceClient, inbox_service_client::InboxServiceClient,
    },
};
use siyu_tests::{
    Engine,
    pushes::fleet::{Fleet, SHOP, eventually, user},
};

use crate::{group_sends::sending, support::seeded};

const FANS: usize = 300;
const KILLS: usize = 6;
/// Fans a minute: it takes 15 seconds, and so long as it takes to start processes.
const PACE: i32 = 1_200;

async fn get(fleet: &Fleet) -> anyhow::Result<GroupSend> {
    let request = GetGroupSendRequest { name: format!("{SHOP}/groupSends/spring") };
    let answer = GroupSendServiceClient::new(fleet.client(0)).get_group_send(request).await?;
    Ok(answer.into_inner().group_send.unwrap())
}

async fn kills_lose_and_double_nobody(engine: Engine) {
    let processes = if engine == Engine::Sqlite { 1 } else { 2 };
    let Some(mut fleet) = Fleet::start(engine, processes, FANS, 1).await.unwrap() else { return };
    let source = PackageSource {
        kind: PackageSourceKind::Filter.into(),
        filter: "following = true".to_owned(),
        ..PackageSource::default()
    };
    let package = Package { display_name: "fans".to_owned(), source: Some(source), ..Package::default() };
    let request = CreatePackageRequest {
        parent: SHOP.to_owned(),
        package: Some(package),
        package_id: "fans".to_owned(),
        ..Default::default()
    };
    PackageServiceClient::new(fleet.client(0)).create_package(request).await.unwrap();
    let request = sending("spring", PACE);
    GroupSendServiceClient::new(fleet.client(0)).create_group_send(request).await.unwrap();

    let mut random = seeded(20_261_123);
    let mut unfinished_kills = 0;
    for kill in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(random.random_range(200..1_500))).await;
        fleet.replace(kill % processes).await.unwrap();
        let found = get(&fleet).await.unwrap();
        let refused: i64 = found.refused.iter().map(|count| count.count).sum();
        let sum = found.pending_count + found.held_count + found.sent_count + refused;
        assert_eq!(sum, found.planned_count, "{found:?}");
        unfinished_kills += usize::from(found.state() != GroupSendState::Done);
    }
    assert!(unfinished_kills > 0, "killed while it was going on");
    let is_done = async || Ok(get(&fleet).await?.state() == GroupSendState::Done);
    eventually(is_done, "everybody's turn came").await.unwrap();
    let done = get(&fleet).await.unwrap();
    let everybody = i64::try_from(FANS).unwrap();
    assert_eq!((done.sent_count, done.planned_count), (everybody, everybody));
    for number in 0..FANS {
        let request = ListConversationsRequest { user: user(number), ..Default::default() };
        let answer = InboxServiceClient::new(fleet.client(0)).list_conversations(request).await.unwrap();
        let sequences: Vec<i64> =
            answer.into_inner().conversations.iter().map(|found| found.last_sequence).collect();
        assert_eq!(sequences, [1], "{}", user(number));
    }
    fleet.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_double_nobody_on_sqlite() {
    kills_lose_and_double_nobody(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_double_nobody_on_postgres() {
    kills_lose_and_double_nobody(Engine::Postgres).await;
}
