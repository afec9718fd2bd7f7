//! What is said in groups.

use std::{collections::BTreeSet, time::Duration};

use prost_types::FieldMask;
use siyu::connect::Client;
use siyu_proto::{
    crm::v1::InteractionKind,
    groups::v1::{
        Group, ListMessagesRequest, MarkReadRequest, MemberRole, Message, MessageContent, MessageContentKind,
        MuteMemberRequest, PinMessageRequest, PostHostMessageRequest, PostMessageRequest,
        RecallHostMessageRequest, RecallMessageRequest, RemoveMemberRequest, SetMemberRoleRequest,
        StreamMessagesRequest, StreamMessagesResponse, UpdateGroupRequest,
        chat_service_client::ChatServiceClient,
    },
};
use siyu_tests::TestSuite;
use tokio::task::JoinSet;
use tonic::{Code, Status, Streaming};

use crate::{
    groups::{FANS, chat, fans, from_member, get, host, join, members, open, operators, said, text},
    support::{fields, reason, timeline},
};

const MINUTE: Duration = Duration::from_secs(60);

async fn post(suite: &TestSuite, user: &str, id: &str) -> Result<Message, Status> {
    Ok(chat(suite).post_message(from_member(user, id)).await?.into_inner().message.unwrap())
}

fn of(user: &str) -> ListMessagesRequest {
    let (parent, user) = (FANS.to_owned(), format!("users/{user}"));
    ListMessagesRequest { parent, user, ..ListMessagesRequest::default() }
}

async fn list(suite: &TestSuite, request: ListMessagesRequest) -> (Vec<i64>, bool) {
    let page = chat(suite).list_messages(request).await.unwrap().into_inner();
    (page.messages.iter().map(|message| message.sequence).collect(), page.has_more)
}

async fn recall(suite: &TestSuite, user: &str, sequence: i64) -> Result<Message, Status> {
    let (parent, user) = (FANS.to_owned(), format!("users/{user}"));
    let request = RecallMessageRequest { parent, user, sequence };
    Ok(chat(suite).recall_message(request).await?.into_inner().message.unwrap())
}

async fn set_role(suite: &TestSuite, user: &str, role: MemberRole) {
    let name = format!("{FANS}/members/{user}");
    let request = SetMemberRoleRequest { name, role: role.into(), ..Default::default() };
    members(suite).set_member_role(request).await.unwrap();
}

async fn what_is_said_has_one_order_and_is_said_once(suite: TestSuite) {
    open(&suite, fans()).await;
    for user in ["ann", "bob"] {
        join(&suite, user).await;
    }
    let first = post(&suite, "ann", "hello").await.unwrap();
    assert_eq!(first.name, format!("{FANS}/messages/1"));
    assert_eq!((first.user.as_str(), first.author.as_str()), ("users/ann", ""));
    assert_eq!(post(&suite, "ann", "hello").await.unwrap(), first);
    // The same id of somebody else is another message.
    assert_eq!(post(&suite, "bob", "hello").await.unwrap().sequence, 2);
    let answer = host(&suite).post_host_message(said("hello")).await.unwrap().into_inner().message.unwrap();
    assert_eq!((answer.sequence, answer.user.as_str(), answer.author.is_empty()), (3, "", false));
    let other = PostMessageRequest { content: text("something else"), ..from_member("ann", "hello") };
    let status = chat(&suite).post_message(other).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "REQUEST_ID_REUSED"));
    for number in 4..=9 {
        post(&suite, "bob", &format!("m{number}")).await.unwrap();
    }
    assert_eq!(list(&suite, ListMessagesRequest { page_size: 3, ..of("ann") }).await, (vec![7, 8, 9], true));
    let before = ListMessagesRequest { before_sequence: 3, page_size: 3, ..of("ann") };
    assert_eq!(list(&suite, before).await, (vec![1, 2], false));
    let after = ListMessagesRequest { after_sequence: Some(6), page_size: 2, ..of("ann") };
    assert_eq!(list(&suite, after).await, (vec![7, 8], true));
    // Members are not told who speaks for the account.
    let page = chat(&suite).list_messages(of("ann")).await.unwrap().into_inner();
    assert_eq!(page.messages[2].author, "");
    assert_eq!(get(&suite, FANS).await.last_sequence, 9);

    suite.advance(MINUTE).await;
    let told = timeline(&suite, "shop", "ann").await;
    let kinds: Vec<_> = told.iter().map(siyu_proto::crm::v1::Interaction::kind).collect();
    assert_eq!(kinds, [InteractionKind::GroupMessage]);
    suite.finish().await;
}

