//! Rules that give tags to fans (C5): by what holds of them, gone through in steps.

use std::time::Duration;

use siyu_proto::crm::v1::{
    CreateTagRuleRequest, DeleteTagRuleRequest, GetTagRuleRequest, LifecycleStage, ListTagRulesRequest,
    TagCondition, TagOrigin, TagRule, Tier, UpdateTagRuleRequest,
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    support::{event, fields, order, reason, seconds_ago, store},
    tags::{create, delete, get, shop_with_fans, standing_tags, tag, tagged, tags_of},
};

const DAY: Duration = Duration::from_secs(86_400);

/// Fans with orders.
pub(crate) fn customers(min_order_count: i64) -> TagCondition {
    TagCondition { min_order_count, ..TagCondition::default() }
}

async fn make(
    suite: &TestSuite,
    rule_id: &str,
    tag: &str,
    condition: TagCondition,
) -> Result<TagRule, Status> {
    make_in(suite, "shop", rule_id, tag, condition).await
}

/// Makes a rule of `accounts/{account}`.
pub(crate) async fn make_in(
    suite: &TestSuite,
    account: &str,
    rule_id: &str,
    tag: &str,
    condition: TagCondition,
) -> Result<TagRule, Status> {
    let request = CreateTagRuleRequest {
        parent: format!("accounts/{account}"),
        tag_rule: Some(TagRule { tag: tag.to_owned(), condition: Some(condition), ..TagRule::default() }),
        tag_rule_id: rule_id.to_owned(),
        ..Default::default()
    };
    suite.tag_rules().create_tag_rule(request).await.map(|answer| answer.into_inner().tag_rule.unwrap())
}

async fn read(suite: &TestSuite, rule_id: &str) -> Result<TagRule, Status> {
    let request = GetTagRuleRequest { name: format!("accounts/shop/tagRules/{rule_id}") };
    suite.tag_rules().get_tag_rule(request).await.map(|answer| answer.into_inner().tag_rule.unwrap())
}

async fn change(suite: &TestSuite, rule: TagRule) -> Result<TagRule, Status> {
    let request = UpdateTagRuleRequest { tag_rule: Some(rule), ..Default::default() };
    suite.tag_rules().update_tag_rule(request).await.map(|answer| answer.into_inner().tag_rule.unwrap())
}

async fn remove(suite: &TestSuite, rule_id: &str) -> Result<(), Status> {
    let name = format!("accounts/shop/tagRules/{rule_id}");
    suite.tag_rules().delete_tag_rule(DeleteTagRuleRequest { name, ..Default::default() }).await.map(drop)
}

async fn a_rule_gives_its_tag_while_it_holds(suite: TestSuite) {
    shop_with_fans(&suite, &["u1", "u2", "u3"]).await;
    store(&suite, "shop", &[order("o1", "u1", seconds_ago(&suite, 9), 100)]).await;
    create(&suite, "shop", "buyer").await.unwrap();
    tag(&suite, "buyer", &["u3"]).await.unwrap();
    let rule = make(&suite, "bought", "buyer", customers(1)).await.unwrap();
    assert_eq!((rule.pass_time, rule.etag.as_str()), (None, "\"1\""));
    suite.advance(Duration::from_secs(1)).await;
    assert_eq!(tagged(&suite, "buyer", 0).await, ["u1", "u3"]);
    let given = tags_of(&suite, "u1").await.swap_remove(0);
    assert_eq!((given.origin(), given.cause.as_str()), (TagOrigin::Rule, "accounts/shop/tagRules/bought"));
    assert_eq!(read(&suite, "bought").await.unwrap().pass_time, Some(seconds_ago(&suite, 0)));

    // What changes is seen the next day.
    store(&suite, "shop", &[order("o2", "u2", seconds_ago(&suite, 9), 100)]).await;
    suite.advance(Duration::from_secs(60)).await;
    assert_eq!(tagged(&suite, "buyer", 0).await, ["u1", "u3"]);
    suite.advance(DAY).await;
    assert_eq!(tagged(&suite, "buyer", 0).await, ["u1", "u2", "u3"]);

    // Another condition counts at once; what an operator gave stays.
    let stale = change(&suite, TagRule { etag: "\"7\"".to_owned(), ..rule.clone() }).await.unwrap_err();
    assert_eq!(reason(&stale), "ETAG_MISMATCH");
    change(&suite, TagRule { condition: Some(customers(2)), ..rule }).await.unwrap();
    suite.advance(Duration::from_secs(1)).await;
    assert_eq!(tagged(&suite, "buyer", 0).await, ["u3"]);
    assert_eq!(get(&suite, "buyer").await.unwrap().fan_count, 1);
    suite.finish().await;
}

