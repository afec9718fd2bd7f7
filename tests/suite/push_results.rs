//! What came of pushes: who did what, at which rates, and what is attributed to them.

use std::time::Duration;

use siyu_proto::{
    crm::v1::{Interaction, InteractionKind as Kind},
    subscriptions::v1::{FeedAction, GetPushResultsRequest, Push, PushResults, PushState, UnfollowRequest},
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    feeds::{did, feed, publish, report},
    follows::{SHOP, follows},
    pushes::{create, get, named, pushes, recall, schedule, shop_with},
    support::{event, fields, order, purchase, seconds_ago, store},
};

const HOUR: Duration = Duration::from_secs(3_600);
const HOMEPAGE: &str = "accounts/shop/homepage";

async fn try_results(suite: &TestSuite, id: &str, window: Option<i64>) -> Result<PushResults, Status> {
    let attribution_window = window.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
    let request = GetPushResultsRequest { name: named(id), attribution_window };
    Ok(pushes(suite).get_push_results(request).await?.into_inner().results.unwrap())
}

async fn results(suite: &TestSuite, id: &str, window: Option<i64>) -> PushResults {
    try_results(suite, id, window).await.unwrap()
}

/// Something that happened this minute.
fn now(suite: &TestSuite, id: &str, user: &str, kind: Kind, mount: &str) -> Interaction {
    Interaction { mount: mount.to_owned(), ..event(id, user, kind, seconds_ago(suite, 1)) }
}

/// Ann clicks and buys; bea opens it, goes to the homepage and buys then; cat leaves by it; dan claims a coupon in it; eve never
/// looks.
async fn what_came_of_a_push_belongs_to_it(suite: TestSuite) {
    shop_with(&suite, &["ann", "bea", "cat", "dan", "eve"]).await;
    // Nothing that was before it comes of it.
    store(&suite, "shop", &[order("before", "ann", seconds_ago(&suite, 5), 9_900)]).await;
    publish(&suite, "spring", Push::default()).await;
    for user in ["ann", "bea", "cat", "dan"] {
        feed(&suite, user).await;
    }
    let acts = [
        ("ann", "open"),
        ("ann", "click"),
        ("ann", "convert"),
        ("bea", "open"),
        ("dan", "like"),
        ("dan", "collect"),
    ];
    for (user, act) in acts {
        let action = FeedAction::from_str_name(&format!("FEED_ACTION_{}", act.to_uppercase())).unwrap();
        let answer = report(&suite, user, vec![did(&format!("{user}-{act}"), "spring", action)]).await;
        assert_eq!(answer.recorded_count, 1, "{user} {act}");
    }
    let leaving =
        UnfollowRequest { parent: SHOP.to_owned(), user: "users/cat".to_owned(), mount: named("spring") };
    follows(&suite).unfollow(leaving).await.unwrap();
    suite.advance(HOUR).await;
    let visit = now(&suite, "visit", "bea", Kind::HomepageVisit, HOMEPAGE);
    let claim = now(&suite, "claim", "dan", Kind::CouponClaim, &named("spring"));
    let lead = now(&suite, "lead", "eve", Kind::Lead, HOMEPAGE);
    store(&suite, "shop", &[visit, claim, lead]).await;
    suite.advance(HOUR).await;
    let bought = [
        order("of-ann", "ann", seconds_ago(&suite, 1), 4_200),
        order("of-bea", "bea", seconds_ago(&suite, 1), 100),
        order("of-eve", "eve", seconds_ago(&suite, 1), 10),
        purchase("line-1", "ann", Kind::Order, seconds_ago(&suite, 2), ("taken-back", 5_000)),
        purchase("line-2", "ann", Kind::OrderCancel, seconds_ago(&suite, 1), ("taken-back", 0)),
    ];
    store(&suite, "shop", &bought).await;
    suite.advance(30 * HOUR).await;
    store(&suite, "shop", &[order("late", "ann", seconds_ago(&suite, 1), 800)]).await;

    let found = results(&suite, "spring", None).await;
    let expected = PushResults {
        push: named("spring"),
        planned_count: 5,
        delivered_count: 5,
        delivered_rate: 1.0,
        seen_count: 4,
        seen_rate: 0.8,
        open_count: 2,
        open_rate: 0.4,
        click_count: 1,
        click_rate: 0.2,
        like_count: 1,
        like_rate: 0.2,
        collect_count: 1,
        collect_rate: 0.2,
        conversion_count: 1,
        conversion_rate: 0.2,
        unfollow_count: 1,
        unfollow_rate: 0.2,
        claim_count: 1,
        order_count: 1,
        gmv_minor: 4_200,
        currency_code: "CNY".to_owned(),
        attribution_window: Some(prost_types::Duration { seconds: 86_400, nanos: 0 }),
        as_of: found.as_of,
        ..PushResults::default()
    };
    assert_eq!(found, expected);
    // A longer window has what came later; the homepage stays bea's last touch.
    let longer = results(&suite, "spring", Some(3 * 86_400)).await;
    assert_eq!((longer.order_count, longer.gmv_minor), (2, 5_000));
    let shorter = results(&suite, "spring", Some(60)).await;
    assert_eq!((shorter.order_count, shorter.unfollow_count, shorter.claim_count), (0, 1, 1));

    // Of one that is taken back, those had it who had seen it.
    recall(&suite, "spring", None).await.unwrap();
    let recalled = results(&suite, "spring", None).await;
    assert_eq!((recalled.planned_count, recalled.delivered_count, recalled.seen_rate), (5, 4, 1.0));
    assert_eq!(recalled.order_count, 1);
    suite.finish().await;
}

async fn a_draft_brought_nothing(suite: TestSuite) {
    shop_with(&suite, &["ann"]).await;
    create(&suite, "spring", Push::default()).await.unwrap();
    let nothing = PushResults { push: named("spring"), ..PushResults::default() };
    assert_eq!(results(&suite, "spring", None).await, nothing);
    let later = seconds_ago(&suite, -86_400);
    schedule(&suite, "spring", Some(later)).await.unwrap();
    assert_eq!(get(&suite, "spring").await.state(), PushState::Scheduled);
    assert_eq!(results(&suite, "spring", None).await, nothing);

    for seconds in [59, 7_776_001] {
        let status = try_results(&suite, "spring", Some(seconds)).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec!["attribution_window".to_owned()])
        );
    }
    let status = try_results(&suite, "winter", None).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    suite.finish().await;
}

siyu_tests::on_both_engines!(what_came_of_a_push_belongs_to_it, a_draft_brought_nothing);
