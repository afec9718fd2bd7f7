//! Good requests about automatic replies and the menu of the messaging service.

use siyu_proto::{
    common::v1::Role,
    messaging::v1::{
        CreateReplyRuleRequest, DeleteReplyRuleRequest, GetReplyRuleRequest, GetReplySettingsRequest,
        ListReplyRulesRequest, Menu, ReplyRule, ReplySettings, ReplyTrigger, SetMenuRequest,
        TestReplyRequest, UpdateReplyRuleRequest, UpdateReplySettingsRequest,
    },
};
use siyu_tests::TestSuite;

use super::requests::{About, Good, good};
use crate::auto_replies::{creation, replies, rule};

/// What there must be in `accounts/{id}` before: users are welcomed.
pub(super) async fn prepare(suite: &TestSuite, id: &str) {
    let welcome = rule("welcome", ReplyTrigger::Welcome);
    let request = CreateReplyRuleRequest { parent: format!("accounts/{id}"), ..creation("welcome", welcome) };
    replies(suite).create_reply_rule(request).await.unwrap();
}

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let parent = || about.account();
    let welcome = || format!("{}/replyRules/welcome", parent());
    let sent = || ReplyRule { name: welcome(), ..rule("welcome", ReplyTrigger::Welcome) };
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let settings = ReplySettings {
        name: format!("{}/replySettings", parent()),
        max_causation_depth: 3,
        agent_pause: seconds(1),
        max_answers: 9,
        answer_window: seconds(60),
        ..ReplySettings::default()
    };
    let turn = about.turn;
    let menu = Menu { name: format!("{}/menu", parent()), ..Menu::default() };
    vec![
        good(Role::Operator, &CreateReplyRuleRequest { parent: parent(), ..creation(turn, sent()) }),
        good(Role::Analyst, &GetReplyRuleRequest { name: welcome() }),
        good(Role::Analyst, &ListReplyRulesRequest { parent: parent(), ..Default::default() }),
        good(Role::Operator, &UpdateReplyRuleRequest { reply_rule: Some(sent()), ..Default::default() }),
        good(
            Role::Operator,
            &DeleteReplyRuleRequest { name: format!("{}/replyRules/{turn}", parent()), ..Default::default() },
        ),
        good(
            Role::Analyst,
            &TestReplyRequest { parent: parent(), text: "hello".to_owned(), ..Default::default() },
        ),
        good(Role::Analyst, &GetReplySettingsRequest { name: settings.name.clone() }),
        good(
            Role::Admin,
            &UpdateReplySettingsRequest { reply_settings: Some(settings), ..Default::default() },
        ),
        good(Role::Operator, &SetMenuRequest { menu: Some(menu), ..Default::default() }),
    ]
}
