//! What the CRM tells others: fans who stand elsewhere than before, once, and nothing when nothing changed.

use std::{collections::BTreeMap, time::Duration};

use siyu_proto::crm::v1::{FanStanding, FansChanged, InteractionKind as Kind, KindWeight, Tier, TierRules};
use siyu_tests::TestSuite;

use crate::{
    crm_tier_rules::{activate, create, strict},
    events::feed_events,
    observed::settle,
    support::{all_fans, event, follow, seconds_ago, send, store, tiers_rebuilt},
};

/// All that was told, oldest first.
pub(crate) async fn told(suite: &TestSuite) -> Vec<FansChanged> {
    settle(suite).await;
    let events = feed_events(suite, "feeds/crm", Vec::new()).await.unwrap();
    let payload = |event: siyu_proto::common::v1::Event| event.payload.unwrap().to_msg::<FansChanged>();
    events.into_iter().map(|event| payload(event).unwrap()).collect()
}

fn standing(user: &str, following: bool, tier: Tier) -> FanStanding {
    FanStanding { user: format!("users/{user}"), following, tier: tier.into(), tags: Vec::new() }
}

async fn who_moves_is_told_once(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let time = seconds_ago(&suite, 60);
    let mut sent = 0;
    let mut next = |user: &str, kind: Kind| {
        sent += 1;
        event(&format!("e{sent:02}"), user, kind, time)
    };
    // Somebody new who does not follow stands where strangers stand; more of the same moves nobody.
    let batch = vec![next("u1", Kind::View), next("u2", Kind::View), next("u2", Kind::Like)];
    send(&suite, "shop", batch).await.unwrap();
    assert_eq!(told(&suite).await, []);

    let batch = vec![next("u1", Kind::Follow), next("u3", Kind::Follow), next("u2", Kind::View)];
    send(&suite, "shop", batch.clone()).await.unwrap();
    send(&suite, "shop", batch).await.unwrap();
    let events = told(&suite).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].parent, "accounts/shop");
    let passers = [standing("u1", true, Tier::Passerby), standing("u3", true, Tier::Passerby)];
    assert_eq!(events[0].standings, passers);

    // There and back again within one transaction.
    let batch = vec![next("u4", Kind::Follow), next("u4", Kind::Unfollow)];
    send(&suite, "shop", batch).await.unwrap();
    let batch = vec![next("u1", Kind::Unfollow), next("u1", Kind::Follow), next("u3", Kind::View)];
    send(&suite, "shop", batch).await.unwrap();
    assert_eq!(told(&suite).await.len(), 1);

    send(&suite, "shop", vec![next("u3", Kind::Unfollow)]).await.unwrap();
    assert_eq!(told(&suite).await[1].standings, [standing("u3", false, Tier::Potential)]);
    suite.finish().await;
}

/// Where fans stand by all that was told of them.
fn by_events(events: &[FansChanged]) -> BTreeMap<String, FanStanding> {
    let standings = events.iter().flat_map(|event| &event.standings);
    standings.map(|standing| (standing.user.clone(), standing.clone())).collect()
}

/// Whoever follows the feed knows where every fan stands: who was never told of is a stranger to them.
async fn check_known(suite: &TestSuite, events: &[FansChanged]) {
    let known = by_events(events);
    for fan in all_fans(suite, "shop").await {
        let user = fan.user.trim_start_matches("users/");
        let stranger = standing(user, false, Tier::Potential);
        let told = known.get(&fan.user).unwrap_or(&stranger);
        assert_eq!((told.following, told.tier()), (fan.following, fan.tier()), "{user}");
    }
}

async fn decay_rules_and_rebuilds_are_told_too(suite: TestSuite) {
    const FANS: usize = 1_200;
    suite.account("lumi", "shop").await;
    let (mut follows, mut comments) = (Vec::new(), Vec::new());
    for fan in 0..FANS {
        let user = format!("u{fan}");
        follows.push(follow(&format!("f{fan}"), &user, seconds_ago(&suite, 100)));
        for number in 0..fan % 25 {
            let time = seconds_ago(&suite, 90 - i64::try_from(number).unwrap());
            comments.push(event(&format!("c{fan}-{number}"), &user, Kind::Comment, time));
        }
    }
    store(&suite, "shop", &follows).await;
    let sizes: Vec<usize> = told(&suite).await.iter().map(|event| event.standings.len()).collect();
    // They came in two batches; each fits into an event.
    assert_eq!(sizes, [1_000, 200]);
    store(&suite, "shop", &comments).await;
    let at_first = told(&suite).await;
    assert!(at_first.len() > sizes.len());
    check_known(&suite, &at_first).await;

    // By decay.
    suite.advance(Duration::from_secs(60 * 86_400)).await;
    let decayed = told(&suite).await;
    assert!(decayed.len() > at_first.len());
    check_known(&suite, &decayed).await;

    // By other rules.
    let weights = vec![KindWeight { kind: Kind::Comment.into(), points: 40.0 }];
    let rules = create(&suite, Some(TierRules { weights, ..strict() })).await.unwrap();
    activate(&suite, rules.version).await.unwrap();
    let ruled = told(&suite).await;
    assert!(ruled.len() > decayed.len());
    check_known(&suite, &ruled).await;

    // A rebuild that moves nobody says nothing.
    tiers_rebuilt(&suite, "shop").await;
    let rebuilt = told(&suite).await;
    check_known(&suite, &rebuilt).await;
    tiers_rebuilt(&suite, "shop").await;
    assert_eq!(told(&suite).await.len(), rebuilt.len());
    suite.finish().await;
}

siyu_tests::on_both_engines!(who_moves_is_told_once, decay_rules_and_rebuilds_are_told_too);
