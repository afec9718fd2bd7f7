//! Inboxes as they happen: read marks, and processes that tell each other over Redis, which may fail.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use siyu::connect::{Client, connect};
use siyu_clock::Stopwatch;
use siyu_proto::messaging::v1::{
    MarkDeskReadRequest, MarkReadRequest, ReadMarks, StreamDeskRequest, StreamInboxRequest,
    StreamInboxResponse, desk_service_client::DeskServiceClient, inbox_service_client::InboxServiceClient,
};
use siyu_tests::{
    Engine, TestSuite,
    installation::{Installation, Launch, create_accounts},
    process::{Process, Signal},
    redis::Redis,
};
use tokio::task::JoinSet;
use tonic::Streaming;

use crate::{
    follows::SHOP,
    messages::{desk, from_user, inbox, to_user},
    messages_faults::{insist, listen, messages_of},
};

const LONG: Duration = Duration::from_secs(60);
/// Events are looked for so seldom that whoever hears of something did not hear it from them.
const NO_EVENTS: &str = "events.poll_interval=10m";
const USERS: usize = 4;

async fn next(stream: &mut Streaming<StreamInboxResponse>) -> StreamInboxResponse {
    let wait = tokio::time::timeout(LONG, stream.message());
    wait.await.expect("something happens").unwrap().unwrap()
}

async fn follow(client: &Client, user: &str, after: Option<i64>) -> Streaming<StreamInboxResponse> {
    let request = StreamInboxRequest { user: format!("users/{user}"), after };
    let stream = InboxServiceClient::new(client.clone()).stream_inbox(request).await.unwrap();
    let mut stream = stream.into_inner();
    assert!(next(&mut stream).await.messages.is_empty());
    stream
}

fn marks(user_read_sequence: i64, account_read_sequence: i64) -> Vec<ReadMarks> {
    let conversation = "accounts/shop/conversations/ann".to_owned();
    vec![ReadMarks { conversation, user_read_sequence, account_read_sequence }]
}

async fn what_is_read_shows_on_both_sides(suite: TestSuite) {
    suite.account("mine", "shop").await;
    for id in ["one", "two", "three"] {
        inbox(&suite).send_message(from_user("ann", id)).await.unwrap();
    }
    let mut user = follow(&suite.client(), "ann", None).await;
    let request = StreamDeskRequest { parent: SHOP.to_owned(), after: None };
    let mut agents = desk(&suite).stream_desk(request).await.unwrap().into_inner();
    assert_eq!(agents.message().await.unwrap().unwrap().cursor, 3);

    let read =
        |sequence| MarkDeskReadRequest { parent: SHOP.to_owned(), user: "users/ann".to_owned(), sequence };
    desk(&suite).mark_desk_read(read(2)).await.unwrap();
    let heard = next(&mut user).await;
    assert_eq!((heard.messages[0].sequence, heard.cursor, heard.read_marks), (2, 4, marks(0, 2)));
    assert!(heard.messages[0].author.is_empty());
    assert_eq!(agents.message().await.unwrap().unwrap().read_marks, marks(0, 2));
    // What does not move the mark is nothing to tell.
    desk(&suite).mark_desk_read(read(1)).await.unwrap();
    let request = MarkReadRequest { parent: SHOP.to_owned(), user: "users/ann".to_owned(), sequence: 3 };
    inbox(&suite).mark_read(request).await.unwrap();
    let heard = agents.message().await.unwrap().unwrap();
    assert_eq!((heard.messages[0].sequence, heard.cursor, heard.read_marks), (3, 5, marks(3, 2)));
    // A message that is sent tells of no marks: they are known.
    desk(&suite).send_desk_message(to_user("ann", "four")).await.unwrap();
    assert_eq!(next(&mut user).await.read_marks, marks(3, 2));
    let heard = next(&mut user).await;
    assert_eq!((heard.messages[0].sequence, heard.cursor, heard.read_marks), (4, 6, vec![]));

    // Whoever was away learns how far both sides have read; each message comes once, as it is now.
    for (after, sequences) in [(3, vec![2, 3, 4]), (4, vec![3, 4]), (0, vec![1, 2, 3, 4])] {
        let mut user = follow(&suite.client(), "ann", Some(after)).await;
        let heard = next(&mut user).await;
        let found: Vec<i64> = heard.messages.iter().map(|message| message.sequence).collect();
        assert_eq!((found, heard.cursor, heard.read_marks), (sequences, 6, marks(3, 2)));
    }
    suite.finish().await;
}

siyu_tests::on_both_engines!(what_is_read_shows_on_both_sides);

/// Two processes on one PostgreSQL, with an account.
struct Replicas {
    installation: Installation,
    processes: Vec<Process>,
    clients: Vec<Client>,
}

impl Replicas {
    async fn start(settings: &[String]) -> Option<Self> {
        let installation = Installation::create(Engine::Postgres).await.unwrap()?;
        let (mut processes, mut clients) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            let mut process =
                installation.start(&Launch { set: settings.to_vec(), ..Launch::default() }).unwrap();
            let url = process.ready().await.unwrap();
            clients.push(connect(&url, &installation.token).await.unwrap());
            processes.push(process);
        }
        create_accounts(&clients[0], &["shop".to_owned()]).await.unwrap();
        Some(Self { installation, processes, clients })
    }

    async fn remove(self) {
        for process in self.processes {
            process.kill().await.unwrap();
        }
        self.installation.remove().await.unwrap();
    }

    /// Sends messages of a user at one process, one after the other; how long each took from the answer until somebody who
    /// listens at the other had it, in order.
    async fn latencies(&self, user: &str, count: usize) -> Vec<Duration> {
        let mut stream = follow(&self.clients[1], user, None).await;
        let mut sender = InboxServiceClient::new(self.clients[0].clone());
        let mut latencies = Vec::new();
        for number in 0..count {
            let id = format!("m{number}");
            sender.send_message(from_user(user, &id)).await.unwrap();
            let answered = Stopwatch::start();
            assert_eq!(next(&mut stream).await.messages[0].client_message_id, id);
            latencies.push(answered.elapsed());
        }
        latencies.sort();
        latencies
    }
}

