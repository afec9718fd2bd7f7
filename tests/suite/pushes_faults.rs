//! Pushes under contention and kills: never more than the month has, and to everybody once.

use std::time::Duration;

use prost_types::Timestamp;
use rand::RngExt;
use siyu::connect::{Client, connect};
use siyu_clock::{Clock, Micros};
use siyu_proto::{
    accounts::v1::{GetWalletRequest, RightKind, rights_service_client::RightsServiceClient},
    crm::v1::{ListFansRequest, fan_service_client::FanServiceClient},
    subscriptions::v1::{
        CreatePushRequest, GetPushRequest, ListFeedRequest, ListPushesRequest, Push, PushState,
        SchedulePushRequest, feed_service_client::FeedServiceClient,
        follow_service_client::FollowServiceClient, push_service_client::PushServiceClient,
    },
};
use siyu_rpc::time::{from_proto, to_proto};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
    process::Process,
};
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{
    follows::{SHOP, wish},
    pushes::{add_up, draft, named},
    rights::policy,
    support::seeded,
};

/// Clients of each process.
const CLIENTS: usize = 16;
/// Attempts of each client.
const ATTEMPTS: usize = 30;
const DRAFTS: usize = 40;
const MONTH: i64 = 8;
/// Rounds that end with a kill.
const KILLS: i64 = 20;
const FANS: i64 = 50;
const LONG: Duration = Duration::from_secs(90);

/// Processes of all services on one installation, on the machine's time.
struct Fleet {
    installation: Installation,
    nodes: Vec<(Process, Client)>,
}

impl Fleet {
    async fn start(engine: Engine, count: usize, fans: i64, month: i64) -> Option<Self> {
        let installation = Installation::create(engine).await.unwrap()?;
        let mut fleet = Self { installation, nodes: Vec::new() };
        for _ in 0..count {
            fleet.grow().await;
        }
        let client = fleet.client(0);
        create_accounts(&client, &["shop".to_owned()]).await.unwrap();
        RightsServiceClient::new(client.clone()).create_right_policy(policy(month, None)).await.unwrap();
        for fan in 0..fans {
            FollowServiceClient::new(client.clone()).follow(wish(SHOP, &user(fan))).await.unwrap();
        }
        let known = async || {
            let request = ListFansRequest { parent: SHOP.to_owned(), page_size: 1_000, ..Default::default() };
            let listed = FanServiceClient::new(client.clone()).list_fans(request).await.unwrap();
            usize::try_from(fans).is_ok_and(|fans| listed.into_inner().fans.len() == fans)
        };
        wait(known, "the CRM knows the followers").await;
        Some(fleet)
    }

    async fn grow(&mut self) {
        let launch = Launch { set: vec!["accounts.max_connections=4".to_owned()], ..Launch::default() };
        let mut process = self.installation.start(&launch).unwrap();
        let url = process.ready().await.unwrap();
        let client = connect(&url, &self.installation.token).await.unwrap();
        self.nodes.push((process, client));
    }

    fn client(&self, number: usize) -> Client {
        self.nodes[number % self.nodes.len()].1.clone()
    }

    /// Kills a process, and starts another.
    async fn replace(&mut self, number: usize) {
        let (process, client) = self.nodes.remove(number);
        process.kill().await.unwrap();
        drop(client);
        self.grow().await;
    }

    async fn remove(self) {
        for (process, _) in self.nodes {
            process.kill().await.unwrap();
        }
        self.installation.remove().await.unwrap();
    }

    async fn pushes(&self) -> Vec<Push> {
        let request = ListPushesRequest { parent: SHOP.to_owned(), page_size: 1_000, ..Default::default() };
        PushServiceClient::new(self.client(0)).list_pushes(request).await.unwrap().into_inner().pushes
    }

