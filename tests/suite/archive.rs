//! What becomes of conversations once they were held: they are searched, exported, and forgotten in time.

use std::time::Duration;

use siyu::connect::Client;
use siyu_proto::{
    common::v1::Role,
    messaging::v1::{
        AgentState, CloseConversationRequest, CreateNoteRequest, EraseConversationRequest,
        ExportConversationsRequest, ExportConversationsResponse, GetConversationRequest, GetRetentionRequest,
        ListNotesRequest, ListReviewItemsRequest, Message, MessageSender, Note, RateConversationRequest,
        RecallMessageRequest, ReportMessageRequest, Retention, SearchMessagesRequest, SearchMessagesResponse,
        SendDeskMessageRequest, SendMessageRequest, SetLabelsRequest, SetRetentionRequest, SupportCase,
        archive_service_client::ArchiveServiceClient,
    },
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    desk::{set_state, support},
    follows::SHOP,
    message_imports::{all_messages, import, old},
    messages::{desk, from_user, inbox, text, to_user},
    moderation::moderation,
    mutations::entries,
    support::{fields, reason, seconds_ago},
};

use MessageSender::{Account, User};

const DAY: i64 = 86_400;

pub(crate) fn archive(suite: &TestSuite) -> ArchiveServiceClient<Client> {
    ArchiveServiceClient::new(suite.client())
}

/// The user says something to the shop, under the id `id`.
async fn say(suite: &TestSuite, user: &str, id: &str, said: &str) -> Message {
    let request = SendMessageRequest { content: text(said), ..from_user(user, id) };
    inbox(suite).send_message(request).await.unwrap().into_inner().message.unwrap()
}

/// Time goes on by so many days.
async fn days(suite: &TestSuite, count: u64) {
    suite.advance(Duration::from_secs(count * 86_400)).await;
}

fn search(query: &str) -> SearchMessagesRequest {
    SearchMessagesRequest { parent: SHOP.to_owned(), query: query.to_owned(), ..Default::default() }
}

async fn found(suite: &TestSuite, request: SearchMessagesRequest) -> SearchMessagesResponse {
    archive(suite).search_messages(request).await.unwrap().into_inner()
}

/// User and sequence of messages: `ann/1`.
fn names(messages: &[Message]) -> Vec<String> {
    let short = |message: &Message| {
        let parts: Vec<&str> = message.name.split('/').collect();
        format!("{}/{}", parts[3], parts[5])
    };
    messages.iter().map(short).collect()
}

