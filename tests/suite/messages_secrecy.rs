//! What is said in private messages is in the messages, and else nowhere: a process at its most talkative, and every place where it
//! leaves something.

use std::fmt::Debug;

use siyu::connect::Client;
use siyu_clock::Clock;
use siyu_proto::messaging::v1::{
    ImportMessagesRequest, ImportedMessage, ListDeskMessagesRequest, ListMessagesRequest, MessageSender,
    RecallMessageRequest, SendDeskMessageRequest, SendMessageRequest, StreamInboxRequest,
    desk_service_client::DeskServiceClient, import_service_client::ImportServiceClient,
    inbox_service_client::InboxServiceClient,
};
use siyu_rpc::time::to_proto;
use siyu_tests::Engine;
use tonic::Code;

use crate::{
    follows::SHOP,
    messages::{from_user, text, to_user},
    secrecy::{Talkative, found},
};

const OF_USER: &str = "司徒保密";
const OF_DESK: &str = "whisper-6137-at-dusk";
const OF_OLD: &str = "murmur-2291-long-ago";
const RECALLED: &str = "slip-of-the-tongue-5581";
/// In a call that is refused.
const REFUSED: &str = "shout-9904-too-loud";
const SECRETS: [&str; 5] = [OF_USER, OF_DESK, OF_OLD, RECALLED, REFUSED];
/// No secret: where this is not found, nothing would be.
const KNOWN: &str = "planted-user";

fn says(id: &str, said: &str) -> SendMessageRequest {
    SendMessageRequest { content: text(said), ..from_user(KNOWN, id) }
}

/// Messages are imported, sent, recalled and refused, and read in every way there is; answers what could be read.
async fn messages_come_and_are_read(client: &Client) -> String {
    let (mut inbox, mut desk) =
        (InboxServiceClient::new(client.clone()), DeskServiceClient::new(client.clone()));
    let old = ImportedMessage {
        account: SHOP.to_owned(),
        user: format!("users/{KNOWN}"),
        sender: MessageSender::User.into(),
        client_message_id: "old".to_owned(),
        content: text(OF_OLD),
        create_time: Some(to_proto(Clock::System.now())),
    };
    shows_nothing(&old);
    let request = ImportMessagesRequest { messages: vec![old] };
    ImportServiceClient::new(client.clone()).import_messages(request).await.unwrap();

    shows_nothing(&says("m1", OF_USER));
    let sent = inbox.send_message(says("m1", OF_USER)).await.unwrap().into_inner().message.unwrap();
    shows_nothing(&sent);
    let recalled = inbox.send_message(says("m2", RECALLED)).await.unwrap().into_inner().message.unwrap();
    let (parent, user) = (SHOP.to_owned(), format!("users/{KNOWN}"));
    let sequence = recalled.sequence;
    let request = RecallMessageRequest { parent: parent.clone(), user: user.clone(), sequence };
    inbox.recall_message(request).await.unwrap();
    let answer = SendDeskMessageRequest { content: text(OF_DESK), ..to_user(KNOWN, "d1") };
    shows_nothing(&answer);
    desk.send_desk_message(answer).await.unwrap();
    let status = inbox.send_message(says("m3", &REFUSED.repeat(200))).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(!format!("{status:?}").contains(REFUSED), "{status}");

    let request = StreamInboxRequest { user: user.clone(), after: Some(0) };
    let mut stream = inbox.stream_inbox(request).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    let request =
        ListDeskMessagesRequest { parent: parent.clone(), user: user.clone(), ..Default::default() };
    desk.list_desk_messages(request).await.unwrap();
    let request = ListMessagesRequest { parent, user, ..Default::default() };
    let listed = inbox.list_messages(request).await.unwrap().into_inner();
    shows_nothing(&listed);
    listed.messages.into_iter().filter_map(|message| Some(message.content?.text)).collect()
}

fn shows_nothing(message: &impl Debug) {
    let shown = format!("{message:?}");
    assert!(!SECRETS.iter().any(|secret| shown.contains(secret)), "{shown}");
}

async fn what_is_said_is_in_the_messages_alone(engine: Engine) {
    let Some(process) = Talkative::start(engine).await else { return };
    let read = messages_come_and_are_read(&process.client).await;
    for secret in [OF_USER, OF_DESK, OF_OLD] {
        assert!(read.contains(secret), "those who may read it get {secret}");
    }
    let mut places = vec![process.feed("messaging", KNOWN).await];
    for service in ["accounts", "crm", "subscriptions"] {
        places.extend(process.tables(service).await);
    }
    let (messages, others): (Vec<_>, Vec<_>) =
        process.tables("messaging").await.into_iter().partition(|place| place.name == "table message");
    assert!(messages[0].has(OF_USER) && !messages[0].has(RECALLED), "messages are where they are");
    assert!(others.iter().any(|place| place.name == "table conversation" && place.has(KNOWN)));
    places.extend(others);
    let (installation, log, spans) = process.end().await;
    for place in [&log, &spans] {
        assert!(place.has("InboxService/SendMessage"), "{} has no calls", place.name);
    }
    let found = found(&SECRETS, places.into_iter().chain([log, spans]));
    assert!(found.is_empty(), "{found:#?}");
    installation.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_is_in_the_messages_alone_on_sqlite() {
    what_is_said_is_in_the_messages_alone(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_is_in_the_messages_alone_on_postgres() {
    what_is_said_is_in_the_messages_alone(Engine::Postgres).await;
}
