//! Pushes: written, planned, scheduled with a right of their month, published, held, taken back.

use std::time::Duration;

use prost_types::{FieldMask, Timestamp};
use siyu_proto::{
    crm::v1::{
        Audience, CreateReachPolicyRequest, QuietHours, ReachPolicy, ReachVerdict, Tier,
        reach_service_client::ReachServiceClient,
    },
    subscriptions::v1::{
        CancelPushRequest, ExplainPushRequest, ExplainPushResponse, GetPushRequest, ListPushesRequest,
        PausePushRequest, PlanPushRequest, Push, PushContent, PushContentKind, PushCounts, PushOutcome,
        PushPlan, PushState, RecallPushRequest, RecallPushResponse, ResumePushRequest, SchedulePushRequest,
        UpdatePushRequest, push_service_client::PushServiceClient,
    },
};
pub(crate) use siyu_tests::pushes::{draft, named};
use siyu_tests::{TestSuite, pushes::imbalance};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{
    cards::{create as create_card, link},
    feeds::{feed, unseen_feed},
    follows::{SHOP, follow, unfollow},
    packages::{make as make_package, of_users},
    rights::{allowance, policy, rights},
    support::{at, event, fields, reason, seconds_ago, store},
    tags::{create as create_tag, tag},
};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn pushes(suite: &TestSuite) -> PushServiceClient<siyu::connect::Client> {
    PushServiceClient::new(suite.client())
}

pub(crate) fn text(text: &str) -> PushContent {
    PushContent { kind: PushContentKind::Text.into(), text: text.to_owned(), ..PushContent::default() }
}

pub(crate) async fn create(suite: &TestSuite, id: &str, push: Push) -> Result<Push, Status> {
    Ok(pushes(suite).create_push(draft(id, push)).await?.into_inner().push.unwrap())
}

pub(crate) async fn schedule(
    suite: &TestSuite,
    id: &str,
    publish_time: Option<Timestamp>,
) -> Result<Push, Status> {
    let request = SchedulePushRequest { name: named(id), publish_time, ..SchedulePushRequest::default() };
    Ok(pushes(suite).schedule_push(request).await?.into_inner().push.unwrap())
}

pub(crate) async fn get(suite: &TestSuite, id: &str) -> Push {
    let request = GetPushRequest { name: named(id) };
    pushes(suite).get_push(request).await.unwrap().into_inner().push.unwrap()
}

/// The counts of a push, after a look whether they add up.
pub(crate) async fn counts(suite: &TestSuite, id: &str) -> PushCounts {
    let counts = get(suite, id).await.counts.unwrap();
    assert_eq!(imbalance(&counts), None);
    counts
}

async fn plan(suite: &TestSuite, id: &str, publish_time: Option<Timestamp>) -> Result<PushPlan, Status> {
    let request = PlanPushRequest { name: named(id), publish_time, ..PlanPushRequest::default() };
    Ok(pushes(suite).plan_push(request).await?.into_inner().plan.unwrap())
}

async fn explain(suite: &TestSuite, id: &str, user: &str) -> ExplainPushResponse {
    let request = ExplainPushRequest { name: named(id), user: format!("users/{user}") };
    pushes(suite).explain_push(request).await.unwrap().into_inner()
}

pub(crate) async fn recall(
    suite: &TestSuite,
    id: &str,
    correction: Option<PushContent>,
) -> Result<RecallPushResponse, Status> {
    let request = RecallPushRequest { name: named(id), correction, ..RecallPushRequest::default() };
    Ok(pushes(suite).recall_push(request).await?.into_inner())
}

/// A shop with 8 pushes a month, whom these users follow. The clock stands at 2026-03-01T00:02:00Z or so.
pub(crate) async fn shop_with(suite: &TestSuite, followers: &[&str]) {
    suite.account("mine", "shop").await;
    rights(suite).create_right_policy(policy(8, None)).await.unwrap();
    for user in followers {
        follow(suite, SHOP, user).await.unwrap();
    }
    suite.advance(MINUTE).await;
}