async fn messages_are_found_by_what_they_say(suite: TestSuite) {
    suite.account("mine", "shop").await;
    suite.account("mine", "other").await;
    say(&suite, "ann", "1", "請問價格？").await;
    suite.advance(Duration::from_secs(10)).await;
    say(&suite, "bea", "1", "I want a ＲＥＦＵＮＤ").await;
    say(&suite, "bea", "2", "价格不对, refund please").await;
    suite.advance(Duration::from_secs(10)).await;
    let answer = SendDeskMessageRequest { content: text("价格 99"), ..to_user("ann", "r1") };
    desk(&suite).send_desk_message(answer).await.unwrap();
    let elsewhere = SendMessageRequest {
        parent: "accounts/other".to_owned(),
        content: text("价格"),
        ..from_user("ann", "1")
    };
    inbox(&suite).send_message(elsewhere).await.unwrap();

    let of = async |request| names(&found(&suite, request).await.messages);
    // The conversation with the newest message first, and the newest of each first.
    assert_eq!(of(search("价格")).await, ["ann/2", "ann/1", "bea/2"]);
    assert_eq!(of(search("refund")).await, ["bea/2", "bea/1"]);
    assert!(of(search("refunds")).await.is_empty());
    let of_user = SearchMessagesRequest { user: "users/bea".to_owned(), ..search("價格") };
    assert_eq!(of(of_user).await, ["bea/2"]);
    let of_users = SearchMessagesRequest { sender: User.into(), ..search("价格") };
    assert_eq!(of(of_users).await, ["ann/1", "bea/2"]);
    let before = SearchMessagesRequest { end_time: Some(seconds_ago(&suite, 15)), ..search("价格") };
    assert_eq!(of(before).await, ["ann/1"]);
    let since = SearchMessagesRequest { start_time: Some(seconds_ago(&suite, 5)), ..search("价格") };
    let since = found(&suite, since).await;
    // The conversation of bea is too old to be looked at.
    assert_eq!((names(&since.messages), since.looked_at_count), (vec!["ann/2".to_owned()], 2));

    // One a page: nothing is left out or comes twice.
    let mut request = SearchMessagesRequest { page_size: 1, ..search("价格") };
    let mut all = Vec::new();
    loop {
        let page = found(&suite, request.clone()).await;
        assert!(page.messages.len() <= 1);
        all.extend(names(&page.messages));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(all, ["ann/2", "ann/1", "bea/2"]);

    // What was taken back is gone.
    let request = RecallMessageRequest { parent: SHOP.to_owned(), user: "users/bea".to_owned(), sequence: 2 };
    inbox(&suite).recall_message(request).await.unwrap();
    assert_eq!(of(search("refund")).await, ["bea/1"]);
    suite.finish().await;
}

async fn a_search_looks_at_so_many_and_says_so(suite: TestSuite) {
    suite.account("mine", "shop").await;
    for chunk in 0..11 {
        let message = |number: i64| {
            let id =
                if chunk == 0 && number == 0 { "needle".to_owned() } else { format!("{chunk}-{number}") };
            old(&suite, "ann", User, &id, 90_000 - chunk * 1_000 - number)
        };
        import(&suite, (0..1_000).map(message).collect()).await.unwrap();
    }
    let first = found(&suite, search("needle")).await;
    assert_eq!((first.messages.len(), first.looked_at_count <= 10_000), (0, true));
    assert!(first.looked_at_count > 9_000);
    let request = SearchMessagesRequest { page_token: first.next_page_token, ..search("needle") };
    let second = found(&suite, request).await;
    assert_eq!(names(&second.messages), ["ann/1"]);
    assert_eq!(first.looked_at_count + second.looked_at_count, 11_000);
    assert_eq!(second.next_page_token, "");
    suite.finish().await;
}

async fn exported(
    suite: &TestSuite,
    request: ExportConversationsRequest,
) -> Result<Vec<ExportConversationsResponse>, Status> {
    let mut stream = archive(suite).export_conversations(request).await?.into_inner();
    let mut answers = Vec::new();
    while let Some(answer) = stream.message().await? {
        answers.push(answer);
    }
    Ok(answers)
}

fn all_of(answers: Vec<ExportConversationsResponse>) -> Vec<Message> {
    answers.into_iter().flat_map(|answer| answer.messages).collect()
}

async fn everything_is_exported_once_in_order(suite: TestSuite) {
    suite.account("mine", "shop").await;
    suite.account("mine", "other").await;
    let history = (0..450).map(|number| old(&suite, "bea", User, &format!("m{number}"), 1_000 - number));
    import(&suite, history.collect()).await.unwrap();
    say(&suite, "ann", "1", "hello").await;
    desk(&suite).send_desk_message(to_user("ann", "welcome")).await.unwrap();
    say(&suite, "ann", "3", "sorry").await;
    let request = RecallMessageRequest { parent: SHOP.to_owned(), user: "users/ann".to_owned(), sequence: 3 };
    inbox(&suite).recall_message(request).await.unwrap();

    let all = ExportConversationsRequest { parent: SHOP.to_owned(), ..Default::default() };
    let answers = exported(&suite, all.clone()).await.unwrap();
    let messages = all_of(answers.clone());
    let mut expected: Vec<String> = (1..=3).map(|number| format!("ann/{number}")).collect();
    expected.extend((1..=450).map(|number| format!("bea/{number}")));
    assert_eq!(names(&messages), expected);
    assert_eq!(messages[1].author, "service:test");
    assert!(messages[2].content.is_none() && messages[2].recall_time.is_some());

    // It goes on after any answer, with that for which it was given alone.
    let rest = ExportConversationsRequest { page_token: answers[0].next_page_token.clone(), ..all.clone() };
    let rest = all_of(exported(&suite, rest).await.unwrap());
    assert_eq!(names(&rest), expected[answers[0].messages.len()..]);
    let other = ExportConversationsRequest {
        user: "users/bea".to_owned(),
        page_token: answers[0].next_page_token.clone(),
        ..all.clone()
    };
    assert_eq!(reason(&exported(&suite, other).await.unwrap_err()), "INVALID_PAGE_TOKEN");

    let of_ann = ExportConversationsRequest { user: "users/ann".to_owned(), ..all.clone() };
    assert_eq!(names(&all_of(exported(&suite, of_ann).await.unwrap())), expected[..3]);
    let range = ExportConversationsRequest {
        start_time: Some(seconds_ago(&suite, 560)),
        end_time: Some(seconds_ago(&suite, 558)),
        ..all.clone()
    };
    assert_eq!(names(&all_of(exported(&suite, range).await.unwrap())), ["bea/441", "bea/442"]);

    let entries = entries(&suite, SHOP, "messaging").await;
    let count = entries.iter().filter(|entry| entry.method.ends_with("/ExportConversations")).count();
    assert_eq!(count, 4);
    let nobody = ExportConversationsRequest { user: "users/nobody".to_owned(), ..all };
    assert_eq!(exported(&suite, nobody).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn keep(suite: &TestSuite, days: i32) -> Result<Retention, Status> {
    let request = SetRetentionRequest { parent: SHOP.to_owned(), days, ..Default::default() };
    Ok(archive(suite).set_retention(request).await?.into_inner().retention.unwrap())
}

async fn retention(suite: &TestSuite) -> Retention {
    let request = GetRetentionRequest { parent: SHOP.to_owned() };
    archive(suite).get_retention(request).await.unwrap().into_inner().retention.unwrap()
}

/// Sequences of those that still say something. None says anything of which it is known that it was forgotten.
fn kept(messages: &[Message]) -> Vec<i64> {
    let sequences: Vec<i64> = messages.iter().map(|message| message.sequence).collect();
    assert_eq!(sequences, (1..).take(messages.len()).collect::<Vec<i64>>());
    assert!(messages.iter().all(|message| message.content.is_none() || message.forget_time.is_none()));
    let kept = messages.iter().filter(|message| message.content.is_some());
    kept.map(|message| message.sequence).collect()
}

async fn notes(suite: &TestSuite, user: &str) -> Vec<Note> {
    let request = ListNotesRequest {
        parent: SHOP.to_owned(),
        user: format!("users/{user}"),
        ..ListNotesRequest::default()
    };
    support(suite).list_notes(request).await.unwrap().into_inner().notes
}

async fn note(suite: &TestSuite, user: &str, text: &str) {
    let request = CreateNoteRequest {
        parent: SHOP.to_owned(),
        user: format!("users/{user}"),
        text: text.to_owned(),
        ..CreateNoteRequest::default()
    };
    support(suite).create_note(request).await.unwrap();
}

/// A user has written, reported an answer, and rated the case; an agent left a note and a label.
async fn a_case_with_everything(suite: &TestSuite, user: &str) {
    set_state(suite, "li", AgentState::Online).await;
    let (parent, user_name) = (SHOP.to_owned(), format!("users/{user}"));
    say(suite, user, "1", "my number is 138").await;
    let answer = desk(suite).send_desk_message(to_user(user, "welcome")).await.unwrap().into_inner();
    let request = ReportMessageRequest {
        parent: parent.clone(),
        user: user_name.clone(),
        sequence: answer.message.unwrap().sequence,
        comment: "rude".to_owned(),
    };
    moderation(suite).report_message(request).await.unwrap();
    note(suite, user, "calls on Sundays").await;
    let request = SetLabelsRequest {
        parent: parent.clone(),
        user: user_name.clone(),
        labels: vec!["vip".to_owned()],
        ..Default::default()
    };
    support(suite).set_labels(request).await.unwrap();
    let request =
        CloseConversationRequest { parent: parent.clone(), user: user_name.clone(), ..Default::default() };
    support(suite).close_conversation(request).await.unwrap();
    let request = RateConversationRequest {
        parent,
        user: user_name,
        stars: 2,
        comment: "slow".to_owned(),
        ..Default::default()
    };
    support(suite).rate_conversation(request).await.unwrap();
}

async fn case(suite: &TestSuite, user: &str) -> SupportCase {
    let request = GetConversationRequest { parent: SHOP.to_owned(), user: format!("users/{user}") };
    let found = desk(suite).get_conversation(request).await.unwrap().into_inner();
    found.conversation.unwrap().support_case.unwrap()
}

/// What users said to reports.
async fn comments(suite: &TestSuite) -> Vec<String> {
    let request = ListReviewItemsRequest { parent: SHOP.to_owned(), ..Default::default() };
    let items = moderation(suite).list_review_items(request).await.unwrap().into_inner().review_items;
    items.into_iter().map(|item| item.comment).collect()
}

async fn what_is_too_old_is_forgotten_and_stays_in_its_place(suite: TestSuite) {
    suite.account("mine", "shop").await;
    assert_eq!((retention(&suite).await.days, retention(&suite).await.update_time), (0, None));
    a_case_with_everything(&suite, "ann").await;
    days(&suite, 20).await;
    say(&suite, "ann", "3", "again").await;
    note(&suite, "ann", "came back").await;
    // Nothing is forgotten unless somebody wants it.
    days(&suite, 20).await;
    assert_eq!(kept(&all_messages(&suite, SHOP, "users/ann").await), [1, 2, 3]);

    assert_eq!(keep(&suite, 30).await.unwrap().done_time, None);
    suite.advance(Duration::from_secs(1)).await;
    assert!(retention(&suite).await.done_time.is_some());
    let messages = all_messages(&suite, SHOP, "users/ann").await;
    assert_eq!(kept(&messages), [3]);
    assert!(messages[0].forget_time.is_some() && messages[0].recall_time.is_none());
    let texts: Vec<String> = notes(&suite, "ann").await.into_iter().map(|note| note.text).collect();
    assert_eq!(texts, ["", "came back"]);
    assert!(notes(&suite, "ann").await[0].forget_time.is_some());
    assert_eq!(comments(&suite).await, [""]);
    // Repeated it is known, and stays forgotten; what is found is what is left.
    let repeated = say(&suite, "ann", "1", "my number is 138").await;
    assert_eq!((repeated.sequence, repeated.content), (1, None));
    let search_for = async |query| names(&found(&suite, search(query)).await.messages);
    assert!(search_for("138").await.is_empty());
    assert_eq!(search_for("again").await, ["ann/3"]);

    // Every day what has become too old.
    days(&suite, 9).await;
    assert_eq!(kept(&all_messages(&suite, SHOP, "users/ann").await), [3]);
    days(&suite, 2).await;
    assert!(kept(&all_messages(&suite, SHOP, "users/ann").await).is_empty());
    assert_eq!(say(&suite, "ann", "4", "new").await.sequence, 4);
    assert_eq!(kept(&all_messages(&suite, SHOP, "users/ann").await), [4]);

    // For ever again: what is kept now stays.
    keep(&suite, 0).await.unwrap();
    days(&suite, 100).await;
    assert_eq!(kept(&all_messages(&suite, SHOP, "users/ann").await), [4]);
    suite.finish().await;
}

async fn a_rating_keeps_its_stars(suite: TestSuite) {
    suite.account("mine", "shop").await;
    a_case_with_everything(&suite, "ann").await;
    keep(&suite, 30).await.unwrap();
    days(&suite, 29).await;
    let rating = case(&suite, "ann").await.rating.unwrap();
    assert_eq!((rating.stars, rating.comment.as_str()), (2, "slow"));
    days(&suite, 2).await;
    let case = case(&suite, "ann").await;
    let rating = case.rating.unwrap();
    assert_eq!((rating.stars, rating.comment.as_str(), case.labels), (2, "", vec!["vip".to_owned()]));
    suite.finish().await;
}

async fn many_conversations_are_walked_through(suite: TestSuite) {
    suite.account("mine", "shop").await;
    // More conversations than one step looks at, and one with more messages than it forgets.
    let (long, many) = (1_250, 620);
    let mut messages: Vec<_> =
        (0..long).map(|number| old(&suite, "u300", User, &format!("m{number}"), 50 * DAY)).collect();
    messages.extend((0..many).map(|number| old(&suite, &format!("u{number}"), Account, "old", 40 * DAY)));
    messages.extend((0..many).map(|number| old(&suite, &format!("u{number}"), Account, "young", 10 * DAY)));
    for chunk in messages.chunks(1_000) {
        assert!(import(&suite, chunk.to_vec()).await.unwrap().rejections.is_empty());
    }
    keep(&suite, 30).await.unwrap();
    suite.advance(Duration::from_secs(1)).await;
    let all = ExportConversationsRequest { parent: SHOP.to_owned(), ..Default::default() };
    let messages = all_of(exported(&suite, all).await.unwrap());
    assert_eq!(messages.len(), long + 2 * many);
    let kept: Vec<&Message> = messages.iter().filter(|message| message.content.is_some()).collect();
    assert_eq!(kept.len(), many);
    assert!(kept.iter().all(|message| message.client_message_id == "young"));
    assert!(retention(&suite).await.done_time.is_some());
    suite.finish().await;
}

async fn who_wants_it_is_forgotten_at_once(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let history = |number: i64| old(&suite, "ann", User, &format!("m{number}"), 9_000 - number);
    for numbers in [0..1_000, 1_000..2_000, 2_000..2_600] {
        import(&suite, numbers.map(history).collect()).await.unwrap();
    }
    a_case_with_everything(&suite, "ann").await;
    say(&suite, "bea", "1", "my number is 139").await;

    let request = || EraseConversationRequest { parent: SHOP.to_owned(), user: "users/ann".to_owned() };
    let erased =
        async || archive(&suite).erase_conversation(request()).await.unwrap().into_inner().erased_count;
    assert_eq!(erased().await, 2_602);
    assert_eq!(erased().await, 0);
    let of_ann = ExportConversationsRequest {
        parent: SHOP.to_owned(),
        user: "users/ann".to_owned(),
        ..Default::default()
    };
    let messages = all_of(exported(&suite, of_ann).await.unwrap());
    assert_eq!((messages.len(), kept(&messages).len()), (2_602, 0));
    assert!(notes(&suite, "ann").await.iter().all(|note| note.text.is_empty()));
    assert_eq!(comments(&suite).await, [""]);
    let case_of_ann = case(&suite, "ann").await;
    assert_eq!((case_of_ann.rating.unwrap().comment, case_of_ann.labels), (String::new(), Vec::new()));
    assert_eq!(names(&found(&suite, search("number")).await.messages), ["bea/1"]);
    // What comes later is kept.
    assert_eq!(say(&suite, "ann", "new", "hello again").await.sequence, 2_603);
    assert_eq!(names(&found(&suite, search("hello again")).await.messages), ["ann/2603"]);

    let entries = entries(&suite, SHOP, "messaging").await;
    let count = entries.iter().filter(|entry| entry.method.ends_with("/EraseConversation")).count();
    assert_eq!(count, 2);
    // The audit log has nothing of what was forgotten.
    for said in ["calls on Sundays", "slow"] {
        assert!(entries.iter().all(|entry| !entry.request.contains(said)), "{said}");
    }
    let nobody = EraseConversationRequest { user: "users/nobody".to_owned(), ..request() };
    assert_eq!(archive(&suite).erase_conversation(nobody).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn what_makes_no_sense_is_refused(suite: TestSuite) {
    suite.account("mine", "shop").await;
    say(&suite, "ann", "1", "hello").await;
    let bad = [
        ("query", search("")),
        ("query", search("  ")),
        ("query", search(&"界".repeat(101))),
        ("user", SearchMessagesRequest { user: "ann".to_owned(), ..search("a") }),
        ("sender", SearchMessagesRequest { sender: 9, ..search("a") }),
        ("page_size", SearchMessagesRequest { page_size: -1, ..search("a") }),
        ("page_token", SearchMessagesRequest { page_token: "x".to_owned(), ..search("a") }),
        (
            "end_time",
            SearchMessagesRequest {
                start_time: Some(seconds_ago(&suite, 1)),
                end_time: Some(seconds_ago(&suite, 1)),
                ..search("a")
            },
        ),
    ];
    for (field, request) in bad {
        let status = archive(&suite).search_messages(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}: {status:?}");
        assert!(status.message().starts_with(field), "{status:?}");
    }
    for wrong in [-1, 1, 29, 3_651] {
        assert_eq!(fields(&keep(&suite, wrong).await.unwrap_err()), ["days"]);
    }
    assert_eq!(retention(&suite).await, Retention::default());
    let stranger = ArchiveServiceClient::new(suite.operator("accounts/other", Role::Owner).await);
    let status = stranger.clone().search_messages(search("a")).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    messages_are_found_by_what_they_say,
    a_search_looks_at_so_many_and_says_so,
    everything_is_exported_once_in_order,
    what_is_too_old_is_forgotten_and_stays_in_its_place,
    a_rating_keeps_its_stars,
    many_conversations_are_walked_through,
    who_wants_it_is_forgotten_at_once,
    what_makes_no_sense_is_refused,
);
