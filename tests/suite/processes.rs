//! Accounts and crm in processes of their own: the crm asks accounts over the network and follows its clock.

use std::{collections::BTreeSet, time::Duration};

use siyu::connect::Client;
use siyu_clock::{Micros, Stopwatch};
use siyu_proto::{
    crm::v1::{
        Fan, GetFanRequest, GetSalesRequest, IngestInteractionsRequest, IngestInteractionsResponse,
        Interaction, InteractionKind as Kind, ListFansRequest, ListTierChangesRequest, Tier,
        analytics_service_client::AnalyticsServiceClient, fan_service_client::FanServiceClient,
        interaction_service_client::InteractionServiceClient, tier_service_client::TierServiceClient,
    },
    testing::v1::{AdvanceTimeRequest, clock_service_client::ClockServiceClient},
};
use siyu_rpc::time::to_proto;
use siyu_tests::{
    Engine, cluster::Cluster, installation::create_accounts, process::Signal, traffic::Traffic,
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tonic::{Code, Status};

use crate::support::{event, follow, order, reason};

/// 2026-03-01T00:00:00Z
const START: Micros = Micros::from_seconds(1_772_323_200);
const DAY: Duration = Duration::from_secs(86_400);
/// Longer than anything here takes: only a hanging test waits for so long.
const LONG: Duration = Duration::from_secs(30);
/// Nothing but the clock makes background work begin.
const QUIET: [&str; 2] = ["crm.sweep_interval=24h", "accounts.sweep_interval=24h"];

/// One process of accounts, so many of the crm, and `accounts/shop`.
async fn cluster(engine: Engine, crm_count: usize) -> Option<Cluster> {
    let cluster = Cluster::start(engine, crm_count, START, &QUIET).await.unwrap()?;
    create_accounts(&cluster.accounts_client(), &["shop".to_owned()]).await.unwrap();
    Some(cluster)
}

async fn send(
    client: &Client,
    account: &str,
    interactions: Vec<Interaction>,
) -> Result<IngestInteractionsResponse, Status> {
    let request = IngestInteractionsRequest { parent: format!("accounts/{account}"), interactions };
    let answer = InteractionServiceClient::new(client.clone()).ingest_interactions(request).await?;
    Ok(answer.into_inner())
}

async fn fan(client: &Client, user: &str) -> Fan {
    let request = GetFanRequest { name: format!("accounts/shop/fans/{user}") };
    FanServiceClient::new(client.clone()).get_fan(request).await.unwrap().into_inner().fan.unwrap()
}

fn view(id: &str, user: &str) -> Interaction {
    event(id, user, Kind::View, to_proto(START))
}

/// Interactions that make a true love of the user.
fn love(user: &str) -> Vec<Interaction> {
    let orders = (0..20).map(|number| order(&format!("{user}-{number}"), user, to_proto(START), 10_000));
    [follow(&format!("{user}-follow"), user, to_proto(START))].into_iter().chain(orders).collect()
}

async fn one_story_in_two_processes(engine: Engine) {
    let Some(mut cluster) = cluster(engine, 1).await else { return };
    let crm = cluster.crm[0].client.clone();
    assert_eq!(send(&crm, "nobody", vec![view("v", "u1")]).await.unwrap_err().code(), Code::NotFound);
    let answer = send(&crm, "shop", love("u1")).await.unwrap();
    assert_eq!((answer.accepted_count, answer.rejections.len()), (21, 0));
    let request = GetSalesRequest { parent: "accounts/shop".to_owned(), ..GetSalesRequest::default() };
    let sales = AnalyticsServiceClient::new(crm.clone()).get_sales(request).await.unwrap().into_inner();
    assert_eq!(sales.sales.unwrap().gmv_minor, 200_000);
    assert_eq!(fan(&crm, "u1").await.tier(), Tier::TrueLove);

    // The clock of accounts moves; decay happens in the process of the crm before that is answered.
    let moved = cluster.advance(365 * DAY).await.unwrap();
    assert_eq!((moved.follower_count, moved.time), (1, Some(to_proto(cluster.now))));
    assert_eq!(fan(&crm, "u1").await.tier(), Tier::Passerby);
    let request = ListTierChangesRequest {
        parent: "accounts/shop/fans/u1".to_owned(),
        page_size: 1,
        ..ListTierChangesRequest::default()
    };
    let changes = TierServiceClient::new(crm.clone()).list_tier_changes(request).await.unwrap().into_inner();
    assert_eq!(changes.tier_changes[0].change_time, Some(to_proto(cluster.now)));

    // Only the leader moves time.
    let advance = AdvanceTimeRequest { by: Some(prost_types::Duration { seconds: 1, nanos: 0 }) };
    let refused = ClockServiceClient::new(crm).advance_time(advance).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::Unimplemented, "METHOD_NOT_FOUND".to_owned()));
    cluster.remove().await.unwrap();
}