async fn a_push_reaches_who_follows_at_its_time(suite: TestSuite) {
    shop_with(&suite, &["ann", "bea", "cat"]).await;
    let made = create(&suite, "spring", Push::default()).await.unwrap();
    assert_eq!((made.state(), made.counts), (PushState::Draft, None));
    let time = at("2026-03-02T10:00:00Z");
    let planned = plan(&suite, "spring", Some(time)).await.unwrap();
    assert_eq!((planned.reach, planned.cost, planned.available), (3, 1, 8));
    assert_eq!(planned.digest.len(), 64);
    let scheduled = schedule(&suite, "spring", Some(time)).await.unwrap();
    assert_eq!((scheduled.state(), scheduled.publish_time), (PushState::Scheduled, Some(time)));
    assert_eq!(allowance(&suite, None).await, (8, 1, 0));
    // Somebody comes in time, and somebody goes.
    follow(&suite, SHOP, "dan").await.unwrap();
    unfollow(&suite, SHOP, "cat").await;
    suite.advance(DAY).await;
    assert_eq!(get(&suite, "spring").await.state(), PushState::Scheduled);
    assert!(unseen_feed(&suite, "ann").await.is_empty());
    suite.advance(DAY).await;

    let sent = get(&suite, "spring").await;
    assert_eq!(sent.state(), PushState::Sent);
    assert_eq!(allowance(&suite, None).await, (8, 0, 1));
    let before = counts(&suite, "spring").await;
    assert_eq!((before.planned, before.delivered, before.seen, before.unseen), (3, 3, 0, 3));
    for user in ["ann", "dan"] {
        let items = feed(&suite, user).await;
        assert_eq!(items.len(), 1, "{user}");
        assert_eq!((items[0].push.as_str(), &items[0].content), (named("spring").as_str(), &sent.content));
    }
    assert!(feed(&suite, "cat").await.is_empty());
    assert!(feed(&suite, "stranger").await.is_empty());
    let after = counts(&suite, "spring").await;
    assert_eq!((after.seen, after.unseen, after.expired), (2, 1, 0));
    // Who comes later is not reached by what was sent before.
    follow(&suite, SHOP, "eve").await.unwrap();
    suite.advance(MINUTE).await;
    assert!(feed(&suite, "eve").await.is_empty());
    // A month later it has left the feeds.
    suite.advance(31 * DAY).await;
    assert!(feed(&suite, "ann").await.is_empty());
    let over = counts(&suite, "spring").await;
    assert_eq!((over.delivered, over.seen, over.unseen, over.expired), (3, 2, 0, 1));
    suite.finish().await;
}

