//! Rules that give tags by what fans did with contents (C5): met once, the tag stays.

use std::time::Duration;

use prost_types::Timestamp;
use siyu_proto::{
    accounts::v1::{Content, ContentKind},
    crm::v1::{
        BehaviourCondition, CreateTagRuleRequest, DeleteTagRuleRequest, GetTagRuleRequest, Interaction,
        InteractionKind as Kind, TagOrigin, TagRule, UpdateTagRuleRequest,
    },
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    contents::{contents, register, update},
    fans_changed::told,
    observed::settle,
    support::{event, fields, reason, seconds_ago, send, store},
    tag_rules::customers,
    tags::{create, delete, get, tagged, tags_of, untag},
};

/// Three likes or shares of contents about skin care, within a day.
fn three_a_day() -> BehaviourCondition {
    BehaviourCondition {
        topics: vec!["skincare".to_owned(), "sun".to_owned()],
        kinds: vec![Kind::Like.into(), Kind::Share.into()],
        min_count: 3,
        within: Some(prost_types::Duration { seconds: 86_400, nanos: 0 }),
    }
}

fn rule(behaviour: BehaviourCondition) -> TagRule {
    TagRule { tag: "fond".to_owned(), behaviour: Some(behaviour), ..TagRule::default() }
}

async fn make(suite: &TestSuite, tag_rule: TagRule) -> Result<TagRule, Status> {
    let request = CreateTagRuleRequest {
        parent: "accounts/shop".to_owned(),
        tag_rule: Some(tag_rule),
        tag_rule_id: "fond".to_owned(),
        ..Default::default()
    };
    suite.tag_rules().create_tag_rule(request).await.map(|answer| answer.into_inner().tag_rule.unwrap())
}

async fn change(suite: &TestSuite, tag_rule: TagRule) -> Result<TagRule, Status> {
    let request = UpdateTagRuleRequest { tag_rule: Some(tag_rule), ..Default::default() };
    suite.tag_rules().update_tag_rule(request).await.map(|answer| answer.into_inner().tag_rule.unwrap())
}

async fn remove(suite: &TestSuite) {
    let request =
        DeleteTagRuleRequest { name: "accounts/shop/tagRules/fond".to_owned(), ..Default::default() };
    suite.tag_rules().delete_tag_rule(request).await.unwrap();
}

async fn pass_time(suite: &TestSuite) -> Option<Timestamp> {
    let request = GetTagRuleRequest { name: "accounts/shop/tagRules/fond".to_owned() };
    suite.tag_rules().get_tag_rule(request).await.unwrap().into_inner().tag_rule.unwrap().pass_time
}

fn name_of(content: &str) -> String {
    format!("accounts/shop/contents/{content}")
}

fn video(topics: &[&str]) -> Content {
    Content {
        kind: ContentKind::Video.into(),
        title: "How to".to_owned(),
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        ..Content::default()
    }
}

/// An account with videos about skin care (`cream`, `mask`), tea (`tea`) and nothing (`plain`).
async fn shop(suite: &TestSuite) {
    suite.account("lumi", "shop").await;
    for (id, topics) in
        [("cream", &["skincare"][..]), ("mask", &["skincare", "sun"]), ("tea", &["tea"]), ("plain", &[])]
    {
        register(contents(suite), id, video(topics)).await.unwrap();
    }
    settle(suite).await;
}

/// Somebody did something with a content, so many hours ago.
fn did(suite: &TestSuite, id: &str, user: &str, (kind, content): (Kind, &str), hours: i64) -> Interaction {
    Interaction { target: name_of(content), ..event(id, user, kind, seconds_ago(suite, hours * 3_600)) }
}

