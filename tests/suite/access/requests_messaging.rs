//! Good requests to the messaging service.

use siyu_proto::{
    common::v1::Role,
    messaging::v1::{
        CreateReplyRuleRequest, DeleteReplyRuleRequest, GetConversationRequest, GetReplyRuleRequest,
        GetReplySettingsRequest, ListDeskConversationsRequest, ListDeskMessagesRequest,
        ListReplyRulesRequest, MarkDeskReadRequest, Menu, RecallDeskMessageRequest, ReplyRule, ReplySettings,
        ReplyTrigger, SendDeskMessageRequest, SendMessageRequest, SetMenuRequest, StreamDeskRequest,
        TestReplyRequest, UpdateReplyRuleRequest, UpdateReplySettingsRequest,
    },
};
use siyu_tests::TestSuite;

use super::requests::{About, Good, good};
use crate::{
    auto_replies::{creation, replies, rule},
    messages::{desk, from_user, inbox, to_user},
};

/// What there must be in `accounts/{id}` before: the user `u1` has written, and was answered by what was taken
/// back; users are welcomed.
pub(super) async fn prepare(suite: &TestSuite, id: &str) {
    let parent = format!("accounts/{id}");
    let request = SendMessageRequest { parent: parent.clone(), ..from_user("u1", "hello") };
    inbox(suite).send_message(request).await.unwrap();
    let request = SendDeskMessageRequest { parent: parent.clone(), ..to_user("u1", "sorry") };
    desk(suite).send_desk_message(request).await.unwrap();
    let request = RecallDeskMessageRequest { parent, user: "users/u1".to_owned(), sequence: 2 };
    desk(suite).recall_desk_message(request).await.unwrap();
    let welcome = rule("welcome", ReplyTrigger::Welcome);
    let request = CreateReplyRuleRequest { parent: format!("accounts/{id}"), ..creation("welcome", welcome) };
    replies(suite).create_reply_rule(request).await.unwrap();
}

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let (parent, user) = (about.account(), "users/u1".to_owned());
    let (parent, user) = (|| parent.clone(), || user.clone());
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
        good(Role::Agent, &SendDeskMessageRequest { parent: parent(), ..to_user("u1", "welcome") }),
        good(Role::Agent, &GetConversationRequest { parent: parent(), user: user() }),
        good(Role::Agent, &ListDeskConversationsRequest { parent: parent(), ..Default::default() }),
        good(Role::Agent, &ListDeskMessagesRequest { parent: parent(), user: user(), ..Default::default() }),
        good(Role::Agent, &MarkDeskReadRequest { parent: parent(), user: user(), sequence: 1 }),
        good(Role::Agent, &RecallDeskMessageRequest { parent: parent(), user: user(), sequence: 2 }),
        good(Role::Agent, &StreamDeskRequest { parent: parent(), ..Default::default() }),
    ]
}
