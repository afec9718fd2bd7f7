//! Accounts of two enterprises write to the same fans, by pushes and by a group sending: who comes too often is told (C9).

use std::{collections::BTreeMap, time::Duration};

use siyu_proto::{
    crm::v1::{ReachCount, ReachVerdict},
    messaging::v1::{GetGroupSendRequest, GroupSendState, GroupSendStatus, ListGroupSendOutcomesRequest},
    subscriptions::v1::{
        CreatePushRequest, ExplainPushRequest, ExplainPushResponse, GetPushRequest, PlanPushRequest, Push,
        PushCounts, PushOutcome, PushPlan, SchedulePushRequest,
    },
};
use siyu_tests::{TestSuite, group_sends::sending, pushes::imbalance};

use crate::{
    feeds::feed,
    follows::{SHOP, follow},
    group_sends::group_sends,
    packages::{make, of_users},
    pushes::{MINUTE, draft, pushes},
    reach::explain as explain_reach,
    reach_settings::DAY,
    rights::{policy, rights},
    shared_reach::{push as reach_of, share, shared_cap},
    support::{micros, reason},
};

const OTHER: &str = "accounts/other";

/// Two shops of two enterprises, which these users follow; each may push 8 times a month.
async fn two_shops(suite: &TestSuite, shop: &[&str], other: &[&str]) {
    rights(suite).create_right_policy(policy(8, None)).await.unwrap();
    suite.account("mine", "shop").await;
    suite.account("theirs", "other").await;
    for (account, users) in [(SHOP, shop), (OTHER, other)] {
        for user in users {
            follow(suite, account, user).await.unwrap();
        }
    }
    suite.advance(MINUTE).await;
}

async fn create(suite: &TestSuite, account: &str, id: &str) {
    let request = CreatePushRequest { parent: account.to_owned(), ..draft(id, Push::default()) };
    pushes(suite).create_push(request).await.unwrap();
}

fn named(account: &str, id: &str) -> String {
    format!("{account}/pushes/{id}")
}

async fn plan(suite: &TestSuite, account: &str, id: &str) -> PushPlan {
    let request = PlanPushRequest { name: named(account, id), ..PlanPushRequest::default() };
    pushes(suite).plan_push(request).await.unwrap().into_inner().plan.unwrap()
}

/// Sends a push; what became of whom adds up.
async fn publish(suite: &TestSuite, account: &str, id: &str) -> PushCounts {
    let request = SchedulePushRequest { name: named(account, id), ..SchedulePushRequest::default() };
    pushes(suite).schedule_push(request).await.unwrap();
    suite.advance(MINUTE).await;
    let request = GetPushRequest { name: named(account, id) };
    let push = pushes(suite).get_push(request).await.unwrap().into_inner().push.unwrap();
    let counts = push.counts.unwrap();
    assert_eq!(imbalance(&counts), None);
    counts
}

async fn explain(suite: &TestSuite, account: &str, id: &str, user: &str) -> ExplainPushResponse {
    let request = ExplainPushRequest { name: named(account, id), user: format!("users/{user}") };
    pushes(suite).explain_push(request).await.unwrap().into_inner()
}

fn by_verdict(counts: &[ReachCount]) -> Vec<(ReachVerdict, i64)> {
    counts.iter().map(|count| (count.verdict(), count.count)).collect()
}