    /// Reserved and used of the month that a time lies in.
    async fn allowance(&self, time: Timestamp) -> (i64, i64) {
        let request = GetWalletRequest { parent: SHOP.to_owned(), time: Some(time) };
        let wallet = RightsServiceClient::new(self.client(0)).get_wallet(request).await.unwrap();
        let rights = wallet.into_inner().wallet.unwrap().rights;
        let right = rights.into_iter().find(|right| right.kind() == RightKind::Push).unwrap();
        right.allowance.map_or((0, 0), |allowance| (allowance.reserved, allowance.used))
    }
}

fn user(number: i64) -> String {
    format!("u{number:03}")
}

async fn wait(mut holds: impl AsyncFnMut() -> bool, what: &str) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.unwrap_or_else(|_| panic!("{what}"));
}

async fn create(client: Client, request: CreatePushRequest) -> Result<(), Status> {
    match PushServiceClient::new(client).create_push(request).await {
        Err(status) if status.code() != Code::AlreadyExists => Err(status),
        _ => Ok(()),
    }
}

async fn schedule(client: Client, id: &str, publish_time: Option<Timestamp>) -> Result<(), Status> {
    let request = SchedulePushRequest { name: named(id), publish_time, ..SchedulePushRequest::default() };
    PushServiceClient::new(client).schedule_push(request).await.map(drop)
}

/// The first moment of a month in Shanghai that is a month or more away.
fn month_edge() -> Micros {
    let now = jiff::Timestamp::from_microsecond(Clock::System.now().0).unwrap();
    let now = now.to_zoned(jiff::tz::TimeZone::get("Asia/Shanghai").unwrap());
    let first = now.date().first_of_month().checked_add(jiff::Span::new().months(2)).unwrap();
    let first = first.to_zoned(now.time_zone().clone()).unwrap();
    Micros(first.timestamp().as_microsecond())
}