async fn many_speak_at_once_without_a_gap(suite: TestSuite) {
    open(&suite, fans()).await;
    for user in 0..8 {
        join(&suite, &format!("u{user}")).await;
    }
    let mut posts = JoinSet::new();
    for number in 0..200 {
        let mut client: ChatServiceClient<Client> = chat(&suite);
        let request = from_member(&format!("u{}", number % 8), &format!("m{number}"));
        posts.spawn(async move { client.post_message(request).await });
    }
    let mut sequences = BTreeSet::new();
    while let Some(posted) = posts.join_next().await {
        sequences.insert(posted.unwrap().unwrap().into_inner().message.unwrap().sequence);
    }
    assert_eq!(sequences, (1..=200).collect());
    suite.finish().await;
}

async fn messages_are_taken_back_and_pinned_by_who_may(suite: TestSuite) {
    open(&suite, fans()).await;
    for user in ["ann", "bob", "cat"] {
        join(&suite, user).await;
    }
    set_role(&suite, "cat", MemberRole::Admin).await;
    for id in ["a", "b", "c", "d"] {
        post(&suite, "ann", id).await.unwrap();
    }
    let recalled = recall(&suite, "ann", 1).await.unwrap();
    assert!(recalled.content.is_none() && recalled.recall_time.is_some());
    assert_eq!(recall(&suite, "ann", 1).await.unwrap(), recalled);
    assert_eq!(reason(&recall(&suite, "bob", 2).await.unwrap_err()), "ROLE_TOO_LOW");
    assert_eq!(recall(&suite, "ann", 9).await.unwrap_err().code(), Code::NotFound);
    let pin = async |user: &str, sequence| {
        let (parent, user) = (FANS.to_owned(), format!("users/{user}"));
        chat(&suite).pin_message(PinMessageRequest { parent, user, sequence }).await
    };
    assert_eq!(reason(&pin("ann", 2).await.unwrap_err()), "ROLE_TOO_LOW");
    assert_eq!(fields(&pin("cat", 1).await.unwrap_err()), ["sequence"]);
    pin("cat", 2).await.unwrap();
    assert_eq!(get(&suite, FANS).await.pinned_sequence, 2);
    suite.advance(2 * MINUTE).await;
    assert_eq!(reason(&recall(&suite, "ann", 2).await.unwrap_err()), "WRONG_STATE");
    // What is taken back is pinned no more.
    recall(&suite, "cat", 2).await.unwrap();
    assert_eq!(get(&suite, FANS).await.pinned_sequence, 0);
    let request = RecallHostMessageRequest { parent: FANS.to_owned(), sequence: 3 };
    host(&suite).recall_host_message(request).await.unwrap();
    let page = chat(&suite).list_messages(of("bob")).await.unwrap().into_inner();
    let kept: Vec<_> = page.messages.iter().map(|message| message.content.is_some()).collect();
    assert_eq!(kept, [false, false, false, true]);
    suite.finish().await;
}