async fn a_follower_is_ready_when_it_has_the_time(engine: Engine) {
    let Some(mut cluster) = cluster(engine, 0).await else { return };
    cluster.advance(DAY).await.unwrap();
    cluster.accounts.take().unwrap().process.terminate().await.unwrap();
    let mut without_time = cluster.launch_crm().unwrap();
    assert!(timeout(Duration::from_secs(1), without_time.ready()).await.is_err());
    without_time.kill().await.unwrap();

    let late = cluster.launch_crm().unwrap();
    cluster.start_accounts().await.unwrap();
    let late = timeout(LONG, cluster.node(late)).await.unwrap().unwrap();
    let tomorrow = event("tomorrow", "u1", Kind::View, to_proto(cluster.now.plus(DAY)));
    let today = event("today", "u1", Kind::View, to_proto(cluster.now));
    let answer = send(&late.client, "shop", vec![tomorrow, today]).await.unwrap();
    assert_eq!((answer.accepted_count, answer.rejections.len()), (1, 1));
    cluster.crm.push(late);
    cluster.remove().await.unwrap();
}

async fn a_follower_outlives_its_leader(engine: Engine) {
    let Some(mut cluster) = cluster(engine, 1).await else { return };
    let crm = cluster.crm[0].client.clone();
    cluster.advance(DAY).await.unwrap();
    send(&crm, "shop", vec![view("before", "u1")]).await.unwrap();
    cluster.accounts.take().unwrap().process.kill().await.unwrap();
    let today = event("today", "u1", Kind::View, to_proto(cluster.now));
    assert_eq!(
        send(&crm, "shop", vec![today]).await.unwrap().accepted_count,
        1,
        "the clock stays where it was"
    );

    cluster.start_accounts().await.unwrap();
    until_followed(&mut cluster).await;
    let today = event("later-today", "u1", Kind::View, to_proto(cluster.now));
    assert_eq!(send(&crm, "shop", vec![today]).await.unwrap().accepted_count, 1);
    cluster.remove().await.unwrap();
}

/// Advances the clock until the one process of the crm follows it again.
async fn until_followed(cluster: &mut Cluster) {
    let follows = async {
        while cluster.advance(DAY).await.unwrap().follower_count < 1 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LONG, follows).await.expect("the crm follows the clock");
}