async fn the_last_of_so_many_gives_the_tag(suite: TestSuite) {
    shop(&suite).await;
    let made = make(&suite, rule(three_a_day())).await.unwrap();
    assert_eq!((made.behaviour, made.condition), (Some(three_a_day()), None));
    let first = did(&suite, "e1", "u1", (Kind::Like, "cream"), 9);
    store(&suite, "shop", &[first.clone(), did(&suite, "e2", "u1", (Kind::Share, "mask"), 8)]).await;
    // What was sent before, other kinds, other topics, no topics, other accounts and what came through a content count not.
    assert_eq!(send(&suite, "shop", vec![first]).await.unwrap().duplicate_count, 1);
    let through = Interaction {
        mount: name_of("cream"),
        ..event("e6", "u1", Kind::Like, seconds_ago(&suite, 4 * 3_600))
    };
    let foreign = Interaction {
        target: "accounts/other/contents/cream".to_owned(),
        ..did(&suite, "e7", "u1", (Kind::Like, "cream"), 3)
    };
    let others = [
        did(&suite, "e3", "u1", (Kind::View, "cream"), 7),
        did(&suite, "e4", "u1", (Kind::Like, "tea"), 6),
        did(&suite, "e5", "u1", (Kind::Like, "plain"), 5),
        through,
        foreign,
        did(&suite, "e8", "u2", (Kind::Like, "cream"), 2),
    ];
    store(&suite, "shop", &others).await;
    assert_eq!(tagged(&suite, "fond", 0).await, Vec::<String>::new());

    store(&suite, "shop", &[did(&suite, "e9", "u1", (Kind::Like, "mask"), 1)]).await;
    assert_eq!(tagged(&suite, "fond", 0).await, ["u1"]);
    let given = tags_of(&suite, "u1").await.swap_remove(0);
    assert_eq!((given.origin(), given.cause.as_str()), (TagOrigin::Behaviour, "accounts/shop/tagRules/fond"));
    assert_eq!(get(&suite, "fond").await.unwrap().fan_count, 1);
    let standing = told(&suite).await.pop().unwrap().standings.pop().unwrap();
    assert_eq!((standing.user.as_str(), standing.tags), ("users/u1", vec!["fond".to_owned()]));

    // It stays, whatever comes, until an operator takes it; then it takes another such interaction.
    suite.advance(Duration::from_secs(40 * 86_400)).await;
    assert_eq!(tagged(&suite, "fond", 0).await, ["u1"]);
    untag(&suite, "fond", &["u1"]).await.unwrap();
    store(&suite, "shop", &[did(&suite, "x1", "u1", (Kind::Like, "tea"), 40 * 24)]).await;
    assert_eq!(tagged(&suite, "fond", 0).await, Vec::<String>::new());
    suite.finish().await;
}

async fn event_times_decide_whatever_the_order(suite: TestSuite) {
    shop(&suite).await;
    make(&suite, rule(three_a_day())).await.unwrap();
    suite.advance(Duration::from_secs(1)).await;
    let like = (Kind::Like, "cream");
    // A day and an hour from first to last: too long. What comes late and lies between makes it three within a day.
    let apart = [did(&suite, "a1", "late", like, 100), did(&suite, "a3", "late", like, 75)];
    store(&suite, "shop", &apart).await;
    store(&suite, "shop", &[did(&suite, "a2", "late", like, 101)]).await;
    assert_eq!(tagged(&suite, "fond", 0).await, Vec::<String>::new());
    store(&suite, "shop", &[did(&suite, "a4", "late", like, 99)]).await;
    assert_eq!(tagged(&suite, "fond", 0).await, ["late"]);

    // In one batch, out of order, exactly a day from first to last.
    let batch = [30, 6, 18].map(|hours| did(&suite, &format!("b{hours}"), "batch", like, hours));
    store(&suite, "shop", &batch).await;
    assert_eq!(tagged(&suite, "fond", 0).await, ["late", "batch"]);
    suite.finish().await;
}

async fn who_met_it_before_is_found_when_the_rule_is_made_or_changed(suite: TestSuite) {
    shop(&suite).await;
    let mut sent = Vec::new();
    for number in 0..1_200_i64 {
        let (user, hours) = (format!("u{number:04}"), 2_000 - number);
        let content = if number % 3 == 0 { "tea" } else { "cream" };
        sent.push(did(&suite, &format!("l{number}"), &user, (Kind::Like, content), hours));
        sent.push(did(&suite, &format!("s{number}"), &user, (Kind::Share, content), hours - 1));
    }
    store(&suite, "shop", &sent).await;
    let two = BehaviourCondition { min_count: 2, ..three_a_day() };
    let made = make(&suite, rule(three_a_day())).await.unwrap();
    suite.advance(Duration::from_secs(1)).await;
    assert_eq!(get(&suite, "fond").await.unwrap().fan_count, 0);
    let passed = pass_time(&suite).await;
    assert_eq!(passed, Some(seconds_ago(&suite, 0)));
    // All fans are gone through once, not daily.
    suite.advance(Duration::from_secs(2 * 86_400)).await;
    assert_eq!(pass_time(&suite).await, passed);

    let changed = change(&suite, TagRule { behaviour: Some(two), ..made }).await.unwrap();
    suite.advance(Duration::from_secs(1)).await;
    assert_eq!(get(&suite, "fond").await.unwrap().fan_count, 800);
    // What it gave stays when it asks for more, and when it is deleted.
    change(&suite, TagRule { behaviour: Some(three_a_day()), ..changed }).await.unwrap();
    suite.advance(Duration::from_secs(1)).await;
    assert_eq!(get(&suite, "fond").await.unwrap().fan_count, 800);
    remove(&suite).await;
    suite.advance(Duration::from_secs(1)).await;
    assert_eq!(get(&suite, "fond").await.unwrap().fan_count, 800);
    let more = [1, 2, 3].map(|n| did(&suite, &format!("m{n}"), "u0000", (Kind::Like, "cream"), n));
    store(&suite, "shop", &more).await;
    assert_eq!(get(&suite, "fond").await.unwrap().fan_count, 800);
    delete(&suite, "fond", "").await.unwrap();
    suite.finish().await;
}