async fn a_month_has_eight_and_what_is_not_sent_is_given_back(suite: TestSuite) {
    shop_with(&suite, &["ann"]).await;
    // The last moments of March in Shanghai, and the first of April.
    let (march, april) = (at("2026-03-31T15:59:00Z"), at("2026-03-31T16:00:00Z"));
    for number in 0..10 {
        create(&suite, &format!("push-{number}"), Push::default()).await.unwrap();
    }
    for number in 0..8 {
        schedule(&suite, &format!("push-{number}"), Some(march)).await.unwrap();
    }
    let refused = schedule(&suite, "push-8", Some(march)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::ResourceExhausted, "QUOTA_EXCEEDED".to_owned()));
    let details = refused.get_error_details();
    let violation = &details.quota_failure().unwrap().violations[0];
    assert_eq!(violation.subject, SHOP);
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!(metadata.get("limit").map(String::as_str), Some("8"), "{metadata:?}");
    // Midnight in the zone of the account.
    assert_eq!(metadata.get("reset_time").map(String::as_str), Some("2026-03-31T16:00:00Z"), "{metadata:?}");
    assert_eq!(get(&suite, "push-8").await.state(), PushState::Draft);

    // In April there is a right, and moving one there leaves another in March.
    schedule(&suite, "push-8", Some(april)).await.unwrap();
    schedule(&suite, "push-0", Some(april)).await.unwrap();
    schedule(&suite, "push-9", Some(march)).await.unwrap();
    // There it does not find its way back: it stays where it was.
    let stays = schedule(&suite, "push-0", Some(march)).await.unwrap_err();
    assert_eq!(stays.code(), Code::ResourceExhausted);
    let push = get(&suite, "push-0").await;
    assert_eq!((push.state(), push.publish_time), (PushState::Scheduled, Some(april)));

    let request = CancelPushRequest { name: named("push-1") };
    let cancelled = pushes(&suite).cancel_push(request.clone()).await.unwrap().into_inner().push.unwrap();
    assert_eq!(cancelled.state(), PushState::Cancelled);
    suite.advance(MINUTE).await;
    assert_eq!(allowance(&suite, None).await, (8, 7, 0));
    schedule(&suite, "push-0", Some(march)).await.unwrap();
    assert_eq!(pushes(&suite).cancel_push(request).await.unwrap().into_inner().push.unwrap(), cancelled);
    assert_eq!(schedule(&suite, "push-1", None).await.unwrap_err().code(), Code::FailedPrecondition);
    // To half a minute before the month ends.
    suite.advance(30 * DAY + 957 * MINUTE + MINUTE / 2).await;
    assert_eq!(allowance(&suite, None).await, (8, 0, 8));
    suite.advance(MINUTE).await;
    assert_eq!(allowance(&suite, None).await, (8, 0, 1));
    let request = ListPushesRequest {
        parent: SHOP.to_owned(),
        state: PushState::Sent.into(),
        ..ListPushesRequest::default()
    };
    assert_eq!(pushes(&suite).list_pushes(request).await.unwrap().into_inner().pushes.len(), 9);
    suite.finish().await;
}

async fn a_plan_is_applied_while_its_audience_is_the_same(suite: TestSuite) {
    shop_with(&suite, &["ann", "bea", "cat", "dan"]).await;
    create(&suite, "spring", Push::default()).await.unwrap();
    let planned = plan(&suite, "spring", None).await.unwrap();
    follow(&suite, SHOP, "eve").await.unwrap();
    suite.advance(MINUTE).await;
    let apply = |max_drift_ppm| {
        let request = SchedulePushRequest {
            name: named("spring"),
            plan: planned.name.clone(),
            max_drift_ppm,
            ..SchedulePushRequest::default()
        };
        let mut pushes = pushes(&suite);
        async move { pushes.schedule_push(request).await }
    };
    let drifted = apply(249_999).await.unwrap_err();
    assert_eq!((drifted.code(), reason(&drifted)), (Code::FailedPrecondition, "AUDIENCE_DRIFTED".to_owned()));
    assert_eq!(allowance(&suite, None).await, (8, 0, 0));
    apply(250_000).await.unwrap();
    suite.advance(MINUTE).await;
    assert_eq!(counts(&suite, "spring").await.delivered, 5);
    // A plan is of one push, as it was, and for a day.
    create(&suite, "other", Push::default()).await.unwrap();
    let foreign = SchedulePushRequest {
        name: named("other"),
        plan: planned.name.clone(),
        ..SchedulePushRequest::default()
    };
    assert_eq!(fields(&pushes(&suite).schedule_push(foreign).await.unwrap_err()), ["plan"]);
    let planned = plan(&suite, "other", None).await.unwrap();
    let request = UpdatePushRequest {
        push: Some(Push { name: named("other"), topic: "ads".to_owned(), ..Push::default() }),
        update_mask: Some(FieldMask { paths: vec!["topic".to_owned()] }),
        ..UpdatePushRequest::default()
    };
    pushes(&suite).update_push(request).await.unwrap();
    let stale =
        SchedulePushRequest { name: named("other"), plan: planned.name, ..SchedulePushRequest::default() };
    assert_eq!(reason(&pushes(&suite).schedule_push(stale).await.unwrap_err()), "WRONG_STATE");
    suite.finish().await;
}

