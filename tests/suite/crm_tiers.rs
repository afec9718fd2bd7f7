//! Tiers (C3) under the platform's default rules: a view is worth 1 point, a follow 5, a share 6, an order 20, halved
//! every 30 days; favorable from 30 down to 20, true love from 100 down to 70.

use std::time::Duration;

use siyu_clock::Micros;
use siyu_proto::crm::v1::{
    Interaction, InteractionKind as Kind, ListTierChangesRequest, Tier, TierChange, TierChangeCause as Cause,
};
use siyu_rpc::time::to_proto;
use siyu_tests::TestSuite;
use tonic::Code;

use crate::support::{
    event, fan, follow, micros, order, reason, seconds_ago, store, tier_changes, tiers_rebuilt, try_fan,
};

const DAY: Duration = Duration::from_secs(86_400);

/// A follow and five orders at this moment: 105 points, true love.
async fn true_love(suite: &TestSuite, user: &str) {
    let now = seconds_ago(suite, 0);
    let id = |letter: &str| format!("{user}-{letter}");
    let mut history = vec![follow(&id("f"), user, now)];
    history.extend(["a", "b", "c", "d", "e"].map(|letter| order(&id(letter), user, now, 1_000)));
    store(suite, "shop", &history).await;
    assert_eq!(fan(suite, "shop", user).await.tier(), Tier::TrueLove);
}

/// Advances the clock to a moment.
async fn advance_to(suite: &TestSuite, moment: i64) {
    suite.advance(Micros(moment).since(suite.clock.now())).await;
    assert_eq!(suite.clock.now(), Micros(moment));
}

/// The moves of a fan, oldest first, without their times and scores.
async fn moves(suite: &TestSuite, user: &str) -> Vec<(Tier, Tier, Cause, String)> {
    let mut changes = tier_changes(suite, &format!("accounts/shop/fans/{user}")).await;
    changes.reverse();
    let brief = |c: &TierChange| (c.from_tier(), c.to_tier(), c.cause(), c.event_id.clone());
    changes.iter().map(brief).collect()
}

async fn a_fan_climbs_by_what_they_do(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let now = seconds_ago(&suite, 0);
    let steps = [
        (event("view", "u1", Kind::View, now), Tier::Potential, 1.0),
        (follow("follow", "u1", now), Tier::Passerby, 6.0),
        (order("order-1", "u1", now, 100), Tier::Passerby, 26.0),
        (event("click", "u1", Kind::Click, now), Tier::Passerby, 28.0),
        (event("like", "u1", Kind::Like, now), Tier::Favorable, 30.0),
        (event("share", "u1", Kind::Share, now), Tier::Favorable, 36.0),
        (order("order-2", "u1", now, 100), Tier::Favorable, 56.0),
        (order("order-3", "u1", now, 100), Tier::Favorable, 76.0),
        (order("order-4", "u1", now, 100), Tier::Favorable, 96.0),
        (event("comment", "u1", Kind::Comment, now), Tier::TrueLove, 100.0),
    ];
    for (interaction, tier, intimacy) in steps {
        store(&suite, "shop", std::slice::from_ref(&interaction)).await;
        let found = fan(&suite, "shop", "u1").await;
        assert_eq!((found.tier(), found.intimacy), (tier, intimacy), "{}", interaction.event_id);
        assert_eq!((found.tier_since, found.tier_rules_version), (Some(now), 0));
    }
    let change = |from: Tier, to: Tier, cause: Cause, event_id: &str, intimacy| TierChange {
        fan: "accounts/shop/fans/u1".to_owned(),
        from_tier: from.into(),
        to_tier: to.into(),
        cause: cause.into(),
        event_id: event_id.to_owned(),
        tier_rules_version: 0,
        intimacy,
        change_time: Some(now),
    };
    let expected = [
        change(Tier::Favorable, Tier::TrueLove, Cause::Interaction, "comment", 100.0),
        change(Tier::Passerby, Tier::Favorable, Cause::Interaction, "like", 30.0),
        change(Tier::Potential, Tier::Passerby, Cause::Follow, "follow", 6.0),
        change(Tier::Unspecified, Tier::Potential, Cause::Interaction, "view", 1.0),
    ];
    assert_eq!(tier_changes(&suite, "accounts/shop/fans/u1").await, expected);
    suite.finish().await;
}

