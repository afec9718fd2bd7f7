//! What is not kept for longer is forgotten, also where processes are killed while they do it.

use std::time::Duration;

use rand::RngExt;
use siyu::connect::{Client, connect};
use siyu_clock::Micros;
use siyu_proto::{
    messaging::v1::{
        ExportConversationsRequest, GetRetentionRequest, ImportMessagesRequest, ImportedMessage, Message,
        MessageSender, Retention, SetRetentionRequest, archive_service_client::ArchiveServiceClient,
        import_service_client::ImportServiceClient,
    },
    testing::v1::{AdvanceTimeRequest, clock_service_client::ClockServiceClient},
};
use siyu_rpc::time::to_proto;
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
    process::Process,
};

use crate::{follows::SHOP, messages::text, support::seeded};

const START: Micros = Micros::from_seconds(1_772_323_200);
const USERS: usize = 6;
/// Messages of each that are too old, and that are not.
const OLD: i64 = 2_000;
const YOUNG: i64 = 100;
const KILLS: usize = 4;

async fn serve(installation: &Installation, now: Micros) -> (Process, Client) {
    let launch = Launch {
        clock: Some(now),
        set: vec!["messaging.sweep_interval=24h".to_owned()],
        ..Launch::default()
    };
    let mut process = installation.start(&launch).unwrap();
    let url = process.ready().await.unwrap();
    (process, connect(&url, &installation.token).await.unwrap())
}

/// So many messages of each user, so many days old, numbered from one on.
async fn import(client: &Client, days: i64, first: i64, count: i64) {
    let time = to_proto(Micros(START.0 - days * Micros::PER_DAY));
    for user in 0..USERS {
        for chunk in (first..first + count).collect::<Vec<_>>().chunks(1_000) {
            let message = |number: &i64| ImportedMessage {
                account: SHOP.to_owned(),
                user: format!("users/u{user}"),
                sender: MessageSender::User.into(),
                client_message_id: number.to_string(),
                content: text("said"),
                create_time: Some(time),
            };
            let request = ImportMessagesRequest { messages: chunk.iter().map(message).collect() };
            let stored = ImportServiceClient::new(client.clone()).import_messages(request).await.unwrap();
            assert_eq!(stored.into_inner().stored_count, i64::try_from(chunk.len()).unwrap());
        }
    }
}

async fn all_messages(client: &Client) -> Vec<Message> {
    let request = ExportConversationsRequest { parent: SHOP.to_owned(), ..Default::default() };
    let exported = ArchiveServiceClient::new(client.clone()).export_conversations(request).await.unwrap();
    let mut exported = exported.into_inner();
    let mut messages = Vec::new();
    while let Some(answer) = exported.message().await.unwrap() {
        messages.extend(answer.messages);
    }
    messages
}

async fn retention(client: &Client) -> Retention {
    let request = GetRetentionRequest { parent: SHOP.to_owned() };
    let answer = ArchiveServiceClient::new(client.clone()).get_retention(request).await.unwrap();
    answer.into_inner().retention.unwrap()
}

async fn advance(client: Client) {
    let request = AdvanceTimeRequest { by: Some(prost_types::Duration { seconds: 1, nanos: 0 }) };
    // It may be killed before it answers.
    let _ = ClockServiceClient::new(client).advance_time(request).await;
}

async fn kills_leave_nothing_that_is_too_old(engine: Engine) {
    let Some(installation) = Installation::create(engine).await.unwrap() else { return };
    let (mut process, mut client) = serve(&installation, START).await;
    create_accounts(&client, &["shop".to_owned()]).await.unwrap();
    import(&client, 40, 1, OLD).await;
    import(&client, 10, OLD + 1, YOUNG).await;
    let request = SetRetentionRequest { parent: SHOP.to_owned(), days: 30, ..Default::default() };
    ArchiveServiceClient::new(client.clone()).set_retention(request).await.unwrap();

    let mut random = seeded(20_261_123);
    let mut unfinished_kills = 0;
    for kill in 1..=KILLS {
        let advancing = tokio::spawn(advance(client.clone()));
        tokio::time::sleep(Duration::from_millis(random.random_range(10..60))).await;
        unfinished_kills += usize::from(retention(&client).await.done_time.is_none());
        process.kill().await.unwrap();
        advancing.await.unwrap();
        let now = START.plus(Duration::from_secs(60 * kill as u64));
        (process, client) = serve(&installation, now).await;
        let messages = all_messages(&client).await;
        let young = messages.iter().filter(|message| message.sequence > OLD);
        assert!(young.clone().all(|message| message.content.is_some() && message.forget_time.is_none()));
        assert_eq!(young.count(), USERS * usize::try_from(YOUNG).unwrap());
    }
    assert!(unfinished_kills > 0, "killed while it was going on");

    let mut left = 100;
    while retention(&client).await.done_time.is_none() {
        advance(client.clone()).await;
        left -= 1;
        assert!(left > 0, "it comes to an end");
    }
    let messages = all_messages(&client).await;
    assert_eq!(messages.len(), USERS * usize::try_from(OLD + YOUNG).unwrap());
    for (place, message) in (0..).zip(&messages) {
        assert_eq!(message.sequence, place % (OLD + YOUNG) + 1);
        let is_old = message.sequence <= OLD;
        assert_eq!((message.content.is_none(), message.forget_time.is_some()), (is_old, is_old));
    }
    process.terminate().await.unwrap();
    installation.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_leave_nothing_that_is_too_old_on_sqlite() {
    kills_leave_nothing_that_is_too_old(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_leave_nothing_that_is_too_old_on_postgres() {
    kills_leave_nothing_that_is_too_old(Engine::Postgres).await;
}
