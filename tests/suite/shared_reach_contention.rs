//! Three processes freeze the pushes of three enterprises to the same users at once, one of them is killed: the cap over all
//! enterprises holds.

use std::collections::BTreeMap;

use prost_types::Timestamp;
use roaring::RoaringBitmap;
use siyu::{
    connect::{Client as Connection, connect},
    suite::ServiceName,
};
use siyu_proto::{
    accounts::v1::{
        Account, CreateAccountRequest, CreateEnterpriseRequest, Enterprise,
        accounts_service_client::AccountsServiceClient,
    },
    crm::v1::{
        CreateSharedReachPolicyRequest, FreezeAudienceRequest, IngestInteractionsRequest,
        ReachVerdict as Verdict, interaction_service_client::InteractionServiceClient,
        reach_service_client::ReachServiceClient,
    },
};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch},
};
use tokio::task::JoinSet;

use crate::{
    reach::{Frozen, freeze},
    reach_settings::DAY,
    shared_reach::{push, shared_cap},
    support::{at, follow},
};

const PROCESSES: usize = 3;
const ENTERPRISES: [&str; 3] = ["first", "second", "third"];
/// Each is a window of its own.
const ROUNDS: usize = 12;
/// Of each enterprise in each round.
const PUSHES: usize = 4;
const USERS: u32 = 200;
const CAP: i64 = 5;

/// The ordinal of a user with an enterprise, from 1 on: another with each.
fn ordinal(place: u32, user: u32) -> u32 {
    (user + place * 100) % USERS + 1
}

async fn prepare(client: &Connection) {
    let mut accounts = AccountsServiceClient::new(client.clone());
    let time = at("2026-02-01T00:00:00Z");
    for (place, id) in (0..).zip(ENTERPRISES) {
        let request = CreateEnterpriseRequest {
            enterprise: Some(Enterprise { display_name: id.to_owned(), ..Enterprise::default() }),
            enterprise_id: id.to_owned(),
            ..Default::default()
        };
        accounts.create_enterprise(request).await.unwrap();
        let request = CreateAccountRequest {
            parent: format!("enterprises/{id}"),
            account: Some(Account { display_name: id.to_owned(), ..Account::default() }),
            account_id: id.to_owned(),
            ..Default::default()
        };
        accounts.create_account(request).await.unwrap();
        let mut users: Vec<u32> = (0..USERS).collect();
        users.sort_by_key(|user| ordinal(place, *user));
        let interactions = (0..)
            .zip(users)
            .map(|(n, user): (u32, u32)| follow(&format!("f{n:04}"), &format!("u{user}"), time));
        let request = IngestInteractionsRequest {
            parent: format!("accounts/{id}"),
            interactions: interactions.collect(),
        };
        InteractionServiceClient::new(client.clone()).ingest_interactions(request).await.unwrap();
    }
    let policy = Some(shared_cap(CAP, DAY));
    let request = CreateSharedReachPolicyRequest { shared_reach_policy: policy, ..Default::default() };
    ReachServiceClient::new(client.clone()).create_shared_reach_policy(request).await.unwrap();
}

/// Asks other processes until one answers: the push is the key. Calls that follow each other come from other enterprises to other
/// processes. Answers the place of the enterprise, and the round.
async fn freeze_somewhere(clients: Vec<Connection>, call: usize) -> ((usize, usize), Frozen) {
    let (place, number) = (call % ENTERPRISES.len(), call / ENTERPRISES.len());
    let round = number / PUSHES;
    let day = at("2030-01-01T00:00:00Z").seconds + 2 * DAY * i64::try_from(round).unwrap();
    let request = FreezeAudienceRequest {
        send_time: Some(Timestamp { seconds: day, nanos: 0 }),
        ..push(ENTERPRISES[place], &format!("p{number}"))
    };
    for attempt in 0..40 {
        let client = ReachServiceClient::new(clients[(place + number + attempt) % clients.len()].clone());
        if let Ok(frozen) = freeze(client, request.clone()).await {
            return ((place, round), frozen);
        }
    }
    panic!("{} was not frozen in 40 attempts", request.message);
}

async fn the_cap_over_all_enterprises_holds(engine: Engine) {
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

    let mut calls = JoinSet::new();
    for call in 0..ENTERPRISES.len() * PUSHES * ROUNDS {
        calls.spawn(freeze_somewhere(clients.clone(), call));
    }
    let mut reached: BTreeMap<(u32, usize, usize), i64> = BTreeMap::new();
    let mut note = |((place, round), (_, mut sets)): ((usize, usize), Frozen)| {
        let eligible: RoaringBitmap = sets.remove(&Verdict::Eligible).unwrap_or_default();
        for user in 0..USERS {
            if eligible.contains(ordinal(u32::try_from(place).unwrap(), user)) {
                *reached.entry((user, place, round)).or_default() += 1;
            }
        }
    };
    for _ in 0..ENTERPRISES.len() * PUSHES * ROUNDS / 2 {
        note(calls.join_next().await.unwrap().unwrap());
    }
    processes.pop().unwrap().kill().await.unwrap();
    while let Some(frozen) = calls.join_next().await {
        note(frozen.unwrap());
    }
    for (user, round) in (0..USERS).flat_map(|user| (0..ROUNDS).map(move |round| (user, round))) {
        let own = |place: usize| reached.get(&(user, place, round)).copied().unwrap_or_default();
        let all: i64 = (0..ENTERPRISES.len()).map(own).sum();
        assert!(all <= CAP, "u{user} was reached {all} times");
        for (place, enterprise) in ENTERPRISES.into_iter().enumerate() {
            let own = own(place);
            assert!(own * 2 <= CAP + 1, "{enterprise} has taken {own} of u{user}");
            assert!(own >= CAP - all, "{enterprise} was refused for nothing by u{user}");
        }
    }
    drop(clients);
    for process in processes {
        process.kill().await.unwrap();
    }
    installation.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cap_over_all_enterprises_holds_on_sqlite() {
    the_cap_over_all_enterprises_holds(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cap_over_all_enterprises_holds_on_postgres() {
    the_cap_over_all_enterprises_holds(Engine::Postgres).await;
}