async fn who_may_not_speak_is_told_why(suite: TestSuite) {
    open(&suite, fans()).await;
    for user in ["ann", "bob"] {
        join(&suite, user).await;
    }
    let refused = async |user: &str, id: &str, word: &str| {
        let status = post(&suite, user, id).await.unwrap_err();
        assert_eq!(reason(&status), "CONDITION_NOT_MET");
        assert!(status.message().contains(word), "{status}");
    };
    refused("dan", "m", "is not in").await;
    assert_eq!(reason(&chat(&suite).list_messages(of("dan")).await.unwrap_err()), "CONDITION_NOT_MET");
    let mute = async |seconds: i64| {
        let duration = Some(prost_types::Duration { seconds, nanos: 0 });
        let name = format!("{FANS}/members/ann");
        members(&suite).mute_member(MuteMemberRequest { name, duration, ..Default::default() }).await
    };
    mute(60).await.unwrap();
    refused("ann", "m", "is muted").await;
    post(&suite, "bob", "m").await.unwrap();
    suite.advance(MINUTE).await;
    post(&suite, "ann", "m").await.unwrap();
    mute(600).await.unwrap();
    mute(0).await.unwrap();
    post(&suite, "ann", "n").await.unwrap();
    for seconds in [-1, 366 * 24 * 3600] {
        assert_eq!(fields(&mute(seconds).await.unwrap_err()), ["duration"]);
    }
    // All are muted but who keeps order.
    let update = UpdateGroupRequest {
        group: Some(Group { name: FANS.to_owned(), muted: true, ..fans() }),
        update_mask: Some(FieldMask { paths: vec!["muted".to_owned()] }),
        ..UpdateGroupRequest::default()
    };
    operators(&suite).update_group(update).await.unwrap();
    refused("ann", "o", "all but owner").await;
    set_role(&suite, "bob", MemberRole::Admin).await;
    post(&suite, "bob", "o").await.unwrap();
    host(&suite).post_host_message(said("o")).await.unwrap();
    suite.finish().await;
}

async fn whoever_is_meant_is_in_the_group(suite: TestSuite) {
    open(&suite, Group { welcome: "Hello!".to_owned(), ..fans() }).await;
    join(&suite, "ann").await;
    join(&suite, "bob").await;
    let page = chat(&suite).list_messages(of("ann")).await.unwrap().into_inner().messages;
    let greeted = |place: usize| page[place].content.clone().unwrap();
    assert_eq!((greeted(0).text.as_str(), greeted(1).mentions), ("Hello!", vec!["users/bob".to_owned()]));
    let meaning = |mentions: &[&str], mention_all| {
        let mentions = mentions.iter().map(|user| (*user).to_owned()).collect();
        Some(MessageContent { mentions, mention_all, ..text("you").unwrap() })
    };
    let refused = async |content| {
        let request = PostMessageRequest { content, ..from_member("ann", "m") };
        fields(&chat(&suite).post_message(request).await.unwrap_err())
    };
    assert_eq!(refused(meaning(&["users/dan"], false)).await, ["content.mentions"]);
    assert_eq!(refused(meaning(&["users/bob", "users/bob"], false)).await, ["content.mentions"]);
    assert_eq!(refused(meaning(&[], true)).await, ["content.mention_all"]);
    let request = PostMessageRequest { content: meaning(&["users/bob"], false), ..from_member("ann", "m") };
    chat(&suite).post_message(request).await.unwrap();
    let request = PostHostMessageRequest { content: meaning(&[], true), ..said("m") };
    host(&suite).post_host_message(request).await.unwrap();
    let read = |sequence| MarkReadRequest { parent: FANS.to_owned(), user: "users/ann".to_owned(), sequence };
    let marked = chat(&suite).mark_read(read(3)).await.unwrap().into_inner();
    assert_eq!((marked.read_sequence, marked.unread_count), (3, 1));
    let marked = chat(&suite).mark_read(read(1)).await.unwrap().into_inner();
    assert_eq!((marked.read_sequence, marked.unread_count), (3, 1));
    assert_eq!(fields(&chat(&suite).mark_read(read(5)).await.unwrap_err()), ["sequence"]);
    suite.finish().await;
}