async fn accounts_away_is_said_and_overcome(engine: Engine) {
    let Some(mut cluster) = cluster(engine, 1).await else { return };
    let crm = cluster.crm[0].client.clone();
    send(&crm, "shop", vec![view("v1", "u1")]).await.unwrap();
    cluster.accounts.take().unwrap().process.terminate().await.unwrap();

    let refused = send(&crm, "unknown", vec![view("v1", "u1")]).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::Unavailable, "DEPENDENCY_UNAVAILABLE".to_owned()));
    assert!(refused.message().contains("accounts service"), "{refused}");
    // What the crm has asked before it knows.
    assert_eq!(send(&crm, "shop", vec![view("v2", "u1")]).await.unwrap().accepted_count, 1);

    cluster.start_accounts().await.unwrap();
    let stopwatch = Stopwatch::start();
    loop {
        let refused = send(&crm, "unknown", vec![view("v1", "u1")]).await.unwrap_err();
        if refused.code() == Code::NotFound {
            break;
        }
        assert_eq!(refused.code(), Code::Unavailable, "{refused}");
        assert!(stopwatch.elapsed() < LONG, "the crm does not find accounts again");
        sleep(Duration::from_millis(50)).await;
    }
    cluster.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_take_the_same_events_at_once() {
    const FANS: u32 = 40;
    let Some(cluster) = cluster(Engine::Postgres, 3).await else { return };
    let events = Traffic::new(7, "p", FANS, START).batch(1_200);
    let mut senders = JoinSet::new();
    for client in cluster.crm_clients() {
        let batches: Vec<_> = events.chunks(60).map(<[Interaction]>::to_vec).collect();
        senders.spawn(async move {
            let mut accepted = 0;
            for batch in batches {
                let sent = i64::try_from(batch.len()).unwrap();
                let answer = loop {
                    match send(&client, "shop", batch.clone()).await {
                        Ok(answer) => break answer,
                        Err(status) => assert_eq!(status.code(), Code::Aborted, "{status}"),
                    }
                };
                assert_eq!(answer.rejections, []);
                assert_eq!(answer.accepted_count + answer.duplicate_count, sent);
                accepted += answer.accepted_count;
            }
            accepted
        });
    }
    let accepted: i64 = senders.join_all().await.iter().sum();
    assert_eq!(accepted, i64::try_from(events.len()).unwrap(), "each event is new for one of the three");

    let request = ListFansRequest {
        parent: "accounts/shop".to_owned(),
        page_size: 1_000,
        ..ListFansRequest::default()
    };
    let fans = FanServiceClient::new(cluster.crm[2].client.clone()).list_fans(request).await.unwrap();
    let fans = fans.into_inner().fans;
    let ordinals: Vec<_> = fans.iter().map(|fan| fan.ordinal).collect();
    let users: BTreeSet<_> = events.iter().map(|event| &event.user).collect();
    assert_eq!(fans.len(), users.len());
    let first = ordinals[0];
    let dense: Vec<_> =
        ordinals.iter().enumerate().map(|(place, _)| first + i64::try_from(place).unwrap()).collect();
    assert_eq!(ordinals, dense);
    assert_eq!(fans.iter().map(|fan| fan.interaction_count).sum::<i64>(), accepted);
    cluster.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_stands_still_does_not_stop_the_clock() {
    let Some(mut cluster) = cluster(Engine::Sqlite, 1).await else { return };
    cluster.crm[0].process.signal(Signal::Stop).await.unwrap();
    let moved = cluster.advance(DAY).await.unwrap();
    assert_eq!(moved.follower_count, 0);
    cluster.crm[0].process.signal(Signal::Continue).await.unwrap();
    // It comes back by itself, and has the time of today.
    until_followed(&mut cluster).await;
    let today = event("today", "u1", Kind::View, to_proto(cluster.now));
    let answer = send(&cluster.crm[0].client, "shop", vec![today]).await.unwrap();
    assert_eq!(answer.accepted_count, 1);
    cluster.remove().await.unwrap();
}

mod one_story {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn on_sqlite() {
        one_story_in_two_processes(Engine::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn on_postgres() {
        one_story_in_two_processes(Engine::Postgres).await;
    }
}

mod a_follower {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn on_sqlite() {
        a_follower_is_ready_when_it_has_the_time(Engine::Sqlite).await;
        a_follower_outlives_its_leader(Engine::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn on_postgres() {
        a_follower_is_ready_when_it_has_the_time(Engine::Postgres).await;
        a_follower_outlives_its_leader(Engine::Postgres).await;
    }
}

mod accounts_away {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn on_sqlite() {
        accounts_away_is_said_and_overcome(Engine::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn on_postgres() {
        accounts_away_is_said_and_overcome(Engine::Postgres).await;
    }
}
