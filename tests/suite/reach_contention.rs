//! Three processes freeze the pushes of one account at once, one of them is killed: no fan is reached too often.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use siyu::{
    connect::{Client as Connection, connect},
    suite::ServiceName,
};
use siyu_proto::crm::v1::{
    CreateReachPolicyRequest, IngestInteractionsRequest, ReachPolicy, ReachVerdict as Verdict,
    interaction_service_client::InteractionServiceClient, reach_service_client::ReachServiceClient,
};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
};
use tokio::task::JoinSet;

use crate::{
    reach::{Frozen, freeze, push},
    reach_settings::{DAY, cap},
    support::{at, follow},
};

const PROCESSES: usize = 3;
const PUSHES: usize = 16;
const FANS: u32 = 500;
const CAP: i64 = 3;

/// Asks other processes until one answers: the push is the key.
async fn freeze_somewhere(clients: Vec<Connection>, first: usize, id: String) -> Frozen {
    for attempt in 0..40 {
        let client = ReachServiceClient::new(clients[(first + attempt) % clients.len()].clone());
        if let Ok(frozen) = freeze(client, push(&id)).await {
            return frozen;
        }
    }
    panic!("{id} was not frozen in 40 attempts");
}

async fn prepare(client: &Connection) {
    create_accounts(client, &["shop".to_owned()]).await.unwrap();
    let time = at("2026-02-01T00:00:00Z");
    let interactions = (1..=FANS).map(|n| follow(&format!("f{n:04}"), &format!("u{n}"), time)).collect();
    let request = IngestInteractionsRequest { parent: "accounts/shop".to_owned(), interactions };
    InteractionServiceClient::new(client.clone()).ingest_interactions(request).await.unwrap();
    let request = CreateReachPolicyRequest {
        parent: "accounts/shop".to_owned(),
        reach_policy: Some(ReachPolicy { frequency_caps: vec![cap(CAP, DAY)], ..ReachPolicy::default() }),
        ..Default::default()
    };
    ReachServiceClient::new(client.clone()).create_reach_policy(request).await.unwrap();
}

async fn no_fan_is_reached_too_often(engine: Engine) {
    let Some(installation) = Installation::create(engine).await.unwrap() else { return };
    let launch = Launch { services: vec![ServiceName::Accounts, ServiceName::Crm], ..Launch::default() };
    let mut processes = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..PROCESSES {
        let mut process = installation.start(&launch).unwrap();
        let url = process.ready().await.unwrap();
        clients.push(connect(&url, &installation.token).await.unwrap());
        processes.push(process);
    }
    prepare(&clients[0]).await;

    // Each push is frozen twice, at different processes.
    let mut calls = JoinSet::new();
    for call in 0..2 * PUSHES {
        calls.spawn(freeze_somewhere(clients.clone(), call, format!("p{}", call % PUSHES)));
    }
    let mut reached: BTreeMap<String, RoaringBitmap> = BTreeMap::new();
    let mut note = |(audience, mut sets): Frozen| {
        let eligible = sets.remove(&Verdict::Eligible).unwrap_or_default();
        let first = reached.entry(audience.message).or_insert_with(|| eligible.clone());
        assert_eq!(*first, eligible, "a repeat is answered the same");
    };
    for _ in 0..PUSHES / 2 {
        note(calls.join_next().await.unwrap().unwrap());
    }
    processes.pop().unwrap().kill().await.unwrap();
    while let Some(frozen) = calls.join_next().await {
        note(frozen.unwrap());
    }
    assert_eq!(reached.len(), PUSHES);
    for fan in 1..=FANS {
        let times = reached.values().filter(|fans| fans.contains(fan)).count();
        assert_eq!(i64::try_from(times).unwrap(), CAP, "{fan}");
    }
    drop(clients);
    for process in processes {
        process.kill().await.unwrap();
    }
    installation.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fan_is_reached_too_often_on_sqlite() {
    no_fan_is_reached_too_often(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fan_is_reached_too_often_on_postgres() {
    no_fan_is_reached_too_often(Engine::Postgres).await;
}
