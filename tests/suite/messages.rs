//! Private messages: conversations of both sides, what may be sent, and inboxes as they happen.

use std::time::Duration;

use siyu_proto::{
    common::v1::Role,
    crm::v1::InteractionKind,
    messaging::v1::{
        Conversation, CreateMessagePolicyRequest, GetConversationRequest, ListConversationsRequest,
        ListDeskConversationsRequest, ListDeskMessagesRequest, ListMessagesRequest, MarkDeskReadRequest,
        MarkReadRequest, Message, MessageAllowance, MessageContent, MessageContentKind, MessagePolicy,
        MessageSender, RecallDeskMessageRequest, RecallMessageRequest, SendDeskMessageRequest,
        SendMessageRequest, StreamDeskRequest, StreamInboxRequest, StreamInboxResponse,
        desk_service_client::DeskServiceClient, inbox_service_client::InboxServiceClient,
    },
    subscriptions::v1::SetMutualRequest,
};
use siyu_tests::TestSuite;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;

use crate::{
    certification::{apply, approve},
    follows::{SHOP, follow, follows},
    support::{fan, fields, reason, seconds_ago, timeline},
};

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn inbox(suite: &TestSuite) -> InboxServiceClient<siyu::connect::Client> {
    InboxServiceClient::new(suite.client())
}

pub(crate) fn desk(suite: &TestSuite) -> DeskServiceClient<siyu::connect::Client> {
    DeskServiceClient::new(suite.client())
}

pub(crate) fn text(text: &str) -> Option<MessageContent> {
    let kind = MessageContentKind::Text.into();
    Some(MessageContent { kind, text: text.to_owned(), ..MessageContent::default() })
}

/// A message of a user to the shop.
pub(crate) fn from_user(user: &str, id: &str) -> SendMessageRequest {
    SendMessageRequest {
        parent: SHOP.to_owned(),
        user: format!("users/{user}"),
        client_message_id: id.to_owned(),
        content: text(id),
        causation_depth: 0,
    }
}

/// A message of the shop to a user.
pub(crate) fn to_user(user: &str, id: &str) -> SendDeskMessageRequest {
    SendDeskMessageRequest {
        parent: SHOP.to_owned(),
        user: format!("users/{user}"),
        client_message_id: id.to_owned(),
        content: text(id),
    }
}

async fn write(suite: &TestSuite, user: &str, id: &str) -> Message {
    inbox(suite).send_message(from_user(user, id)).await.unwrap().into_inner().message.unwrap()
}

async fn reply(suite: &TestSuite, user: &str, id: &str) -> Result<Message, Status> {
    Ok(desk(suite).send_desk_message(to_user(user, id)).await?.into_inner().message.unwrap())
}

/// Sequences of the messages.
fn sequences(messages: &[Message]) -> Vec<i64> {
    messages.iter().map(|message| message.sequence).collect()
}

async fn allowance(suite: &TestSuite, user: &str) -> MessageAllowance {
    let request = GetConversationRequest { parent: SHOP.to_owned(), user: format!("users/{user}") };
    desk(suite).get_conversation(request).await.unwrap().into_inner().allowance.unwrap()
}

async fn conversation(suite: &TestSuite, user: &str) -> Conversation {
    let request = GetConversationRequest { parent: SHOP.to_owned(), user: format!("users/{user}") };
    desk(suite).get_conversation(request).await.unwrap().into_inner().conversation.unwrap()
}