async fn quiet_hours_hold_and_a_pause_holds_longer(suite: TestSuite) {
    shop_with(&suite, &["ann", "bea"]).await;
    // From 22:00 to 08:00 in Shanghai; it is a little after 08:00 there.
    let reach_policy = ReachPolicy {
        quiet_hours: Some(QuietHours { start_minute: 22 * 60, end_minute: 8 * 60 }),
        ..ReachPolicy::default()
    };
    let request = CreateReachPolicyRequest {
        parent: SHOP.to_owned(),
        reach_policy: Some(reach_policy),
        ..CreateReachPolicyRequest::default()
    };
    ReachServiceClient::new(suite.client()).create_reach_policy(request).await.unwrap();
    for id in ["night", "paused"] {
        create(&suite, id, Push::default()).await.unwrap();
        schedule(&suite, id, Some(at("2026-03-01T15:00:00Z"))).await.unwrap();
    }
    let late =
        Push { time_to_live: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }), ..Push::default() };
    create(&suite, "short", late).await.unwrap();
    schedule(&suite, "short", Some(at("2026-03-01T15:00:00Z"))).await.unwrap();
    suite.advance(15 * 60 * MINUTE).await;
    let held = counts(&suite, "night").await;
    assert_eq!((held.planned, held.held, held.delivered), (2, 2, 0));
    assert_eq!(get(&suite, "night").await.state(), PushState::Sending);
    let why = explain(&suite, "night", "ann").await;
    assert_eq!((why.outcome(), why.verdict()), (PushOutcome::Held, ReachVerdict::Held));
    assert_eq!(why.deliver_time, Some(at("2026-03-02T00:00:00Z")));
    assert!(feed(&suite, "ann").await.is_empty());
    let request = PausePushRequest { name: named("paused") };
    let paused = pushes(&suite).pause_push(request).await.unwrap().into_inner().push.unwrap();
    assert_eq!(paused.state(), PushState::Paused);

    suite.advance(10 * 60 * MINUTE).await;
    assert_eq!(get(&suite, "night").await.state(), PushState::Sent);
    assert_eq!(counts(&suite, "night").await.delivered, 2);
    let failed = counts(&suite, "short").await;
    assert_eq!((failed.failed, failed.delivered), (2, 0));
    assert_eq!(explain(&suite, "short", "ann").await.outcome(), PushOutcome::Failed);
    assert_eq!(counts(&suite, "paused").await.held, 2);
    let pushed: Vec<_> = feed(&suite, "ann").await.into_iter().map(|item| item.push).collect();
    assert_eq!(pushed, [named("night")]);
    pushes(&suite).resume_push(ResumePushRequest { name: named("paused") }).await.unwrap();
    suite.advance(MINUTE).await;
    assert_eq!(counts(&suite, "paused").await.delivered, 2);
    let pushed: Vec<_> = feed(&suite, "ann").await.into_iter().map(|item| item.push).collect();
    assert_eq!(pushed, [named("paused"), named("night")]);
    let again = pushes(&suite).pause_push(PausePushRequest { name: named("paused") }).await.unwrap_err();
    assert_eq!(reason(&again), "WRONG_STATE");
    suite.finish().await;
}

