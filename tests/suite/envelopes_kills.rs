//! 256 members grab from an envelope of 100 shares at once, from three processes on one database, while processes are killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rand::RngExt;
use siyu::{
    connect::{Client, connect},
    suite::ServiceName,
};
use siyu_proto::{
    common::v1::{StreamEventsRequest, event_feed_service_client::EventFeedServiceClient},
    groups::v1::{EnvelopeGrab, EnvelopeKind, EnvelopeState, EnvelopesGrabbed},
};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
    process::Process,
};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::{
    envelopes::{VIP, budget, create, fund, get, grab, grabs, join, ledger, new_envelope, vip_group},
    follows::SHOP,
    support::{reason, seeded},
};

const MEMBERS: usize = 256;
const SHARES: i32 = 100;
const TOTAL: i64 = 8_888;
const ROUNDS: usize = 3;

/// Processes that come and go; from an SQLite file one alone serves.
struct Nodes {
    installation: Installation,
    nodes: Vec<(Process, Client)>,
}

impl Nodes {
    async fn open(engine: Engine) -> Option<Self> {
        let installation = Installation::create(engine).await.unwrap()?;
        let mut nodes = Self { installation, nodes: Vec::new() };
        let count = if engine == Engine::Sqlite { 1 } else { 3 };
        for _ in 0..count {
            nodes.grow().await;
        }
        Some(nodes)
    }

    async fn grow(&mut self) {
        let launch = Launch {
            services: vec![ServiceName::Accounts, ServiceName::Groups],
            set: vec!["accounts.max_connections=4".to_owned(), "groups.max_connections=6".to_owned()],
            ..Launch::default()
        };
        let mut process = self.installation.start(&launch).unwrap();
        let url = process.ready().await.unwrap();
        self.nodes.push((process, connect(&url, &self.installation.token).await.unwrap()));
    }

    fn client(&self, number: usize) -> Client {
        self.nodes[number % self.nodes.len()].1.clone()
    }

    fn clients(&self) -> Vec<Client> {
        self.nodes.iter().map(|(_, client)| client.clone()).collect()
    }

    async fn kill(&mut self, number: usize) {
        let (process, _) = self.nodes.remove(number);
        process.kill().await.unwrap();
    }

    async fn close(mut self) {
        while !self.nodes.is_empty() {
            self.kill(0).await;
        }
        self.installation.remove().await.unwrap();
    }