fn report(what: &str, latencies: &[Duration]) {
    let quantile = |percent: usize| latencies[(latencies.len() * percent / 100).min(latencies.len() - 1)];
    println!("{what}: p50 {:?}, p99 {:?} after the answer", quantile(50), quantile(99));
}

/// What one process stores, whoever listens at the other hears at once over Redis: events come too late for it.
#[tokio::test(flavor = "multi_thread")]
async fn processes_hear_each_other_over_redis() {
    let Some(redis) = Redis::start().await.unwrap() else { return };
    let Some(replicas) = Replicas::start(&[redis.setting(), NO_EVENTS.to_owned()]).await else { return };
    report("over Redis", &replicas.latencies("far", 200).await);
    let mut stream = follow(&replicas.clients[1], "far", None).await;
    let request = MarkDeskReadRequest { parent: SHOP.to_owned(), user: "users/far".to_owned(), sequence: 7 };
    DeskServiceClient::new(replicas.clients[0].clone()).mark_desk_read(request).await.unwrap();
    let heard = next(&mut stream).await;
    assert_eq!((heard.messages[0].sequence, heard.read_marks[0].account_read_sequence), (7, 7));
    replicas.remove().await;
}

/// Without Redis, and where the one that is configured is not there, processes start, are ready, and hear by events.
#[tokio::test(flavor = "multi_thread")]
async fn processes_hear_each_other_without_redis() {
    let nobody = "realtime.redis_url=redis://127.0.0.1:1".to_owned();
    for settings in [vec![], vec![nobody]] {
        let Some(replicas) = Replicas::start(&settings).await else { return };
        report("by events", &replicas.latencies("far", 20).await);
        replicas.remove().await;
    }
}

/// Redis is killed again and again while users and the account write, and everybody listens at both processes.
#[tokio::test(flavor = "multi_thread")]
async fn redis_that_is_killed_loses_and_doubles_nothing() {
    const SENDERS: usize = 8;
    const MESSAGES: usize = 120;
    let Some(mut redis) = Redis::start().await.unwrap() else { return };
    let Some(replicas) = Replicas::start(&[redis.setting(), NO_EVENTS.to_owned()]).await else { return };
    let heard: Vec<Arc<Mutex<Vec<String>>>> = (0..USERS * 2).map(|_| Arc::default()).collect();
    let mut listeners = JoinSet::new();
    for (number, heard) in heard.iter().enumerate() {
        listeners.spawn(listen(replicas.clients[number / USERS].clone(), number % USERS, heard.clone()));
    }
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let client = replicas.clients[sender % 2].clone();
        senders.spawn(async move {
            for number in 0..MESSAGES {
                insist(client.clone(), format!("u{}", number % USERS), format!("s{sender}-{number}")).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    for pause in [150, 400, 250, 600] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        redis.kill().await.unwrap();
        tokio::time::sleep(Duration::from_millis(pause)).await;
        redis.start_again().await.unwrap();
    }
    while let Some(sent) = senders.join_next().await {
        sent.unwrap();
    }

    for user in 0..USERS {
        let stored = messages_of(&replicas.clients[0], user).await;
        assert_eq!(stored.len(), SENDERS * MESSAGES / USERS);
        let expected: Vec<String> = stored.into_iter().map(|message| message.name).collect();
        for heard in [&heard[user], &heard[USERS + user]] {
            let arrived = async {
                while heard.lock().unwrap().len() < expected.len() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(LONG, arrived).await.expect("who listens hears of everything");
            assert_eq!(*heard.lock().unwrap(), expected, "in order, and each once");
        }
    }
    listeners.shutdown().await;
    // It is heard live again by itself: events come too late for this.
    report("over Redis, which was killed four times", &replicas.latencies("far", 50).await);
    replicas.remove().await;
}

/// A Redis that takes nothing any longer makes no sender wait; what was stored meanwhile arrives once it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn redis_that_hangs_delays_nobody() {
    let Some(redis) = Redis::start().await.unwrap() else { return };
    let Some(replicas) = Replicas::start(&[redis.setting(), NO_EVENTS.to_owned()]).await else { return };
    replicas.latencies("near", 5).await;
    let mut stream = follow(&replicas.clients[1], "ann", None).await;
    redis.signal(Signal::Stop).await.unwrap();
    let mut sender = InboxServiceClient::new(replicas.clients[0].clone());
    let stopwatch = Stopwatch::start();
    for number in 0..100 {
        sender.send_message(from_user("ann", &format!("m{number}"))).await.unwrap();
    }
    let took = stopwatch.elapsed();
    println!("100 messages, one after the other, while Redis hangs: {took:?}");
    // An answer of Redis is waited for 2 s: not by senders.
    assert!(took < LONG, "{took:?}");
    // Longer than a process waits for an answer of it.
    tokio::time::sleep(Duration::from_secs(3)).await;
    redis.signal(Signal::Continue).await.unwrap();
    let mut names = BTreeSet::new();
    while names.len() < 100 {
        for message in next(&mut stream).await.messages {
            assert!(names.insert(message.name), "twice");
        }
    }
    report("over Redis, which hung", &replicas.latencies("far", 20).await);
    replicas.remove().await;
}