async fn a_recall_leaves_nothing_but_the_correction(suite: TestSuite) {
    shop_with(&suite, &["ann", "bea"]).await;
    create(&suite, "wrong", Push::default()).await.unwrap();
    assert_eq!(recall(&suite, "wrong", None).await.unwrap_err().code(), Code::FailedPrecondition);
    schedule(&suite, "wrong", None).await.unwrap();
    suite.advance(MINUTE).await;
    assert_eq!(feed(&suite, "ann").await.len(), 1);
    let recalled = recall(&suite, "wrong", Some(text("It is on Sunday"))).await.unwrap();
    assert_eq!(recalled.push.unwrap().state(), PushState::Recalled);
    let correction = recalled.correction.unwrap();
    assert_eq!(correction.corrects, named("wrong"));
    suite.advance(MINUTE).await;
    let after = counts(&suite, "wrong").await;
    assert_eq!((after.planned, after.retracted, after.delivered, after.seen), (2, 2, 0, 0));
    // Only who had seen it learns that it was wrong.
    let items = feed(&suite, "ann").await;
    assert_eq!(items.len(), 1);
    assert_eq!((&items[0].push, &items[0].corrects), (&correction.name, &named("wrong")));
    assert!(feed(&suite, "bea").await.is_empty());
    assert_eq!(allowance(&suite, None).await, (8, 0, 1));
    assert_eq!(explain(&suite, "wrong", "bea").await.outcome(), PushOutcome::Retracted);
    assert_eq!(recall(&suite, "wrong", None).await.unwrap_err().code(), Code::FailedPrecondition);
    suite.finish().await;
}

async fn every_fan_is_told_why(suite: TestSuite) {
    shop_with(&suite, &["ann", "bea", "cat", "dan", "eve"]).await;
    // Eve has looked a lot: she is warm. A tag is on Ann, Bea and Dan.
    let likes: Vec<_> = (0..40)
        .map(|number| {
            let kind = siyu_proto::crm::v1::InteractionKind::Comment;
            event(&format!("like-{number}"), "eve", kind, seconds_ago(&suite, 60 + number))
        })
        .collect();
    store(&suite, "shop", &likes).await;
    create_tag(&suite, "shop", "vip").await.unwrap();
    tag(&suite, "vip", &["ann", "bea", "dan"]).await.unwrap();
    let vips = Audience { tags: vec![format!("{SHOP}/tags/vip")], ..Audience::default() };
    let passers = Audience { tiers: vec![Tier::Passerby.into()], ..Audience::default() };
    create(&suite, "vips", Push { audience: Some(vips), ..Push::default() }).await.unwrap();
    create(&suite, "cool", Push { audience: Some(passers), ..Push::default() }).await.unwrap();
    assert_eq!(explain(&suite, "vips", "ann").await.outcome(), PushOutcome::NotPublished);
    make_package(&suite, "few", of_users(&["bea", "cat"])).await.unwrap();
    let few = Audience { packages: vec![format!("{SHOP}/packages/few")], ..Audience::default() };
    create(&suite, "few", Push { audience: Some(few.clone()), ..Push::default() }).await.unwrap();
    let others = Audience { packages: Vec::new(), excluded_packages: few.packages, ..Audience::default() };
    create(&suite, "others", Push { audience: Some(others), ..Push::default() }).await.unwrap();
    for id in ["vips", "cool", "few", "others"] {
        schedule(&suite, id, None).await.unwrap();
    }
    suite.advance(MINUTE).await;
    assert_eq!(counts(&suite, "vips").await.delivered, 3);
    assert_eq!(counts(&suite, "cool").await.delivered, 4);
    assert_eq!(counts(&suite, "few").await.delivered, 2);
    let others = counts(&suite, "others").await;
    assert_eq!((others.planned, others.delivered), (5, 3));
    feed(&suite, "ann").await;
    unfollow(&suite, SHOP, "dan").await;
    suite.advance(MINUTE).await;
    let why = |id: &'static str, user: &'static str| {
        let suite = &suite;
        async move {
            let why = explain(suite, id, user).await;
            (why.outcome(), why.verdict(), why.seen_time.is_some())
        }
    };
    assert_eq!(why("vips", "ann").await, (PushOutcome::Delivered, ReachVerdict::Eligible, true));
    assert_eq!(why("vips", "bea").await, (PushOutcome::Delivered, ReachVerdict::Eligible, false));
    assert_eq!(why("vips", "cat").await, (PushOutcome::NotPlanned, ReachVerdict::OutsideTags, false));
    assert_eq!(why("vips", "dan").await, (PushOutcome::Hidden, ReachVerdict::Eligible, false));
    assert_eq!(why("cool", "eve").await, (PushOutcome::NotPlanned, ReachVerdict::OutsideTier, false));
    assert_eq!(why("few", "ann").await, (PushOutcome::NotPlanned, ReachVerdict::OutsidePackage, false));
    assert_eq!(why("others", "cat").await, (PushOutcome::Excluded, ReachVerdict::Excluded, false));
    assert_eq!(why("vips", "zoe").await, (PushOutcome::NotPlanned, ReachVerdict::UnknownFan, false));
    suite.finish().await;
}