async fn bad_content_is_named_and_not_stored(suite: TestSuite) {
    open(&suite, fans()).await;
    join(&suite, "ann").await;
    let refused = async |content: Option<MessageContent>| {
        let request = PostMessageRequest { content, ..from_member("ann", "m") };
        let status = chat(&suite).post_message(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        fields(&status)
    };
    assert_eq!(refused(None).await, ["content"]);
    assert_eq!(refused(text(" ")).await, ["content.text"]);
    assert_eq!(refused(text(&"长".repeat(2_001))).await, ["content.text"]);
    let of_kind = |kind: MessageContentKind| MessageContent { kind: kind.into(), ..Default::default() };
    assert_eq!(refused(Some(of_kind(MessageContentKind::Picture))).await, ["content.uri"]);
    let card =
        |name: &str| Some(MessageContent { card: name.to_owned(), ..of_kind(MessageContentKind::Card) });
    assert_eq!(refused(card("accounts/shop/cards/tea")).await, ["content.kind"]);
    for name in ["accounts/other/cards/tea", "accounts/shop/cards/none"] {
        let request = PostHostMessageRequest { content: card(name), ..said("m") };
        assert_eq!(fields(&host(&suite).post_host_message(request).await.unwrap_err()), ["content.card"]);
    }
    let nowhere = PostMessageRequest { parent: format!("{FANS}-9"), ..from_member("ann", "m") };
    assert_eq!(reason(&chat(&suite).post_message(nowhere).await.unwrap_err()), "RESOURCE_NOT_FOUND");
    assert_eq!(get(&suite, FANS).await.last_sequence, 0);
    suite.finish().await;
}

/// What a stream brings next: the sequences, and where the reader then stands.
async fn next(stream: &mut Streaming<StreamMessagesResponse>) -> Result<(Vec<i64>, i64), Status> {
    let wait = tokio::time::timeout(Duration::from_secs(20), stream.message());
    let answer = wait.await.expect("something happens")?.expect("the stream goes on");
    Ok((answer.messages.iter().map(|message| message.sequence).collect(), answer.cursor))
}

async fn a_reader_is_sent_what_happens_while_they_are_in(suite: TestSuite) {
    open(&suite, fans()).await;
    for user in ["ann", "bob"] {
        join(&suite, user).await;
    }
    post(&suite, "ann", "m1").await.unwrap();
    let listen = async |user: &str, after: Option<i64>| {
        let (parent, user) = (FANS.to_owned(), format!("users/{user}"));
        let request = StreamMessagesRequest { parent, user, after };
        Ok::<_, Status>(chat(&suite).stream_messages(request).await?.into_inner())
    };
    let mut ann = listen("ann", None).await.unwrap();
    assert_eq!(next(&mut ann).await.unwrap(), (vec![], 1));
    let mut bob = listen("bob", Some(0)).await.unwrap();
    assert_eq!(next(&mut bob).await.unwrap(), (vec![], 0));
    assert_eq!(next(&mut bob).await.unwrap(), (vec![1], 1));
    post(&suite, "bob", "m2").await.unwrap();
    for stream in [&mut ann, &mut bob] {
        assert_eq!(next(stream).await.unwrap(), (vec![2], 2));
    }
    recall(&suite, "bob", 2).await.unwrap();
    for stream in [&mut ann, &mut bob] {
        assert_eq!(next(stream).await.unwrap(), (vec![2], 3));
    }
    // Who is taken out is sent nothing that is said after it.
    let name = format!("{FANS}/members/bob");
    members(&suite).remove_member(RemoveMemberRequest { name, ..Default::default() }).await.unwrap();
    post(&suite, "ann", "m3").await.unwrap();
    assert_eq!(next(&mut ann).await.unwrap(), (vec![3], 4));
    assert_eq!(reason(&next(&mut bob).await.unwrap_err()), "CONDITION_NOT_MET");
    assert_eq!(reason(&listen("bob", None).await.unwrap_err()), "CONDITION_NOT_MET");
    assert_eq!(listen("ann", Some(9)).await.unwrap_err().code(), Code::OutOfRange);
    // A reader who comes back is sent all they have missed, more than memory holds.
    drop(ann);
    for number in 4..=200 {
        post(&suite, "ann", &format!("m{number}")).await.unwrap();
    }
    let mut ann = listen("ann", Some(4)).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 197 {
        seen.extend(next(&mut ann).await.unwrap().0);
    }
    assert_eq!(seen, (4..=200).collect::<Vec<i64>>());
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    what_is_said_has_one_order_and_is_said_once,
    many_speak_at_once_without_a_gap,
    messages_are_taken_back_and_pinned_by_who_may,
    who_may_not_speak_is_told_why,
    whoever_is_meant_is_in_the_group,
    bad_content_is_named_and_not_stored,
    a_reader_is_sent_what_happens_while_they_are_in,
);