async fn both_sides_write_in_one_order(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let first = write(&suite, "ann", "hello").await;
    assert_eq!(first.name, "accounts/shop/conversations/ann/messages/1");
    assert_eq!((first.sender(), first.author.as_str()), (MessageSender::User, ""));
    let agent = suite.operator(SHOP, Role::Agent).await;
    let answer = DeskServiceClient::new(agent).send_desk_message(to_user("ann", "welcome")).await.unwrap();
    let answer = answer.into_inner().message.unwrap();
    assert_eq!((answer.sequence, answer.author.as_str()), (2, "operator:operator"));
    // The same once more is the same message; the same id on the other side is another.
    assert_eq!(write(&suite, "ann", "hello").await, first);
    assert_eq!(reply(&suite, "ann", "hello").await.unwrap().sequence, 3);
    let other = SendMessageRequest { content: text("something else"), ..from_user("ann", "hello") };
    let status = inbox(&suite).send_message(other).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "REQUEST_ID_REUSED"));
    for number in 4..=9 {
        write(&suite, "ann", &format!("m{number}")).await;
    }

    let request =
        ListMessagesRequest { parent: SHOP.to_owned(), user: "users/ann".to_owned(), ..Default::default() };
    let page = async |before_sequence, after_sequence, page_size| {
        let request = ListMessagesRequest { before_sequence, after_sequence, page_size, ..request.clone() };
        let page = inbox(&suite).list_messages(request).await.unwrap().into_inner();
        (sequences(&page.messages), page.has_more)
    };
    assert_eq!(page(0, None, 0).await, ((1..=9).collect(), false));
    assert_eq!(page(0, None, 4).await, (vec![6, 7, 8, 9], true));
    assert_eq!(page(6, None, 3).await, (vec![3, 4, 5], true));
    assert_eq!(page(3, None, 3).await, (vec![1, 2], false));
    assert_eq!(page(0, Some(0), 2).await, (vec![1, 2], true));
    assert_eq!(page(0, Some(7), 9).await, (vec![8, 9], false));
    assert_eq!(page(0, Some(9), 9).await, (vec![], false));
    // A user is not told who wrote for the account.
    let all = inbox(&suite).list_messages(request).await.unwrap().into_inner().messages;
    assert!(all.iter().all(|message| message.author.is_empty()));
    let request = ListDeskMessagesRequest {
        parent: SHOP.to_owned(),
        user: "users/ann".to_owned(),
        ..Default::default()
    };
    let all = desk(&suite).list_desk_messages(request).await.unwrap().into_inner().messages;
    assert_eq!(all[1], answer);

    suite.advance(MINUTE).await;
    let told = timeline(&suite, "shop", "ann").await;
    assert_eq!(told.len(), 7);
    assert!(told.iter().all(|interaction| interaction.kind() == InteractionKind::PrivateMessage));
    assert_eq!(fan(&suite, "shop", "ann").await.interaction_count, 7);
    suite.finish().await;
}

async fn what_is_read_is_marked_and_what_is_taken_back_is_gone(suite: TestSuite) {
    suite.account("mine", "shop").await;
    for number in 1..=4 {
        write(&suite, "ann", &format!("m{number}")).await;
    }
    reply(&suite, "ann", "r5").await.unwrap();
    assert_eq!(conversation(&suite, "ann").await.unread_count, 4);
    let marked = async |sequence| {
        let request = MarkDeskReadRequest { parent: SHOP.to_owned(), user: "users/ann".to_owned(), sequence };
        Ok::<_, Status>(desk(&suite).mark_desk_read(request).await?.into_inner().conversation.unwrap())
    };
    let read = marked(2).await.unwrap();
    assert_eq!((read.unread_count, read.account_read_sequence, read.user_read_sequence), (2, 2, 0));
    assert_eq!(marked(1).await.unwrap(), read);
    assert_eq!(fields(&marked(6).await.unwrap_err()), ["sequence"]);

    let taken = async |sequence| {
        let request =
            RecallMessageRequest { parent: SHOP.to_owned(), user: "users/ann".to_owned(), sequence };
        Ok::<_, Status>(inbox(&suite).recall_message(request).await?.into_inner().message.unwrap())
    };
    let recalled = taken(4).await.unwrap();
    assert!(recalled.recall_time.is_some() && recalled.content.is_none());
    assert_eq!(taken(4).await.unwrap(), recalled);
    assert_eq!(conversation(&suite, "ann").await.unread_count, 1);
    // Sent again it is still known, and stays taken back.
    assert_eq!(write(&suite, "ann", "m4").await, recalled);
    // Somebody else's is none of theirs, and an old one stays.
    assert_eq!(taken(5).await.unwrap_err().code(), Code::NotFound);
    suite.advance(2 * MINUTE).await;
    assert_eq!(reason(&taken(3).await.unwrap_err()), "WRONG_STATE");
    let request =
        RecallDeskMessageRequest { parent: SHOP.to_owned(), user: "users/ann".to_owned(), sequence: 5 };
    assert_eq!(reason(&desk(&suite).recall_desk_message(request).await.unwrap_err()), "WRONG_STATE");

    let request = MarkReadRequest { parent: SHOP.to_owned(), user: "users/ann".to_owned(), sequence: 5 };
    let read = inbox(&suite).mark_read(request).await.unwrap().into_inner().conversation.unwrap();
    assert_eq!((read.unread_count, read.user_read_sequence), (0, 5));
    suite.finish().await;
}

