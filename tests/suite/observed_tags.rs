//! Tags that come with what another service observed: made where they are missing, given once, told with the standing.

use siyu_proto::crm::v1::{
    FanStanding, FansChanged, GetFanStandingRequest, Interaction, InteractionKind as Kind,
    InteractionsObserved, TagAssignment, UntagFansRequest, tag_service_client::TagServiceClient,
};
use siyu_tests::TestSuite;

use crate::{
    events::feed_events,
    observed::{Observer, observed, settle},
    support::{event, execute, open_db, seconds_ago},
};

const POSTER: &str = "accounts/shop/entryCodes/poster";

async fn standing(suite: &TestSuite, user: &str) -> FanStanding {
    let name = format!("accounts/shop/fans/{user}");
    let answer = suite.fans().get_fan_standing(GetFanStandingRequest { name }).await.unwrap();
    answer.into_inner().standing.unwrap()
}

fn tag(user: &str, tag: &str) -> TagAssignment {
    TagAssignment { user: format!("users/{user}"), tag: tag.to_owned(), cause: POSTER.to_owned() }
}

fn scan(suite: &TestSuite, id: &str, user: &str, tags: Vec<TagAssignment>) -> InteractionsObserved {
    let scan =
        Interaction { mount: POSTER.to_owned(), ..event(id, user, Kind::Scan, seconds_ago(suite, 60)) };
    InteractionsObserved { tag_assignments: tags, ..observed("shop", vec![scan]) }
}

async fn a_scan_brings_its_tags_once(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let observer = Observer::new(&suite).await;
    let scanned = scan(&suite, "scan:1", "u1", vec![tag("u1", "offline"), tag("u1", "poster")]);
    observer.tell(vec![scanned.clone(), scan(&suite, "scan:2", "u2", vec![tag("u2", "offline")])]).await;
    settle(&suite).await;
    assert_eq!(standing(&suite, "u1").await.tags, ["offline", "poster"]);
    assert_eq!(standing(&suite, "u2").await.tags, ["offline"]);

    // Whoever follows the feed of the CRM knows it too.
    let told = feed_events(&suite, "feeds/crm", Vec::new()).await.unwrap();
    let told =
        told.into_iter().flat_map(|event| event.payload.unwrap().to_msg::<FansChanged>().unwrap().standings);
    let tags: Vec<_> = told.map(|standing| (standing.user, standing.tags)).collect();
    assert_eq!(
        tags,
        [
            ("users/u1".to_owned(), vec!["offline".to_owned(), "poster".to_owned()]),
            ("users/u2".to_owned(), vec!["offline".to_owned()]),
        ]
    );

    // A tag that an operator took away does not come back with the same event, read again or written again.
    let request =
        UntagFansRequest { name: "accounts/shop/tags/poster".to_owned(), users: vec!["users/u1".to_owned()] };
    TagServiceClient::new(suite.client()).untag_fans(request).await.unwrap();
    observer.tell(vec![scanned]).await;
    let crm = open_db(suite.config.crm_database_url()).await;
    execute(&crm, "DELETE FROM event_cursor").await;
    settle(&suite).await;
    settle(&suite).await;
    assert_eq!(standing(&suite, "u1").await.tags, ["offline"]);
    // Another scan is another reason.
    observer.tell(vec![scan(&suite, "scan:3", "u1", vec![tag("u1", "poster")])]).await;
    settle(&suite).await;
    settle(&suite).await;
    assert_eq!(standing(&suite, "u1").await.tags, ["offline", "poster"]);
    crm.close().await;
    observer.close().await;
    suite.finish().await;
}

async fn bad_tags_hold_up_nothing(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let observer = Observer::new(&suite).await;
    let long = TagAssignment { cause: "x".repeat(10_000), ..tag("u1", "long") };
    let zero = TagAssignment { cause: "\0".to_owned(), ..tag("u1", "zero") };
    let bad =
        vec![tag("u1", "No Tag"), tag("u1", ""), tag("stranger", "offline"), long, zero, tag("u1", "good")];
    // With an interaction that is bad come no tags.
    let future = Interaction {
        event_time: Some(seconds_ago(&suite, -86_400)),
        ..scan(&suite, "e", "u2", vec![]).interactions.remove(0)
    };
    let refused =
        InteractionsObserved { tag_assignments: vec![tag("u2", "good")], ..observed("shop", vec![future]) };
    observer.tell(vec![scan(&suite, "scan:1", "u1", bad), refused]).await;
    settle(&suite).await;
    assert_eq!(standing(&suite, "u1").await.tags, ["good"]);
    assert_eq!(standing(&suite, "u2").await.tags, [""; 0]);
    observer.close().await;
    suite.finish().await;
}

siyu_tests::on_both_engines!(a_scan_brings_its_tags_once, bad_tags_hold_up_nothing);