async fn pushes_that_come_too_often_are_planned_sent_and_explained_alike(suite: TestSuite) {
    two_shops(&suite, &["ann", "bea"], &["dan", "bea", "ann"]).await;
    share(&suite, shared_cap(2, 7 * DAY)).await.unwrap();
    create(&suite, SHOP, "spring").await;
    assert_eq!(publish(&suite, SHOP, "spring").await.delivered, 2);
    let spring = explain(&suite, SHOP, "spring", "ann").await;

    // The one that is left is for others, but not with somebody who comes new.
    follow(&suite, SHOP, "eve").await.unwrap();
    suite.advance(MINUTE).await;
    create(&suite, SHOP, "summer").await;
    let planned = plan(&suite, SHOP, "summer").await;
    let expected = [(ReachVerdict::Eligible, 1), (ReachVerdict::SharedCapped, 2)];
    assert_eq!((by_verdict(&planned.audience.unwrap().counts), planned.reach), (expected.to_vec(), 1));
    let before = explain(&suite, SHOP, "summer", "ann").await;
    assert_eq!((before.outcome(), before.verdict()), (PushOutcome::NotPublished, ReachVerdict::SharedCapped));
    let sent = publish(&suite, SHOP, "summer").await;
    assert_eq!((sent.planned, sent.delivered), (3, 1));
    assert_eq!(by_verdict(&sent.excluded), [(ReachVerdict::SharedCapped, 2)]);
    let why = explain(&suite, SHOP, "summer", "ann").await;
    assert_eq!((why.outcome(), why.verdict()), (PushOutcome::Excluded, ReachVerdict::SharedCapped));
    assert!(why.reason.contains("shared reach policy 1"), "{}", why.reason);
    let week = Duration::from_secs(7 * 86_400).as_micros();
    let delivered = micros(spring.deliver_time.as_ref());
    assert!((micros(why.reset_time.as_ref()) - delivered - i64::try_from(week).unwrap()).abs() < 60_000_000);
    let reached = explain_reach(&suite, "ann", reach_of("shop", "summer")).await;
    assert_eq!((reached.verdict(), reached.reset_time), (why.verdict(), why.reset_time));
    assert_eq!((feed(&suite, "ann").await.len(), feed(&suite, "eve").await.len()), (1, 1));

    // The other shop gets the part that was left for it, and no more.
    create(&suite, OTHER, "hello").await;
    assert_eq!(publish(&suite, OTHER, "hello").await.delivered, 3);
    assert_eq!(feed(&suite, "ann").await.len(), 2);
    create(&suite, OTHER, "again").await;
    let planned = plan(&suite, OTHER, "again").await;
    let counts = by_verdict(&planned.audience.unwrap().counts);
    assert_eq!((counts, planned.reach), (vec![(ReachVerdict::SharedCapped, 3)], 0));
    suite.finish().await;
}

async fn pushes_and_group_sendings_count_for_each_other(suite: TestSuite) {
    two_shops(&suite, &["ann", "bea", "cat"], &["bea", "ann"]).await;
    make(&suite, "fans", of_users(&["ann", "bea", "cat"])).await.unwrap();
    share(&suite, shared_cap(1, DAY)).await.unwrap();
    create(&suite, OTHER, "hello").await;
    assert_eq!(publish(&suite, OTHER, "hello").await.delivered, 2);
    group_sends(&suite).create_group_send(sending("spring", 6_000)).await.unwrap();
    suite.advance(MINUTE).await;
    let name = format!("{SHOP}/groupSends/spring");
    let request = ListGroupSendOutcomesRequest { parent: name.clone(), ..Default::default() };
    let page = group_sends(&suite).list_group_send_outcomes(request).await.unwrap().into_inner();
    let outcomes = page.group_send_outcomes.into_iter();
    let found: BTreeMap<String, GroupSendStatus> =
        outcomes.map(|outcome| (outcome.user.replace("users/", ""), outcome.status())).collect();
    let expected = [
        ("ann", GroupSendStatus::SharedCapped),
        ("bea", GroupSendStatus::SharedCapped),
        ("cat", GroupSendStatus::Sent),
    ];
    assert_eq!(found, BTreeMap::from(expected.map(|(user, status)| (user.to_owned(), status))));
    suite.advance(MINUTE).await;
    let request = GetGroupSendRequest { name };
    let sent = group_sends(&suite).get_group_send(request).await.unwrap().into_inner().group_send.unwrap();
    assert_eq!((sent.state(), sent.planned_count, sent.sent_count), (GroupSendState::Done, 3, 1));
    assert_eq!(sent.refused.len(), 1);
    assert_eq!((sent.refused[0].status(), sent.refused[0].count), (GroupSendStatus::SharedCapped, 2));

    follow(&suite, OTHER, "cat").await.unwrap();
    suite.advance(MINUTE).await;
    create(&suite, OTHER, "again").await;
    let planned = plan(&suite, OTHER, "again").await;
    let counts = by_verdict(&planned.audience.unwrap().counts);
    assert_eq!((counts, planned.reach), (vec![(ReachVerdict::SharedCapped, 3)], 0));
    let request = SchedulePushRequest { name: named(OTHER, "again"), ..SchedulePushRequest::default() };
    let nobody = pushes(&suite).schedule_push(request).await.unwrap_err();
    assert_eq!(reason(&nobody), "CONDITION_NOT_MET");
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    pushes_that_come_too_often_are_planned_sent_and_explained_alike,
    pushes_and_group_sendings_count_for_each_other,
);