    /// Every share that the feed tells was grabbed, once everything is published: envelope, place and user.
    async fn told(&self, expected: usize) -> Vec<(String, i32, String)> {
        let mut feeds = EventFeedServiceClient::new(self.client(0));
        let mut told = Vec::new();
        for _ in 0..300 {
            let request =
                StreamEventsRequest { parent: "feeds/groups".to_owned(), ..StreamEventsRequest::default() };
            let mut pages = feeds.stream_events(request).await.unwrap().into_inner();
            told.clear();
            while let Some(page) = pages.message().await.unwrap() {
                let payloads = page.events.iter().filter_map(|event| event.payload.as_ref());
                let grabbed = payloads.filter_map(|payload| payload.to_msg::<EnvelopesGrabbed>().ok());
                let shares = grabbed.flat_map(|grabbed| grabbed.grabs);
                told.extend(shares.filter_map(|share| {
                    let grab = share.grab?;
                    Some((share.envelope, grab.place, grab.user))
                }));
            }
            if told.len() >= expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        told
    }
}

/// Asks until there is an answer, at one process after the other, as a client does whose connection broke: who grabs again
/// has one share all the same.
async fn grabbed(
    clients: Vec<Client>,
    first: usize,
    id: String,
    user: String,
) -> Result<EnvelopeGrab, Status> {
    for attempt in 0..200 {
        let client = &clients[(first + attempt) % clients.len()];
        match grab(client, &id, &user).await {
            // A connection that breaks is told in several ways.
            Err(status)
                if matches!(
                    status.code(),
                    Code::Unavailable | Code::Aborted | Code::Unknown | Code::Cancelled
                ) || reason(&status).is_empty() =>
            {
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
            answered => return answered,
        }
    }
    Err(Status::unavailable("200 times"))
}

/// A process is killed after so many answers. Answers whether somebody still waited for one then.
async fn all_members_grab(nodes: &mut Nodes, id: &str, kill_after: Option<usize>) -> bool {
    create(&nodes.client(0), new_envelope(id, EnvelopeKind::Lucky, TOTAL, SHARES)).await.unwrap();
    let clients = nodes.clients();
    let mut calls = JoinSet::new();
    for member in 0..MEMBERS {
        // Some come twice, at another process.
        for first in 0..1 + usize::from(member.is_multiple_of(4)) {
            let (clients, id, user) = (clients.clone(), id.to_owned(), format!("m{member}"));
            calls.spawn(async move { (user.clone(), grabbed(clients, member + first, id, user).await) });
        }
    }
    let mut answers = Vec::new();
    let mut was_unfinished = false;
    if let Some(after) = kill_after {
        while answers.len() < after {
            answers.push(calls.join_next().await.unwrap().unwrap());
        }
        was_unfinished = !calls.is_empty();
        println!("{id}: killed with {} answered and {} not", answers.len(), calls.len());
        nodes.kill(1).await;
    }
    answers.extend(calls.join_all().await);
    let mut winners: BTreeMap<String, EnvelopeGrab> = BTreeMap::new();
    let mut late = BTreeSet::new();
    for (user, answer) in answers {
        match answer {
            Ok(got) => {
                let first = winners.entry(user).or_insert_with(|| got.clone());
                assert_eq!(*first, got, "another share");
            }
            Err(status) => {
                assert_eq!(reason(&status), "SOLD_OUT", "{status}");
                late.insert(user);
            }
        }
    }
    if kill_after.is_some() {
        nodes.grow().await;
    }

    // What was answered and what is stored agree.
    let client = nodes.client(0);
    let given = grabs(&client, id).await;
    let shares = usize::try_from(SHARES).unwrap();
    let users: BTreeSet<_> = given.iter().map(|grab| grab.user.clone()).collect();
    let sum: i64 = given.iter().map(|grab| grab.amount_minor).sum();
    assert_eq!((given.len(), users.len(), sum), (shares, shares, TOTAL));
    let mut answered: Vec<_> = winners.into_values().collect();
    answered.sort_by_key(|grab| grab.place);
    assert_eq!((answered.len(), late.len()), (shares, MEMBERS - shares));
    assert_eq!(answered, given);
    let over = get(&client, id).await;
    assert_eq!((over.state(), over.grabbed_minor, over.escrow_minor), (EnvelopeState::Empty, TOTAL, 0));
    ledger(&client).await;
    was_unfinished
}

async fn a_hundred_shares_make_a_hundred_winners(engine: Engine) {
    let Some(mut nodes) = Nodes::open(engine).await else { return };
    let client = nodes.client(0);
    create_accounts(&client, &["shop".to_owned()]).await.unwrap();
    vip_group(&client, SHOP).await;
    for member in 0..MEMBERS {
        join(&client, VIP, &format!("m{member}")).await;
    }
    let rounds = i64::try_from(ROUNDS).unwrap();
    fund(&client, rounds * TOTAL + 1).await;
    let mut random = seeded(20_261_123);
    let mut unfinished_kills = 0;
    for round in 0..ROUNDS {
        // One process alone is not killed: nobody would be left to answer.
        let kill_after = (engine == Engine::Postgres && round > 0).then(|| random.random_range(1..150));
        let was_unfinished = all_members_grab(&mut nodes, &format!("round-{round}"), kill_after).await;
        unfinished_kills += usize::from(was_unfinished);
    }
    assert!(engine == Engine::Sqlite || unfinished_kills > 0, "killed while they grabbed");
    assert_eq!(budget(&nodes.client(0)).await.balance_minor, 1);

    // Each grab is told once, whoever was killed.
    let expected = ROUNDS * usize::try_from(SHARES).unwrap();
    let told = nodes.told(expected).await;
    let distinct: BTreeSet<_> = told.iter().collect();
    assert_eq!((told.len(), distinct.len()), (expected, expected));
    nodes.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_shares_make_a_hundred_winners_on_sqlite() {
    a_hundred_shares_make_a_hundred_winners(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_shares_make_a_hundred_winners_on_postgres() {
    a_hundred_shares_make_a_hundred_winners(Engine::Postgres).await;
}