async fn decay_lowers_the_tier_at_the_announced_moment_and_not_before(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    true_love(&suite, "u1").await;
    let climbed = tier_changes(&suite, "accounts/shop").await.len();
    let half_life = 30.0 * 86_400.0 * 1e6;
    let start = suite.clock.now().0;
    let falls = [(Tier::TrueLove, Tier::Favorable, 70.0_f64), (Tier::Favorable, Tier::Passerby, 20.0)];
    for (number, (from, to, edge)) in falls.into_iter().enumerate() {
        let due = micros(fan(&suite, "shop", "u1").await.next_tier_change_time.as_ref());
        let computed = half_life * (105.0 / edge).log2();
        assert!(((due - start) as f64 - computed).abs() < 5.0, "{due}");

        advance_to(&suite, due - 1).await;
        assert_eq!(fan(&suite, "shop", "u1").await.tier(), from);
        assert_eq!(tier_changes(&suite, "accounts/shop").await.len(), climbed + number);

        advance_to(&suite, due).await;
        let fallen = fan(&suite, "shop", "u1").await;
        assert_eq!((fallen.tier(), fallen.tier_since), (to, Some(to_proto(Micros(due)))));
        let change = tier_changes(&suite, "accounts/shop").await.swap_remove(0);
        assert_eq!((change.from_tier(), change.to_tier(), change.cause()), (from, to, Cause::Decay));
        assert_eq!((change.event_id.as_str(), change.change_time), ("", Some(to_proto(Micros(due)))));
        assert!((change.intimacy - edge).abs() < 1e-4, "{}", change.intimacy);
    }
    assert_eq!(fan(&suite, "shop", "u1").await.next_tier_change_time, None);
    suite.advance(DAY * 3_000).await;
    assert_eq!(tier_changes(&suite, "accounts/shop").await.len(), climbed + 2);
    suite.finish().await;
}

async fn a_long_silence_is_one_move_and_a_new_interaction_puts_off_the_fall(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    true_love(&suite, "silent").await;
    true_love(&suite, "active").await;
    let due = micros(fan(&suite, "shop", "active").await.next_tier_change_time.as_ref());
    advance_to(&suite, due - 1).await;
    let viewed = event("again", "active", Kind::View, seconds_ago(&suite, 0));
    store(&suite, "shop", &[viewed]).await;
    assert!(micros(fan(&suite, "shop", "active").await.next_tier_change_time.as_ref()) > due);
    advance_to(&suite, due).await;
    assert_eq!(fan(&suite, "shop", "active").await.tier(), Tier::TrueLove);
    assert_eq!(fan(&suite, "shop", "silent").await.tier(), Tier::Favorable);

    true_love(&suite, "late").await;
    suite.clock.advance_to(suite.clock.now().plus(DAY * 365));
    // Nothing has run yet: what is due is done when the fan is touched, before the touch counts.
    let viewed = event("late-view", "late", Kind::View, seconds_ago(&suite, 0));
    store(&suite, "shop", &[viewed]).await;
    let last = moves(&suite, "late").await.pop().unwrap();
    assert_eq!(last, (Tier::TrueLove, Tier::Passerby, Cause::Decay, String::new()));
    suite.advance(Duration::from_micros(1)).await;
    let last = moves(&suite, "active").await.pop().unwrap();
    assert_eq!(last, (Tier::TrueLove, Tier::Passerby, Cause::Decay, String::new()));
    suite.finish().await;
}

async fn unfollowing_makes_a_potential_fan_whatever_the_score(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    true_love(&suite, "u1").await;
    let climbed = moves(&suite, "u1").await.len();
    suite.advance(DAY).await;
    let now = |id: &str, kind| event(id, "u1", kind, seconds_ago(&suite, 0));
    store(&suite, "shop", &[now("leave", Kind::Unfollow)]).await;
    let left = fan(&suite, "shop", "u1").await;
    assert_eq!((left.tier(), left.following, left.next_tier_change_time), (Tier::Potential, false, None));
    suite.advance(DAY).await;
    // An unfollow that happened before the one that is known changes nothing.
    let earlier = event("earlier", "u1", Kind::Unfollow, seconds_ago(&suite, 90_000));
    store(&suite, "shop", &[earlier, now("return", Kind::Follow)]).await;
    let expected = [
        (Tier::TrueLove, Tier::Potential, Cause::Unfollow, "leave".to_owned()),
        (Tier::Potential, Tier::TrueLove, Cause::Follow, "return".to_owned()),
    ];
    assert_eq!(moves(&suite, "u1").await[climbed..], expected);
    // Nor does one that arrives late but happened before the return.
    let late: Interaction = event("late", "u1", Kind::Unfollow, seconds_ago(&suite, 10));
    store(&suite, "shop", &[late]).await;
    assert!(fan(&suite, "shop", "u1").await.following);
    suite.finish().await;
}