/// 3 processes, 16 clients each, and a kill in between: at the edge of a month no month ever has nine.
async fn a_month_never_has_nine(engine: Engine) {
    // From a SQLite file one process alone may serve.
    let processes = if engine == Engine::Sqlite { 1 } else { 3 };
    let Some(mut fleet) = Fleet::start(engine, processes, 1, MONTH).await else { return };
    for number in 0..DRAFTS {
        create(fleet.client(number), draft(&format!("p{number:03}"), Push::default())).await.unwrap();
    }
    let edge = month_edge();
    let minute = Duration::from_secs(60);
    let times =
        [edge.minus(minute), edge.minus(Duration::from_micros(1)), edge, edge.plus(minute)].map(to_proto);
    let mut attempts = JoinSet::new();
    for caller in 0..processes * CLIENTS {
        let client = fleet.client(caller);
        attempts.spawn(async move {
            let mut random = seeded(caller as u64);
            let mut refused = 0;
            for _ in 0..ATTEMPTS {
                let id = format!("p{:03}", random.random_range(0..DRAFTS));
                let time = times[random.random_range(0..times.len())];
                match schedule(client.clone(), &id, Some(time)).await {
                    Err(status) if status.code() == Code::ResourceExhausted => {
                        let details = status.get_error_details();
                        assert_eq!(details.quota_failure().unwrap().violations[0].subject, SHOP);
                        refused += 1;
                    }
                    Err(status) => {
                        // The last three are what a caller sees of a process that is killed.
                        let passing = [
                            Code::Aborted,
                            Code::DeadlineExceeded,
                            Code::Unavailable,
                            Code::Cancelled,
                            Code::Unknown,
                        ];
                        assert!(passing.contains(&status.code()), "{status}");
                    }
                    Ok(()) => {}
                }
            }
            refused
        });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    fleet.replace(0).await;
    let refused: usize = attempts.join_all().await.into_iter().sum();
    assert!(refused > 0);
    // Each month is filled up; what was begun is finished by somebody.
    let month_of = |push: &Push| from_proto(push.publish_time.as_ref().unwrap()).unwrap() >= edge;
    for (number, time) in [times[0], times[3]].into_iter().enumerate() {
        let full = async || {
            let drafts = fleet.pushes().await.into_iter().filter(|push| push.state() == PushState::Draft);
            for push in drafts {
                let id = push.name.rsplit('/').next().unwrap().to_owned();
                match schedule(fleet.client(number), &id, Some(time)).await {
                    Err(status) if status.code() == Code::ResourceExhausted => return true,
                    _ => {}
                }
            }
            false
        };
        wait(full, "the month is full").await;
    }
    let settled = async || {
        let pushes = fleet.pushes().await;
        let scheduled = |later: bool| {
            let of_month = |push: &&Push| push.state() == PushState::Scheduled && month_of(push) == later;
            i64::try_from(pushes.iter().filter(of_month).count()).unwrap()
        };
        let counts = (scheduled(false), scheduled(true));
        assert!(counts.0 <= MONTH && counts.1 <= MONTH, "{counts:?}");
        let reserved = (fleet.allowance(times[0]).await.0, fleet.allowance(times[3]).await.0);
        assert!(reserved.0 <= MONTH && reserved.1 <= MONTH, "{reserved:?}");
        counts == (MONTH, MONTH) && reserved == (MONTH, MONTH)
    };
    wait(settled, "both months have eight").await;
    fleet.remove().await;
}

/// A process that is killed again and again while it publishes: everybody is reached by everything once.
async fn kills_lose_and_double_nobody(engine: Engine) {
    let Some(mut fleet) = Fleet::start(engine, 1, FANS, KILLS).await else { return };
    let mut random = seeded(20_261_122);
    for round in 0..KILLS {
        let id = format!("p{round:03}");
        create(fleet.client(0), draft(&id, Push::default())).await.unwrap();
        let client = fleet.client(0);
        let fan = user(random.random_range(0..FANS));
        let call = tokio::spawn(async move {
            let scheduled = schedule(client.clone(), &id, None).await;
            let request = ListFeedRequest { user: format!("users/{fan}"), ..ListFeedRequest::default() };
            drop(FeedServiceClient::new(client).list_feed(request).await);
            scheduled
        });
        tokio::time::sleep(Duration::from_millis(random.random_range(0..60))).await;
        fleet.replace(0).await;
        // Whether it was scheduled, nobody may know.
        drop(call.await.unwrap());
    }
    let sent = async || {
        let mut all = true;
        for push in fleet.pushes().await {
            all &= push.state() == PushState::Sent;
            if push.state() == PushState::Draft {
                drop(schedule(fleet.client(0), push.name.rsplit('/').next().unwrap(), None).await);
            }
        }
        all
    };
    wait(sent, "all are sent").await;
    let now = to_proto(Clock::System.now());
    assert_eq!(fleet.allowance(now).await, (0, KILLS));
    for push in fleet.pushes().await {
        let request = GetPushRequest { name: push.name };
        let push = PushServiceClient::new(fleet.client(0)).get_push(request).await.unwrap();
        let counts = push.into_inner().push.unwrap().counts.unwrap();
        add_up(&counts);
        assert_eq!((counts.planned, counts.delivered), (FANS, FANS));
    }
    let mut expected: Vec<String> = (0..KILLS).map(|round| named(&format!("p{round:03}"))).collect();
    expected.sort();
    for fan in 0..FANS {
        let user = format!("users/{}", user(fan));
        let request = ListFeedRequest { user, page_size: 100, ..ListFeedRequest::default() };
        let items =
            FeedServiceClient::new(fleet.client(0)).list_feed(request).await.unwrap().into_inner().items;
        let mut found: Vec<String> = items.into_iter().map(|item| item.push).collect();
        found.sort();
        assert_eq!(found, expected, "fan {fan}");
    }
    for push in fleet.pushes().await {
        let counts = push.counts.unwrap();
        add_up(&counts);
        assert_eq!((counts.seen, counts.unseen), (FANS, 0));
    }
    fleet.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_never_has_nine_on_sqlite() {
    a_month_never_has_nine(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_never_has_nine_on_postgres() {
    a_month_never_has_nine(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_double_nobody_on_sqlite() {
    kills_lose_and_double_nobody(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_double_nobody_on_postgres() {
    kills_lose_and_double_nobody(Engine::Postgres).await;
}