async fn what_makes_no_sense_costs_nothing(suite: TestSuite) {
    shop_with(&suite, &["ann"]).await;
    suite.account("theirs", "other").await;
    create_card(&suite, "serum", link()).await.unwrap();
    let wrong = |content: PushContent| {
        let suite = &suite;
        async move {
            let push = Push { content: Some(content), ..Push::default() };
            fields(&create(suite, "wrong", push).await.unwrap_err())
        }
    };
    let card = |name: &str| PushContent { cards: vec![name.to_owned()], ..text("card") };
    assert_eq!(wrong(text(" ")).await, ["push.content.text"]);
    assert_eq!(wrong(text(&"字".repeat(2_001))).await, ["push.content.text"]);
    assert_eq!(wrong(text(&"x".repeat(1_000_000))).await, ["push.content.text"]);
    assert_eq!(wrong(PushContent { kind: 0, ..text("x") }).await, ["push.content.kind"]);
    assert_eq!(wrong(card("accounts/other/cards/serum")).await, ["push.content.cards"]);
    assert_eq!(wrong(card("accounts/shop/cards/nothing")).await, ["push.content.cards[0]"]);
    let video = PushContent {
        kind: PushContentKind::Video.into(),
        video: "accounts/shop/contents/nothing".to_owned(),
        ..text("")
    };
    assert_eq!(wrong(video).await, ["push.content.video"]);
    let with_card = Push { content: Some(card("accounts/shop/cards/serum")), ..Push::default() };
    create(&suite, "card", with_card).await.unwrap();
    assert_eq!(create(&suite, "card", Push::default()).await.unwrap_err().code(), Code::AlreadyExists);

    create(&suite, "good", Push::default()).await.unwrap();
    let past = schedule(&suite, "good", Some(at("2026-02-01T00:00:00Z"))).await.unwrap_err();
    assert_eq!(fields(&past), ["publish_time"]);
    let far = schedule(&suite, "good", Some(at("2028-01-01T00:00:00Z"))).await.unwrap_err();
    assert_eq!(fields(&far), ["publish_time"]);
    let filter = |filter: &str| Audience { filter: filter.to_owned(), ..Audience::default() };
    for (id, audience) in [("syntax", filter("tier >= AND")), ("nobody", filter("order_count > 1000"))] {
        create(&suite, id, Push { audience: Some(audience), ..Push::default() }).await.unwrap();
    }
    let syntax = schedule(&suite, "syntax", None).await.unwrap_err();
    assert_eq!(fields(&syntax), ["audience.filter"], "{syntax}");
    assert!(syntax.message().contains("character"), "{syntax}");
    let nobody = schedule(&suite, "nobody", None).await.unwrap_err();
    assert_eq!((nobody.code(), reason(&nobody)), (Code::FailedPrecondition, "CONDITION_NOT_MET".to_owned()));
    assert_eq!(schedule(&suite, "missing", None).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(allowance(&suite, None).await, (8, 0, 0));
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_push_reaches_who_follows_at_its_time,
    a_month_has_eight_and_what_is_not_sent_is_given_back,
    a_plan_is_applied_while_its_audience_is_the_same,
    quiet_hours_hold_and_a_pause_holds_longer,
    a_recall_leaves_nothing_but_the_correction,
    every_fan_is_told_why,
    what_makes_no_sense_costs_nothing
);
