//! One message to many: whom it reaches and when, in which pace, and what becomes of each.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use siyu_proto::{
    common::v1::Role,
    crm::v1::{FrequencyCap, ReachChannel, ReachPolicy, ReachPreference},
    messaging::v1::{
        AddWordsRequest, BlockUserRequest, CancelGroupSendRequest, CreateGroupSendRequest,
        GetGroupSendRequest, GroupSend, GroupSendOutcome, GroupSendState as State, GroupSendStatus as Status,
        ListDeskConversationsRequest, ListGroupSendOutcomesRequest, ListGroupSendsRequest,
        ListMessagesRequest, ModerationAction, PauseGroupSendRequest, ResumeGroupSendRequest,
        group_send_service_client::GroupSendServiceClient,
    },
    subscriptions::v1::SetMutualRequest,
};
use siyu_tests::{TestSuite, group_sends::sending};
use tonic::Code;

use crate::{
    follows::{SHOP, follow, follows},
    messages::{desk, inbox, text, to_user},
    moderation::{moderation, words},
    packages::{make, of_filter, of_users},
    reach_settings::{DAY, hours, prefer, write},
    support::{at, fields, reason, seconds_ago, store},
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn group_sends(suite: &TestSuite) -> GroupSendServiceClient<siyu::connect::Client> {
    GroupSendServiceClient::new(suite.client())
}

fn name(id: &str) -> String {
    format!("{SHOP}/groupSends/{id}")
}

async fn create(suite: &TestSuite, request: CreateGroupSendRequest) -> Result<GroupSend, tonic::Status> {
    Ok(group_sends(suite).create_group_send(request).await?.into_inner().group_send.unwrap())
}

/// As it is now. Everybody planned stands somewhere.
async fn get(suite: &TestSuite, id: &str) -> GroupSend {
    let request = GetGroupSendRequest { name: name(id) };
    let found = group_sends(suite).get_group_send(request).await.unwrap().into_inner().group_send.unwrap();
    let refused: i64 = found.refused.iter().map(|count| count.count).sum();
    let sum = found.pending_count + found.held_count + found.sent_count + refused;
    assert_eq!(sum, found.planned_count, "{found:?}");
    found
}

/// Pending, held and sent.
async fn counts(suite: &TestSuite, id: &str) -> (i64, i64, i64) {
    let found = get(suite, id).await;
    (found.pending_count, found.held_count, found.sent_count)
}

async fn outcomes(suite: &TestSuite, id: &str, page_size: i32) -> Vec<GroupSendOutcome> {
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListGroupSendOutcomesRequest { parent: name(id), page_size, page_token };
        let page = group_sends(suite).list_group_send_outcomes(request).await.unwrap().into_inner();
        found.extend(page.group_send_outcomes);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return found;
        }
    }
}

async fn statuses(suite: &TestSuite, id: &str) -> BTreeMap<String, Status> {
    let found = outcomes(suite, id, 0).await;
    found.into_iter().map(|outcome| (outcome.user.replace("users/", ""), outcome.status())).collect()
}

/// A shop with so many fans, `u000` and so on, all of whom are in the package `fans`.
async fn shop_with_fans(suite: &TestSuite, count: usize) {
    suite.account("mine", "shop").await;
    let time = seconds_ago(suite, 60);
    let follow = |number| crate::support::follow(&format!("f{number}"), &format!("u{number:03}"), time);
    store(suite, "shop", &(0..count).map(follow).collect::<Vec<_>>()).await;
    make(suite, "fans", of_filter("following = true")).await.unwrap();
}