async fn tier_changes_are_listed_page_by_page_of_the_account_or_of_one_fan(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let now = seconds_ago(&suite, 0);
    for user in ["u1", "u2", "u3"] {
        let view = event(&format!("{user}-view"), user, Kind::View, now);
        store(&suite, "shop", &[view]).await;
    }
    store(&suite, "shop", &[follow("u1-follow", "u1", now), follow("u3-follow", "u3", now)]).await;

    let mut request = ListTierChangesRequest {
        parent: "accounts/shop".to_owned(),
        page_size: 2,
        ..ListTierChangesRequest::default()
    };
    let mut event_ids = Vec::new();
    for page_size in [2, 2, 1] {
        let page = suite.tiers().list_tier_changes(request.clone()).await.unwrap().into_inner();
        assert_eq!(page.tier_changes.len(), page_size);
        event_ids.extend(page.tier_changes.into_iter().map(|change| change.event_id));
        request.page_token = page.next_page_token;
    }
    assert_eq!(request.page_token, "");
    assert_eq!(event_ids, ["u3-follow", "u1-follow", "u3-view", "u2-view", "u1-view"]);

    request.page_size = 1;
    let token = suite.tiers().list_tier_changes(request.clone()).await.unwrap().into_inner().next_page_token;
    let of_fan = |user: &str, page_token: &str| ListTierChangesRequest {
        parent: format!("accounts/shop/fans/{user}"),
        page_size: 1,
        page_token: page_token.to_owned(),
    };
    let first = suite.tiers().list_tier_changes(of_fan("u1", "")).await.unwrap().into_inner();
    let second =
        suite.tiers().list_tier_changes(of_fan("u1", &first.next_page_token)).await.unwrap().into_inner();
    let ids = [&first, &second].map(|page| page.tier_changes[0].event_id.as_str());
    assert_eq!((ids, second.next_page_token.as_str()), (["u1-follow", "u1-view"], ""));

    let status = suite.tiers().list_tier_changes(of_fan("u1", &token)).await.unwrap_err();
    assert_eq!(reason(&status), "INVALID_PAGE_TOKEN");
    let status = suite.tiers().list_tier_changes(of_fan("nobody", "")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
    request.parent = "accounts/nowhere".to_owned();
    assert_eq!(suite.tiers().list_tier_changes(request).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn a_rebuild_keeps_events_of_a_clock_that_runs_ahead(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let ahead = |id: &str, kind| event(id, "u1", kind, seconds_ago(&suite, -300));
    store(&suite, "shop", &[ahead("f", Kind::Follow), ahead("s", Kind::Share)]).await;
    let before = fan(&suite, "shop", "u1").await;
    assert_eq!((before.tier(), before.intimacy), (Tier::Passerby, 11.0));
    tiers_rebuilt(&suite, "shop").await;
    assert_eq!(fan(&suite, "shop", "u1").await, before);
    suite.advance(Duration::from_secs(300)).await;
    assert_eq!(fan(&suite, "shop", "u1").await.intimacy, 11.0);
    assert_eq!(try_fan(&suite, "shop", "u2").await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_fan_climbs_by_what_they_do,
    decay_lowers_the_tier_at_the_announced_moment_and_not_before,
    a_long_silence_is_one_move_and_a_new_interaction_puts_off_the_fall,
    unfollowing_makes_a_potential_fan_whatever_the_score,
    tier_changes_are_listed_page_by_page_of_the_account_or_of_one_fan,
    a_rebuild_keeps_events_of_a_clock_that_runs_ahead,
);
