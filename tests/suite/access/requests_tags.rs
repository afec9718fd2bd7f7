//! Good requests about tags and lifecycles of `siyu.crm.v1`.

use siyu_proto::{
    common::v1::Role,
    crm::v1::{
        ActivateLifecycleRulesRequest, BacktestLifecycleRulesRequest, CreateLifecycleRulesRequest,
        CreateTagRequest, CreateTagRuleRequest, DeleteTagRequest, DeleteTagRuleRequest, FanTagRow,
        GetFanLifecycleRequest, GetLifecycleDistributionRequest, GetTagRequest, GetTagRuleRequest,
        ImportFanTagsRequest, ListFanTagsRequest, ListLifecycleRulesRequest, ListTagRulesRequest,
        ListTaggedFansRequest, ListTagsRequest, Tag, TagCondition, TagFansRequest, TagRule, UntagFansRequest,
        UpdateTagRequest, UpdateTagRuleRequest,
    },
};

use super::requests::{About, Good, good};
use crate::lifecycle::strict;

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    [tags(about), rules(about), lifecycle(about)].into_iter().flatten().collect()
}

fn lifecycle(about: About<'_>) -> Vec<Good> {
    let parent = about.account();
    let name = format!("{parent}/lifecycleRules/0");
    vec![
        good(Role::Admin, &ActivateLifecycleRulesRequest { name: name.clone() }),
        good(Role::Analyst, &BacktestLifecycleRulesRequest { name }),
        good(
            Role::Admin,
            &CreateLifecycleRulesRequest {
                parent: parent.clone(),
                lifecycle_rules: Some(strict()),
                ..Default::default()
            },
        ),
        good(Role::Analyst, &GetFanLifecycleRequest { name: format!("{parent}/fans/u1") }),
        good(Role::Analyst, &GetLifecycleDistributionRequest { parent: parent.clone() }),
        good(Role::Analyst, &ListLifecycleRulesRequest { parent, ..Default::default() }),
    ]
}

fn rules(about: About<'_>) -> Vec<Good> {
    let parent = about.account();
    let name = format!("{parent}/tagRules/{}", about.turn);
    let condition = TagCondition { min_order_count: 1, ..TagCondition::default() };
    let tag_rule = TagRule {
        name: name.clone(),
        tag: about.turn.to_owned(),
        condition: Some(condition),
        ..TagRule::default()
    };
    vec![
        good(
            Role::Operator,
            &CreateTagRuleRequest {
                parent: parent.clone(),
                tag_rule: Some(tag_rule.clone()),
                tag_rule_id: about.turn.to_owned(),
                ..Default::default()
            },
        ),
        good(Role::Analyst, &GetTagRuleRequest { name: format!("{}/tagRules/bought", about.account()) }),
        good(Role::Analyst, &ListTagRulesRequest { parent, ..Default::default() }),
        good(Role::Operator, &UpdateTagRuleRequest { tag_rule: Some(tag_rule), ..Default::default() }),
        good(Role::Operator, &DeleteTagRuleRequest { name, ..Default::default() }),
    ]
}

fn tags(about: About<'_>) -> Vec<Good> {
    let parent = about.account();
    let name = format!("{parent}/tags/vip");
    let tag = Tag { name: name.clone(), display_name: "VIP".to_owned(), ..Tag::default() };
    let users = vec!["users/u1".to_owned()];
    let rows = vec![FanTagRow { user: "users/u1".to_owned(), tag: "vip".to_owned() }];
    vec![
        good(
            Role::Operator,
            &CreateTagRequest {
                parent: parent.clone(),
                tag: Some(tag.clone()),
                tag_id: about.turn.to_owned(),
                ..Default::default()
            },
        ),
        good(Role::Analyst, &GetTagRequest { name: name.clone() }),
        good(Role::Analyst, &ListTagsRequest { parent: parent.clone(), ..Default::default() }),
        good(
            Role::Operator,
            &UpdateTagRequest {
                tag: Some(tag),
                update_mask: Some(prost_types::FieldMask { paths: vec!["display_name".to_owned()] }),
                ..Default::default()
            },
        ),
        good(Role::Operator, &TagFansRequest { name: name.clone(), users: users.clone() }),
        good(Role::Operator, &UntagFansRequest { name: name.clone(), users }),
        good(
            Role::Operator,
            &ImportFanTagsRequest { parent: parent.clone(), rows, cause: "members.csv".to_owned() },
        ),
        good(
            Role::Analyst,
            &ListFanTagsRequest { parent: format!("{parent}/fans/u1"), ..Default::default() },
        ),
        good(Role::Analyst, &ListTaggedFansRequest { parent: name, ..Default::default() }),
        good(
            Role::Operator,
            &DeleteTagRequest { name: format!("{parent}/tags/{}", about.turn), ..Default::default() },
        ),
    ]
}
