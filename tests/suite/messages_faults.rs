//! Private messages between processes and under kills: everybody gets everything, in order, once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::RngExt;
use siyu::connect::{Client, connect};
use siyu_proto::messaging::v1::{
    ListMessagesRequest, Message, StreamDeskRequest, StreamInboxRequest,
    desk_service_client::DeskServiceClient, inbox_service_client::InboxServiceClient,
};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
    process::Process,
};
use tokio::task::JoinSet;

use crate::{
    follows::SHOP,
    messages::{from_user, to_user},
    support::seeded,
};

const USERS: usize = 5;
/// Senders at once, and what each of them sends.
const SENDERS: usize = 8;
const MESSAGES: usize = 60;
/// Kills while they send.
const KILLS: usize = 8;
const LONG: Duration = Duration::from_secs(90);

async fn serve(installation: &Installation, address: &str) -> (Process, String) {
    let launch = Launch { set: vec![format!("server.listen={address}")], ..Launch::default() };
    let mut process = installation.start(&launch).unwrap();
    let url = process.ready().await.unwrap();
    (process, url)
}

pub(crate) fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Sends until there is an answer: the process that is called may be down.
pub(crate) async fn insist(client: Client, user: String, id: String) {
    let sending = async {
        let mut inbox = InboxServiceClient::new(client);
        while inbox.send_message(from_user(&user, &id)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LONG, sending).await.expect("it is answered in the end");
}

/// Listens to the inbox of a user, again and again from where it stands; notes what it was sent.
pub(crate) async fn listen(client: Client, user: usize, heard: Arc<Mutex<Vec<String>>>) {
    let mut cursor = 0;
    loop {
        let request = StreamInboxRequest { user: format!("users/u{user}"), after: Some(cursor) };
        if let Ok(stream) = InboxServiceClient::new(client.clone()).stream_inbox(request).await {
            let mut stream = stream.into_inner();
            while let Ok(Some(happened)) = stream.message().await {
                let names = happened.messages.into_iter().map(|message| message.name);
                heard.lock().unwrap().extend(names);
                cursor = happened.cursor;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn messages_of(client: &Client, user: usize) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    loop {
        let request = ListMessagesRequest {
            parent: SHOP.to_owned(),
            user: format!("users/u{user}"),
            after_sequence: Some(messages.last().map_or(0, |last| last.sequence)),
            page_size: 200,
            ..ListMessagesRequest::default()
        };
        let page = InboxServiceClient::new(client.clone()).list_messages(request).await.unwrap().into_inner();
        messages.extend(page.messages);
        if !page.has_more {
            return messages;
        }
    }
}

/// Users and the account write while processes are killed with SIGKILL. Whoever was not answered sends the same again.
async fn kills_lose_and_double_nothing(engine: Engine) {
    let Some(installation) = Installation::create(engine).await.unwrap() else { return };
    let count = if engine == Engine::Sqlite { 1 } else { 2 };
    let addresses: Vec<String> = (0..count).map(|_| free_address()).collect();
    let mut processes = Vec::new();
    let mut clients = Vec::new();
    for address in &addresses {
        let (process, url) = serve(&installation, address).await;
        clients.push(connect(&url, &installation.token).await.unwrap());
        processes.push(process);
    }
    create_accounts(&clients[0], &["shop".to_owned()]).await.unwrap();

    let heard: Vec<Arc<Mutex<Vec<String>>>> = (0..USERS).map(|_| Arc::default()).collect();
    let mut listeners = JoinSet::new();
    for (user, heard) in heard.iter().enumerate() {
        listeners.spawn(listen(clients[user % count].clone(), user, heard.clone()));
    }
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let client = clients[sender % count].clone();
        senders.spawn(async move {
            for number in 0..MESSAGES {
                let (user, id) = (format!("u{}", number % USERS), format!("s{sender}-{number}"));
                insist(client.clone(), user, id).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    let mut random = seeded(20_261_122);
    for kill in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(random.random_range(50..400))).await;
        let victim = kill % count;
        processes.remove(victim).kill().await.unwrap();
        let (process, _) = serve(&installation, &addresses[victim]).await;
        processes.insert(victim, process);
    }
    while let Some(sent) = senders.join_next().await {
        sent.unwrap();
    }

    let mut expected = BTreeMap::new();
    for user in 0..USERS {
        let messages = messages_of(&clients[0], user).await;
        let sequences: Vec<i64> = messages.iter().map(|message| message.sequence).collect();
        let count = i64::try_from(SENDERS * MESSAGES / USERS).unwrap();
        assert_eq!(sequences, (1..=count).collect::<Vec<_>>());
        let ids: BTreeSet<&str> = messages.iter().map(|message| message.client_message_id.as_str()).collect();
        assert_eq!(ids.len(), messages.len());
        expected.insert(user, messages.into_iter().map(|message| message.name).collect::<Vec<_>>());
    }
    let arrived = async {
        for (user, expected) in &expected {
            while heard[*user].lock().unwrap().len() < expected.len() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    };
    tokio::time::timeout(LONG, arrived).await.expect("who listens hears of everything");
    listeners.shutdown().await;
    for (user, expected) in &expected {
        assert_eq!(&*heard[*user].lock().unwrap(), expected, "in order, and each once");
    }
    for process in processes {
        process.kill().await.unwrap();
    }
    installation.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_double_nothing_on_sqlite() {
    kills_lose_and_double_nothing(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_double_nothing_on_postgres() {
    kills_lose_and_double_nothing(Engine::Postgres).await;
}

/// Three processes on one database: the last messages that an account may send go to three of those who race for them, and
/// who listens at one process hears of what others store.
#[tokio::test(flavor = "multi_thread")]
async fn processes_share_allowance_and_inboxes() {
    let Some(installation) = Installation::create(Engine::Postgres).await.unwrap() else { return };
    let mut processes = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..3 {
        let (process, url) = serve(&installation, "127.0.0.1:0").await;
        clients.push(connect(&url, &installation.token).await.unwrap());
        processes.push(process);
    }
    create_accounts(&clients[0], &["shop".to_owned()]).await.unwrap();
    let request = StreamDeskRequest { parent: SHOP.to_owned(), after: Some(0) };
    let mut stream =
        DeskServiceClient::new(clients[0].clone()).stream_desk(request).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().unwrap().messages.is_empty());

    let mut calls = JoinSet::new();
    for number in 0..48 {
        let mut desk = DeskServiceClient::new(clients[number % 3].clone());
        let request = to_user(&format!("u{}", number / 3 % 4), &format!("r{number}"));
        calls.spawn(async move { desk.send_desk_message(request).await.is_ok() });
    }
    let mut sent = 0;
    while let Some(answer) = calls.join_next().await {
        sent += usize::from(answer.unwrap());
    }
    assert_eq!(sent, 4 * 3);
    let mut heard = BTreeSet::new();
    while heard.len() < sent {
        let wait = tokio::time::timeout(LONG, stream.message());
        let happened = wait.await.expect("it is heard of").unwrap().unwrap();
        for message in happened.messages {
            assert!(heard.insert(message.name), "twice");
        }
    }
    for process in processes {
        process.kill().await.unwrap();
    }
    installation.remove().await.unwrap();
}