async fn conversations_are_listed_by_their_last_message(suite: TestSuite) {
    suite.account("mine", "shop").await;
    suite.account("mine", "other").await;
    for user in ["ann", "bea", "cat"] {
        write(&suite, user, "hello").await;
        suite.advance(MINUTE).await;
    }
    reply(&suite, "ann", "yes").await.unwrap();
    let elsewhere = SendMessageRequest { parent: "accounts/other".to_owned(), ..from_user("ann", "there") };
    suite.advance(MINUTE).await;
    inbox(&suite).send_message(elsewhere).await.unwrap();

    let mut users = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListDeskConversationsRequest { parent: SHOP.to_owned(), page_size: 2, page_token };
        let page = desk(&suite).list_desk_conversations(request).await.unwrap().into_inner();
        users.extend(
            page.conversations.into_iter().map(|found| (found.user, found.last_message.unwrap().sequence)),
        );
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let expected = [("users/ann", 2), ("users/cat", 1), ("users/bea", 1)];
    assert_eq!(users, expected.map(|(user, sequence)| (user.to_owned(), sequence)));
    let request = ListConversationsRequest { user: "users/ann".to_owned(), ..Default::default() };
    let own = inbox(&suite).list_conversations(request).await.unwrap().into_inner().conversations;
    let accounts: Vec<_> = own.iter().map(|found| (found.account.as_str(), found.unread_count)).collect();
    assert_eq!(accounts, [("accounts/other", 0), (SHOP, 1)]);
    suite.finish().await;
}

async fn who_does_not_answer_is_written_to_so_often(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let send = async |from: i64, to: i64| {
        for number in from..=to {
            reply(&suite, "ann", &format!("r{number}")).await.unwrap();
        }
    };
    send(1, 3).await;
    let status = reply(&suite, "ann", "r4").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "QUOTA_EXCEEDED"));
    let details = status.get_error_details();
    let quota = &details.quota_failure().unwrap().violations[0];
    assert_eq!(quota.subject, "accounts/shop/conversations/ann");
    assert!(quota.description.starts_with("3 messages since the last of the user"), "{quota:?}");
    assert_eq!(details.error_info().unwrap().metadata["used"], "3");
    // What was stored before is answered, whatever is left.
    assert_eq!(reply(&suite, "ann", "r3").await.unwrap().sequence, 3);
    // An answer resets it.
    write(&suite, "ann", "hello").await;
    send(4, 6).await;
    assert_eq!(allowance(&suite, "ann").await, MessageAllowance { limit: 3, used: 3, ..Default::default() });

    // Who follows each other has no limit.
    follow(&suite, SHOP, "ann").await.unwrap();
    assert!(reply(&suite, "ann", "r7").await.is_err());
    let mutual = SetMutualRequest { parent: SHOP.to_owned(), user: "users/ann".to_owned(), mutual: true };
    follows(&suite).set_mutual(mutual).await.unwrap();
    send(7, 12).await;
    assert!(allowance(&suite, "ann").await.mutual);

    // A certified account has twice as many, and a policy changes that from its time on.
    let applied = apply(&suite, "shop").await.unwrap();
    approve(&suite, &applied.name).await;
    suite.advance(2 * MINUTE).await;
    assert_eq!(allowance(&suite, "bea").await.limit, 6);
    let policy = |effective_time, certified_limit| CreateMessagePolicyRequest {
        message_policy: Some(MessagePolicy { effective_time, certified_limit, ..MessagePolicy::default() }),
        ..CreateMessagePolicyRequest::default()
    };
    let later = seconds_ago(&suite, -3_600);
    desk(&suite).create_message_policy(policy(Some(later), 1)).await.unwrap();
    let past = desk(&suite).create_message_policy(policy(Some(seconds_ago(&suite, 1)), 1)).await.unwrap_err();
    assert_eq!(fields(&past), ["message_policy.effective_time"]);
    assert_eq!(allowance(&suite, "bea").await.limit, 6);
    suite.advance(60 * MINUTE).await;
    let expected = MessageAllowance { limit: 1, policy_version: 1, ..Default::default() };
    assert_eq!(allowance(&suite, "bea").await, expected);
    suite.finish().await;
}