async fn everybody_is_sent_it_once_in_its_pace(suite: TestSuite) {
    shop_with_fans(&suite, 130).await;
    let agent = GroupSendServiceClient::new(suite.operator(SHOP, Role::Operator).await);
    let request = CreateGroupSendRequest { request_id: "once".to_owned(), ..sending("spring", 60) };
    let made =
        agent.clone().create_group_send(request.clone()).await.unwrap().into_inner().group_send.unwrap();
    assert_eq!((made.state(), made.author.as_str()), (State::Scheduled, "operator:operator"));
    let again = agent.clone().create_group_send(request).await.unwrap().into_inner().group_send.unwrap();
    assert_eq!(again, made);
    suite.advance(SECOND).await;
    // What goes out in a second, and the first.
    assert_eq!(counts(&suite, "spring").await, (128, 0, 2));
    let listed = ListDeskConversationsRequest { parent: SHOP.to_owned(), ..Default::default() };
    let listed = desk(&suite).list_desk_conversations(listed).await.unwrap().into_inner();
    assert_eq!(listed.conversations.len(), 2);
    suite.advance(10 * SECOND).await;
    assert_eq!(get(&suite, "spring").await.sent_count, 12);
    // Who was away catches up with a minute.
    suite.advance(10 * MINUTE).await;
    let sent = get(&suite, "spring").await;
    assert!((70..=72).contains(&sent.sent_count), "{sent:?}");
    assert_eq!(sent.state(), State::Sending);
    suite.advance(MINUTE).await;
    suite.advance(MINUTE).await;
    let done = get(&suite, "spring").await;
    assert_eq!((done.state(), done.sent_count, done.planned_count), (State::Done, 130, 130));

    let found = outcomes(&suite, "spring", 7).await;
    assert_eq!(found, outcomes(&suite, "spring", 1_000).await);
    assert_eq!(found.len(), 130);
    // In the order of their ordinals.
    let users: BTreeSet<&str> = found.iter().map(|outcome| outcome.user.as_str()).collect();
    let all: Vec<String> = (0..130).map(|number| format!("users/u{number:03}")).collect();
    assert_eq!(users, all.iter().map(String::as_str).collect());
    for outcome in &found {
        let user = outcome.user.trim_start_matches("users/");
        assert_eq!(outcome.status(), Status::Sent);
        assert_eq!(outcome.message, format!("{SHOP}/conversations/{user}/messages/1"));
    }
    let request =
        ListMessagesRequest { parent: SHOP.to_owned(), user: "users/u007".to_owned(), ..Default::default() };
    let messages = inbox(&suite).list_messages(request).await.unwrap().into_inner().messages;
    assert_eq!((messages.len(), messages[0].content.clone()), (1, text("Spring is here")));

    // A second one is another message.
    create(&suite, sending("summer", 60_000)).await.unwrap();
    suite.advance(SECOND).await;
    suite.advance(SECOND).await;
    assert_eq!(get(&suite, "summer").await.state(), State::Done);
    let request = ListGroupSendsRequest { parent: SHOP.to_owned(), page_size: 1, ..Default::default() };
    let page = group_sends(&suite).list_group_sends(request.clone()).await.unwrap().into_inner();
    assert_eq!(page.group_sends[0].name, name("spring"));
    let request = ListGroupSendsRequest { page_token: page.next_page_token, ..request };
    let page = group_sends(&suite).list_group_sends(request).await.unwrap().into_inner();
    assert_eq!((page.group_sends[0].sent_count, page.next_page_token.as_str()), (130, ""));
    suite.finish().await;
}

/// So many messages a day.
fn daily(count: i64) -> ReachPolicy {
    let cap = FrequencyCap {
        channels: vec![ReachChannel::Message.into()],
        count: Some(count),
        reserved_count: 0,
        window: Some(prost_types::Duration { seconds: DAY, nanos: 0 }),
    };
    ReachPolicy { frequency_caps: vec![cap], ..ReachPolicy::default() }
}