async fn time_alone_makes_a_rule_hold_no_longer(suite: TestSuite) {
    shop_with_fans(&suite, &["u1"]).await;
    let settled = TagCondition {
        min_tier: Tier::Passerby.into(),
        stages: vec![LifecycleStage::Settled.into()],
        active_within: Some(prost_types::Duration { seconds: 2 * 86_400, nanos: 0 }),
        ..TagCondition::default()
    };
    let rule = make(&suite, "fresh", "fresh", settled.clone()).await.unwrap();
    assert_eq!(rule.condition, Some(settled));
    suite.advance(DAY).await;
    assert_eq!(standing_tags(&suite, "u1").await, ["fresh"]);
    suite.advance(DAY * 2).await;
    assert_eq!(standing_tags(&suite, "u1").await, Vec::<String>::new());
    suite.finish().await;
}

async fn a_tag_has_one_rule_and_goes_after_it(suite: TestSuite) {
    shop_with_fans(&suite, &["u1"]).await;
    store(&suite, "shop", &[order("o1", "u1", seconds_ago(&suite, 9), 100)]).await;
    make(&suite, "bought", "buyer", customers(1)).await.unwrap();
    suite.advance(Duration::from_secs(1)).await;
    assert_eq!(standing_tags(&suite, "u1").await, ["buyer"]);
    let other = make(&suite, "other", "buyer", customers(2)).await.unwrap_err();
    assert_eq!((other.code(), reason(&other).as_str()), (Code::FailedPrecondition, "WRONG_STATE"));
    assert_eq!(reason(&delete(&suite, "buyer", "").await.unwrap_err()), "WRONG_STATE");
    assert_eq!(reason(&make(&suite, "bought", "x", customers(1)).await.unwrap_err()), "RESOURCE_EXISTS");

    remove(&suite, "bought").await.unwrap();
    assert_eq!(read(&suite, "bought").await.unwrap_err().code(), Code::NotFound);
    let all = ListTagRulesRequest { parent: "accounts/shop".to_owned(), ..Default::default() };
    assert_eq!(suite.tag_rules().list_tag_rules(all).await.unwrap().into_inner().tag_rules, []);
    suite.advance(Duration::from_secs(1)).await;
    assert_eq!(standing_tags(&suite, "u1").await, Vec::<String>::new());
    delete(&suite, "buyer", "").await.unwrap();
    make(&suite, "bought", "buyer", customers(1)).await.unwrap();
    suite.finish().await;
}

async fn mistakes_in_rules_are_named_and_leave_nothing(suite: TestSuite) {
    shop_with_fans(&suite, &["u1"]).await;
    let cases = [
        ("tag_rule_id", "No", "buyer", customers(1)),
        ("tag_rule.tag", "bought", "No", customers(1)),
        ("tag_rule.tag", "bought", "", customers(1)),
        ("tag_rule.condition", "bought", "buyer", customers(0)),
        ("tag_rule.condition.min_order_count", "bought", "buyer", customers(-1)),
        ("tag_rule.condition.min_tier", "bought", "buyer", TagCondition { min_tier: 9, ..customers(1) }),
        ("tag_rule.condition.stages[0]", "bought", "buyer", TagCondition { stages: vec![0], ..customers(1) }),
    ];
    for (field, rule_id, tag, condition) in cases {
        let status = make(&suite, rule_id, tag, condition).await.unwrap_err();
        let mut named = fields(&status);
        named.dedup();
        assert_eq!((reason(&status).as_str(), named), ("INVALID_FIELD", vec![field.to_owned()]));
    }
    assert_eq!(get(&suite, "buyer").await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

/// A pass in chunks of 500 goes on where it was, whatever happens in between, and ends where a plain look at all would.
async fn a_pass_over_many_fans_comes_to_its_end(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let mut sent = Vec::new();
    for number in 0..1_700 {
        let (user, time) = (format!("u{number:04}"), seconds_ago(&suite, 60));
        sent.push(match number % 3 {
            0 => order(&format!("o{number}"), &user, time, 100),
            _ => event(&format!("v{number}"), &user, siyu_proto::crm::v1::InteractionKind::View, time),
        });
    }
    store(&suite, "shop", &sent).await;
    make(&suite, "bought", "buyer", customers(1)).await.unwrap();
    // Half way, as a process that was killed leaves it.
    let crm = crate::support::open_db(suite.config.crm_database_url()).await;
    crate::support::execute(&crm, "UPDATE tag_rule SET done_ordinal = 1000").await;
    suite.advance(Duration::from_secs(1)).await;
    assert_eq!(get(&suite, "buyer").await.unwrap().fan_count, 233);
    crate::support::execute(&crm, "UPDATE tag_rule SET due_time = 0").await;
    crm.close().await;
    suite.advance(Duration::from_secs(1)).await;
    assert_eq!(get(&suite, "buyer").await.unwrap().fan_count, 567);
    assert_eq!(tagged(&suite, "buyer", 1_000).await.len(), 567);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_rule_gives_its_tag_while_it_holds,
    time_alone_makes_a_rule_hold_no_longer,
    a_tag_has_one_rule_and_goes_after_it,
    mistakes_in_rules_are_named_and_leave_nothing,
    a_pass_over_many_fans_comes_to_its_end,
);