async fn the_last_message_goes_to_one_of_those_who_race_for_it(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let mut won = 0;
    let calls = (0..16).map(|number| {
        let mut desk = desk(&suite);
        tokio::spawn(async move { desk.send_desk_message(to_user("ann", &format!("r{number}"))).await })
    });
    for call in calls.collect::<Vec<_>>() {
        match call.await.unwrap() {
            Ok(_) => won += 1,
            Err(status) => assert_eq!(reason(&status), "QUOTA_EXCEEDED"),
        }
    }
    assert_eq!(won, 3);
    assert_eq!(conversation(&suite, "ann").await.last_sequence, 3);
    suite.finish().await;
}

/// The next messages of a stream: their sequences, and where the reader then stands.
async fn next(stream: &mut Streaming<StreamInboxResponse>) -> (Vec<i64>, i64) {
    let wait = tokio::time::timeout(Duration::from_secs(20), stream.message());
    let happened = wait.await.expect("something happens").unwrap().unwrap();
    (sequences(&happened.messages), happened.cursor)
}

async fn who_listens_misses_nothing(suite: TestSuite) {
    suite.account("mine", "shop").await;
    suite.account("mine", "other").await;
    reply(&suite, "ann", "before").await.unwrap();
    let listen = async |after| {
        let request = StreamInboxRequest { user: "users/ann".to_owned(), after };
        Ok::<_, Status>(inbox(&suite).stream_inbox(request).await?.into_inner())
    };
    let mut stream = listen(None).await.unwrap();
    assert_eq!(next(&mut stream).await, (vec![], 1));
    reply(&suite, "ann", "two").await.unwrap();
    assert_eq!(next(&mut stream).await, (vec![2], 2));
    // All conversations of a user are one inbox, and what they write themselves is in it.
    let elsewhere = SendMessageRequest { parent: "accounts/other".to_owned(), ..from_user("ann", "there") };
    inbox(&suite).send_message(elsewhere).await.unwrap();
    assert_eq!(next(&mut stream).await, (vec![1], 3));
    let request =
        RecallDeskMessageRequest { parent: SHOP.to_owned(), user: "users/ann".to_owned(), sequence: 2 };
    desk(&suite).recall_desk_message(request).await.unwrap();
    assert_eq!(next(&mut stream).await, (vec![2], 4));
    drop(stream);

    // Who was away is sent what happened since; what was changed since then comes as it is now.
    for number in 0..150 {
        write(&suite, "ann", &format!("w{number:03}")).await;
    }
    let mut stream = listen(Some(1)).await.unwrap();
    let mut found = Vec::new();
    let mut cursor = next(&mut stream).await.1;
    assert_eq!(cursor, 1);
    while cursor < 154 {
        let (sequences, reached) = next(&mut stream).await;
        found.extend(sequences);
        cursor = reached;
    }
    let expected: Vec<i64> = [1, 2].into_iter().chain(3..=152).collect();
    assert_eq!(found, expected);
    reply(&suite, "ann", "last").await.unwrap();
    assert_eq!(next(&mut stream).await, (vec![153], 155));
    let status = listen(Some(156)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::OutOfRange, "CURSOR_EXPIRED"));

    // The desk hears of every user.
    let request = StreamDeskRequest { parent: SHOP.to_owned(), after: None };
    let mut desk_stream = desk(&suite).stream_desk(request).await.unwrap().into_inner();
    assert!(desk_stream.message().await.unwrap().unwrap().messages.is_empty());
    write(&suite, "bea", "hello").await;
    let happened = desk_stream.message().await.unwrap().unwrap();
    assert_eq!(happened.messages[0].name, "accounts/shop/conversations/bea/messages/1");
    suite.finish().await;
}