async fn whoever_is_not_reached_is_told_why(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let users = ["ann", "bea", "cat", "dan", "eve", "fay", "gus"];
    for user in users {
        follow(&suite, SHOP, user).await.unwrap();
    }
    suite.advance(MINUTE).await;
    make(&suite, "fans", of_users(&users)).await.unwrap();
    make(&suite, "ann", of_users(&["ann"])).await.unwrap();
    write(&suite, daily(1)).await.unwrap();
    let mut first = sending("first", 6_000);
    first.group_send.as_mut().unwrap().package = format!("{SHOP}/packages/ann");
    create(&suite, first).await.unwrap();
    suite.advance(SECOND).await;

    let wants_nothing = ReachPreference { opted_out: true, ..ReachPreference::default() };
    prefer(&suite, "bea", wants_nothing, &["opted_out"]).await.unwrap();
    let sleeps = ReachPreference { quiet_hours: hours(7, 10), ..ReachPreference::default() };
    prefer(&suite, "fay", sleeps, &["quiet_hours"]).await.unwrap();
    let blocked =
        BlockUserRequest { parent: SHOP.to_owned(), user: "users/cat".to_owned(), ..Default::default() };
    moderation(&suite).block_user(blocked).await.unwrap();
    for user in ["dan", "eve"] {
        for number in 0..3 {
            desk(&suite).send_desk_message(to_user(user, &format!("r{number}"))).await.unwrap();
        }
    }
    let mutual = SetMutualRequest { parent: SHOP.to_owned(), user: "users/eve".to_owned(), mutual: true };
    follows(&suite).set_mutual(mutual).await.unwrap();

    create(&suite, sending("spring", 6_000)).await.unwrap();
    suite.advance(SECOND).await;
    assert_eq!(counts(&suite, "spring").await, (0, 1, 2));
    let mut expected = BTreeMap::from(
        [
            ("ann", Status::Capped),
            ("bea", Status::NoConsent),
            ("cat", Status::Blocked),
            ("dan", Status::OverAllowance),
            ("eve", Status::Sent),
            ("fay", Status::Held),
            ("gus", Status::Sent),
        ]
        .map(|(user, status)| (user.to_owned(), status)),
    );
    assert_eq!(statuses(&suite, "spring").await, expected);
    let held =
        outcomes(&suite, "spring", 0).await.into_iter().find(|outcome| outcome.status() == Status::Held);
    assert_eq!(held.unwrap().deliver_time, Some(at("2026-03-01T02:00:00Z")));
    assert_eq!(get(&suite, "spring").await.state(), State::Sending);
    suite.advance(Duration::from_secs(2 * 3_600)).await;
    expected.insert("fay".to_owned(), Status::Sent);
    assert_eq!(statuses(&suite, "spring").await, expected);
    suite.advance(SECOND).await;
    assert_eq!(get(&suite, "spring").await.state(), State::Done);

    // Who was not sent it after all can be reached once more on that day, and those who were cannot.
    let request =
        BlockUserRequest { parent: SHOP.to_owned(), user: "users/gus".to_owned(), ..Default::default() };
    moderation(&suite).block_user(request).await.unwrap();
    create(&suite, sending("summer", 6_000)).await.unwrap();
    suite.advance(SECOND).await;
    let found = statuses(&suite, "summer").await;
    let of = |user: &str| found[user];
    assert_eq!(
        (of("cat"), of("dan"), of("eve"), of("gus")),
        (Status::Blocked, Status::OverAllowance, Status::Capped, Status::Capped)
    );
    suite.finish().await;
}