async fn topics_that_become_known_later_count(suite: TestSuite) {
    shop(&suite).await;
    make(&suite, rule(three_a_day())).await.unwrap();
    suite.advance(Duration::from_secs(1)).await;
    let likes = [("e1", "new"), ("e2", "new"), ("e3", "plain")];
    let likes = likes.map(|(id, content)| did(&suite, id, "u1", (Kind::Like, content), 1));
    store(&suite, "shop", &likes).await;
    register(contents(&suite), "new", video(&["sun"])).await.unwrap();
    settle(&suite).await;
    suite.advance(Duration::from_secs(1)).await;
    assert_eq!(tagged(&suite, "fond", 0).await, Vec::<String>::new());
    let plain = Content { name: name_of("plain"), topics: vec!["skincare".to_owned()], ..Content::default() };
    update(contents(&suite), plain, &["topics"]).await.unwrap();
    settle(&suite).await;
    suite.advance(Duration::from_secs(1)).await;
    assert_eq!(tagged(&suite, "fond", 0).await, ["u1"]);

    // Topics that a content no longer has count no more.
    let cream = Content { name: name_of("cream"), ..Content::default() };
    update(contents(&suite), cream, &["topics"]).await.unwrap();
    settle(&suite).await;
    let likes = [1, 2, 3].map(|n| did(&suite, &format!("c{n}"), "u2", (Kind::Like, "cream"), n));
    store(&suite, "shop", &likes).await;
    suite.advance(Duration::from_secs(1)).await;
    assert_eq!(tagged(&suite, "fond", 0).await, ["u1"]);
    suite.finish().await;
}

async fn mistakes_in_behaviours_are_named(suite: TestSuite) {
    shop(&suite).await;
    let span = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let behaviours = [
        ("topics", BehaviourCondition { topics: vec![], ..three_a_day() }),
        ("topics[0]", BehaviourCondition { topics: vec!["Skin".to_owned()], ..three_a_day() }),
        ("topics", BehaviourCondition { topics: (0..21).map(|n| n.to_string()).collect(), ..three_a_day() }),
        ("topics[0]", BehaviourCondition { topics: vec!["x".repeat(1_000_000)], ..three_a_day() }),
        ("kinds", BehaviourCondition { kinds: vec![], ..three_a_day() }),
        ("kinds[0]", BehaviourCondition { kinds: vec![0], ..three_a_day() }),
        ("kinds[0]", BehaviourCondition { kinds: vec![99], ..three_a_day() }),
        ("kinds[1]", BehaviourCondition { kinds: vec![1, Kind::Order.into()], ..three_a_day() }),
        ("min_count", BehaviourCondition { min_count: 0, ..three_a_day() }),
        ("min_count", BehaviourCondition { min_count: 1_001, ..three_a_day() }),
        ("within", BehaviourCondition { within: None, ..three_a_day() }),
        ("within", BehaviourCondition { within: span(0), ..three_a_day() }),
    ];
    for (field, behaviour) in behaviours {
        let status = make(&suite, rule(behaviour)).await.unwrap_err();
        let mut named = fields(&status);
        named.dedup();
        let expected = vec![format!("tag_rule.behaviour.{field}")];
        assert_eq!((status.code(), named), (Code::InvalidArgument, expected), "{status:.200}");
    }
    let both = TagRule { condition: Some(customers(1)), ..rule(three_a_day()) };
    assert_eq!(fields(&make(&suite, both).await.unwrap_err()), ["tag_rule.behaviour"]);
    let neither = TagRule { tag: "fond".to_owned(), ..TagRule::default() };
    assert_eq!(fields(&make(&suite, neither).await.unwrap_err()), ["tag_rule.condition"]);
    assert_eq!(get(&suite, "fond").await.unwrap_err().code(), Code::NotFound);

    // A rule keeps its form.
    let made = make(&suite, rule(three_a_day())).await.unwrap();
    let other = TagRule { condition: Some(customers(1)), behaviour: None, ..made };
    assert_eq!(fields(&change(&suite, other).await.unwrap_err()), ["tag_rule.condition"]);
    // Its tag may be one that operators give too.
    create(&suite, "shop", "vip").await.unwrap();
    let again = make(&suite, rule(three_a_day())).await.unwrap_err();
    assert_eq!(reason(&again), "RESOURCE_EXISTS");
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    the_last_of_so_many_gives_the_tag,
    event_times_decide_whatever_the_order,
    who_met_it_before_is_found_when_the_rule_is_made_or_changed,
    topics_that_become_known_later_count,
    mistakes_in_behaviours_are_named,
);