async fn a_reader_that_does_not_read_misses_nothing_either(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let request = StreamDeskRequest { parent: SHOP.to_owned(), after: None };
    let mut stream = desk(&suite).stream_desk(request).await.unwrap().into_inner();
    let calls = (0..600).map(|number| {
        let mut inbox = inbox(&suite);
        tokio::spawn(async move {
            inbox.send_message(from_user(&format!("u{}", number % 7), &format!("m{number}"))).await
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
    let mut names = std::collections::BTreeSet::new();
    while names.len() < 600 {
        let wait = tokio::time::timeout(Duration::from_secs(20), stream.message());
        let happened = wait.await.expect("something happens").unwrap().unwrap();
        for message in happened.messages {
            assert!(names.insert(message.name), "twice");
        }
    }
    suite.finish().await;
}

async fn what_makes_no_sense_is_refused_and_nothing_is_stored(suite: TestSuite) {
    suite.account("mine", "shop").await;
    suite.account("mine", "other").await;
    let card = "accounts/other/cards/tea".to_owned();
    let content =
        |kind: MessageContentKind| MessageContent { kind: kind.into(), ..MessageContent::default() };
    let missing = "accounts/shop/cards/missing".to_owned();
    let bad = [
        ("content", SendDeskMessageRequest { content: None, ..to_user("ann", "m") }),
        (
            "content.kind",
            SendDeskMessageRequest { content: Some(MessageContent::default()), ..to_user("ann", "m") },
        ),
        ("content.text", SendDeskMessageRequest { content: text("  "), ..to_user("ann", "m") }),
        (
            "content.text",
            SendDeskMessageRequest { content: text(&"界".repeat(2_001)), ..to_user("ann", "m") },
        ),
        (
            "content.uri",
            SendDeskMessageRequest {
                content: Some(content(MessageContentKind::Picture)),
                ..to_user("ann", "m")
            },
        ),
        (
            "content.card",
            SendDeskMessageRequest {
                content: Some(MessageContent { card, ..content(MessageContentKind::Card) }),
                ..to_user("ann", "m")
            },
        ),
        (
            "content.card",
            SendDeskMessageRequest {
                content: Some(MessageContent { card: missing, ..content(MessageContentKind::Card) }),
                ..to_user("ann", "m")
            },
        ),
        ("client_message_id", to_user("ann", "")),
        ("client_message_id", to_user("ann", "has spaces")),
        ("user", SendDeskMessageRequest { user: "ann".to_owned(), ..to_user("ann", "m") }),
    ];
    for (field, request) in bad {
        let status = desk(&suite).send_desk_message(request).await.unwrap_err();
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec![field.to_owned()]));
    }
    let nowhere = SendMessageRequest { parent: "accounts/nowhere".to_owned(), ..from_user("ann", "m") };
    assert_eq!(inbox(&suite).send_message(nowhere).await.unwrap_err().code(), Code::NotFound);
    let request =
        ListMessagesRequest { parent: SHOP.to_owned(), user: "users/ann".to_owned(), ..Default::default() };
    assert_eq!(inbox(&suite).list_messages(request.clone()).await.unwrap_err().code(), Code::NotFound);
    let both = ListMessagesRequest { before_sequence: 3, after_sequence: Some(1), ..request };
    assert_eq!(fields(&inbox(&suite).list_messages(both).await.unwrap_err()), ["after_sequence"]);
    let stranger = suite.operator("accounts/other", Role::Owner).await;
    let status = DeskServiceClient::new(stranger).send_desk_message(to_user("ann", "m")).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let request = GetConversationRequest { parent: SHOP.to_owned(), user: "users/ann".to_owned() };
    assert_eq!(desk(&suite).get_conversation(request).await.unwrap().into_inner().conversation, None);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    both_sides_write_in_one_order,
    what_is_read_is_marked_and_what_is_taken_back_is_gone,
    conversations_are_listed_by_their_last_message,
    who_does_not_answer_is_written_to_so_often,
    the_last_message_goes_to_one_of_those_who_race_for_it,
    who_listens_misses_nothing,
    a_reader_that_does_not_read_misses_nothing_either,
    what_makes_no_sense_is_refused_and_nothing_is_stored,
);