async fn it_is_paused_resumed_and_cancelled(suite: TestSuite) {
    shop_with_fans(&suite, 50).await;
    write(&suite, daily(1)).await.unwrap();
    let later = CreateGroupSendRequest {
        group_send: Some(GroupSend {
            schedule_time: Some(seconds_ago(&suite, -60)),
            ..sending("", 60).group_send.unwrap()
        }),
        ..sending("spring", 60)
    };
    create(&suite, later).await.unwrap();
    suite.advance(30 * SECOND).await;
    let pause = async || {
        let request = PauseGroupSendRequest { name: name("spring") };
        group_sends(&suite).pause_group_send(request).await
    };
    let resume = async || {
        let request = ResumeGroupSendRequest { name: name("spring") };
        group_sends(&suite).resume_group_send(request).await
    };
    let cancel = async || {
        let request = CancelGroupSendRequest { name: name("spring") };
        group_sends(&suite).cancel_group_send(request).await
    };
    pause().await.unwrap();
    suite.advance(MINUTE).await;
    assert_eq!(
        (get(&suite, "spring").await.state(), get(&suite, "spring").await.planned_count),
        (State::Paused, 0)
    );
    for _ in 0..2 {
        resume().await.unwrap();
    }
    suite.advance(SECOND).await;
    assert_eq!(counts(&suite, "spring").await, (48, 0, 2));
    for _ in 0..2 {
        pause().await.unwrap();
    }
    suite.advance(10 * MINUTE).await;
    assert_eq!(counts(&suite, "spring").await, (48, 0, 2));
    // It goes on in its pace.
    resume().await.unwrap();
    suite.advance(SECOND).await;
    let (_, _, sent) = counts(&suite, "spring").await;
    assert!((4..=5).contains(&sent), "{sent}");
    for _ in 0..2 {
        cancel().await.unwrap();
    }
    let cancelled = get(&suite, "spring").await;
    assert_eq!(
        (cancelled.state(), cancelled.sent_count, cancelled.pending_count),
        (State::Cancelled, sent, 0)
    );
    assert_eq!(reason(&resume().await.unwrap_err()), "WRONG_STATE");
    assert_eq!(reason(&pause().await.unwrap_err()), "WRONG_STATE");
    suite.advance(10 * MINUTE).await;
    assert_eq!(get(&suite, "spring").await.sent_count, sent);
    let found = statuses(&suite, "spring").await;
    let count =
        |wanted: Status| i64::try_from(found.values().filter(|status| **status == wanted).count()).unwrap();
    assert_eq!((count(Status::Sent), count(Status::Cancelled)), (sent, 50 - sent));
    // It counts for those alone who were sent it.
    create(&suite, sending("summer", 60_000)).await.unwrap();
    suite.advance(SECOND).await;
    let summer = get(&suite, "summer").await;
    assert_eq!(summer.sent_count, 50 - sent);
    assert_eq!((summer.refused[0].status(), summer.refused[0].count), (Status::Capped, sent));
    suite.finish().await;
}

async fn what_makes_no_sense_is_refused(suite: TestSuite) {
    shop_with_fans(&suite, 1).await;
    let wrong = async |change: &dyn Fn(&mut GroupSend)| {
        let mut request = sending("spring", 60);
        change(request.group_send.as_mut().unwrap());
        let status = create(&suite, request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        fields(&status)
    };
    assert_eq!(
        wrong(&|it| it.package = "accounts/other/packages/fans".to_owned()).await,
        ["group_send.package"]
    );
    assert_eq!(wrong(&|it| it.package = format!("{SHOP}/packages/none")).await, ["group_send.package"]);
    assert_eq!(wrong(&|it| it.package = String::new()).await, ["group_send.package"]);
    assert_eq!(wrong(&|it| it.messages_per_minute = 0).await, ["group_send.messages_per_minute"]);
    assert_eq!(wrong(&|it| it.content = text(" ")).await, ["group_send.content.text"]);
    assert_eq!(wrong(&|it| it.content = None).await, ["group_send.content"]);
    let past = seconds_ago(&suite, 1);
    assert_eq!(wrong(&|it| it.schedule_time = Some(past)).await, ["group_send.schedule_time"]);
    let sent = [("spring", ModerationAction::Review), ("here", ModerationAction::Mask)];
    let request = AddWordsRequest { parent: SHOP.to_owned(), words: words(&sent) };
    moderation(&suite).add_words(request).await.unwrap();
    assert_eq!(wrong(&|_| {}).await, ["group_send.content.text"]);
    let mut masked = sending("spring", 60);
    masked.group_send.as_mut().unwrap().content = text("Summer is here");
    assert_eq!(create(&suite, masked.clone()).await.unwrap().content, text("Summer is ****"));
    assert_eq!(create(&suite, masked).await.unwrap_err().code(), Code::AlreadyExists);
    let missing = GetGroupSendRequest { name: name("none") };
    assert_eq!(group_sends(&suite).get_group_send(missing).await.unwrap_err().code(), Code::NotFound);
    let request = ListGroupSendOutcomesRequest { parent: name("none"), ..Default::default() };
    assert_eq!(
        group_sends(&suite).list_group_send_outcomes(request).await.unwrap_err().code(),
        Code::NotFound
    );
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    everybody_is_sent_it_once_in_its_pace,
    whoever_is_not_reached_is_told_why,
    it_is_paused_resumed_and_cancelled,
    what_makes_no_sense_is_refused,
);
