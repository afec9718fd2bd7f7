//! Good requests to the messaging service.

use prost_types::Timestamp;
use siyu_proto::{
    common::v1::Role,
    messaging::v1::{
        AgentState, CannedReply, CloseConversationRequest, CreateCannedReplyRequest, CreateNoteRequest,
        DeleteAgentRequest, DeleteCannedReplyRequest, GetBusinessCalendarRequest, GetCannedReplyRequest,
        GetConversationRequest, GetResponseReportRequest, GetResponseTargetsRequest, ListAgentsRequest,
        ListCannedRepliesRequest, ListDeskConversationsRequest, ListDeskMessagesRequest, ListNotesRequest,
        ListQueueRequest, MarkDeskReadRequest, RecallDeskMessageRequest, RenderCannedReplyRequest,
        ReopenConversationRequest, SendDeskMessageRequest, SendMessageRequest, SetAgentStateRequest,
        SetBusinessCalendarRequest, SetLabelsRequest, SetResponseTargetsRequest, StreamDeskRequest,
        TakeConversationRequest, TransferConversationRequest, UpdateAgentRequest, UpdateCannedReplyRequest,
        canned_reply_service_client::CannedReplyServiceClient,
    },
};
use siyu_tests::TestSuite;

use super::{
    requests::{About, Good, good},
    requests_archive, requests_macros, requests_moderation, requests_questionnaires, requests_replies,
};
use crate::{
    desk::support,
    messages::{desk, from_user, inbox, to_user},
};

/// What there must be in `accounts/{id}` before: the user `u1` has written, was answered by what was taken back,
/// and writes again to a desk with an agent; there is a canned reply.
pub(super) async fn prepare(suite: &TestSuite, id: &str) {
    let parent = format!("accounts/{id}");
    let request = SendMessageRequest { parent: parent.clone(), ..from_user("u1", "hello") };
    inbox(suite).send_message(request).await.unwrap();
    let request = SendDeskMessageRequest { parent: parent.clone(), ..to_user("u1", "sorry") };
    desk(suite).send_desk_message(request).await.unwrap();
    requests_moderation::prepare(suite, id).await;
    let request =
        RecallDeskMessageRequest { parent: parent.clone(), user: "users/u1".to_owned(), sequence: 2 };
    desk(suite).recall_desk_message(request).await.unwrap();
    let request = CreateCannedReplyRequest {
        parent: parent.clone(),
        canned_reply_id: "hello".to_owned(),
        canned_reply: Some(CannedReply { text: "Hello".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    CannedReplyServiceClient::new(suite.client()).create_canned_reply(request).await.unwrap();
    let name = format!("accounts/{id}/agents/op");
    let request = SetAgentStateRequest { name, state: AgentState::Online.into(), ..Default::default() };
    support(suite).set_agent_state(request).await.unwrap();
    // The case waits for what is done with it.
    let request = SendMessageRequest { parent, ..from_user("u1", "again") };
    inbox(suite).send_message(request).await.unwrap();
    requests_replies::prepare(suite, id).await;
    requests_macros::prepare(suite, id).await;
    requests_questionnaires::prepare(suite, id).await;
}

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let (parent, user) = (about.account(), "users/u1".to_owned());
    let (parent, user) = (|| parent.clone(), || user.clone());
    // Whoever calls is an agent.
    let agent = format!("{}/agents/op", parent());
    let hello = format!("{}/cannedReplies/hello", parent());
    let reply = format!("{}/cannedReplies/{}", parent(), about.turn);
    let day = |day: i64| Some(Timestamp { seconds: day * 86_400, nanos: 0 });
    let own = vec![
        good(Role::Agent, &SendDeskMessageRequest { parent: parent(), ..to_user("u1", "welcome") }),
        good(Role::Agent, &GetConversationRequest { parent: parent(), user: user() }),
        good(Role::Agent, &ListDeskConversationsRequest { parent: parent(), ..Default::default() }),
        good(Role::Agent, &ListDeskMessagesRequest { parent: parent(), user: user(), ..Default::default() }),
        good(Role::Agent, &MarkDeskReadRequest { parent: parent(), user: user(), sequence: 1 }),
        good(Role::Agent, &RecallDeskMessageRequest { parent: parent(), user: user(), sequence: 2 }),
        good(Role::Agent, &StreamDeskRequest { parent: parent(), ..Default::default() }),
    ];
    let support = vec![
        good(
            Role::Agent,
            &SetAgentStateRequest {
                name: agent.clone(),
                state: AgentState::Online.into(),
                ..Default::default()
            },
        ),
        good(Role::Admin, &UpdateAgentRequest { name: agent.clone(), capacity: 5, ..Default::default() }),
        good(Role::Agent, &ListAgentsRequest { parent: parent() }),
        good(Role::Agent, &ListQueueRequest { parent: parent(), ..Default::default() }),
        good(Role::Agent, &TakeConversationRequest { parent: parent(), user: user(), ..Default::default() }),
        good(
            Role::Agent,
            &TransferConversationRequest { parent: parent(), user: user(), ..Default::default() },
        ),
        good(Role::Agent, &CloseConversationRequest { parent: parent(), user: user(), ..Default::default() }),
        good(
            Role::Agent,
            &ReopenConversationRequest { parent: parent(), user: user(), ..Default::default() },
        ),
        good(Role::Agent, &SetLabelsRequest { parent: parent(), user: user(), ..Default::default() }),
        good(
            Role::Agent,
            &CreateNoteRequest {
                parent: parent(),
                user: user(),
                text: "vip".to_owned(),
                ..Default::default()
            },
        ),
        good(Role::Agent, &ListNotesRequest { parent: parent(), user: user(), ..Default::default() }),
        good(Role::Admin, &DeleteAgentRequest { name: agent, ..Default::default() }),
        good(
            Role::Operator,
            &CreateCannedReplyRequest {
                parent: parent(),
                canned_reply_id: about.turn.to_owned(),
                canned_reply: Some(CannedReply { text: "Hello".to_owned(), ..Default::default() }),
                ..Default::default()
            },
        ),
        good(Role::Agent, &GetCannedReplyRequest { name: hello.clone() }),
        good(Role::Agent, &ListCannedRepliesRequest { parent: parent(), ..Default::default() }),
        good(
            Role::Operator,
            &UpdateCannedReplyRequest {
                canned_reply: Some(CannedReply {
                    name: reply.clone(),
                    text: "Hi".to_owned(),
                    ..Default::default()
                }),
                ..Default::default()
            },
        ),
        good(Role::Agent, &RenderCannedReplyRequest { name: hello, user: user(), ..Default::default() }),
        good(Role::Operator, &DeleteCannedReplyRequest { name: reply, ..Default::default() }),
        good(Role::Admin, &SetBusinessCalendarRequest { parent: parent(), ..Default::default() }),
        good(Role::Agent, &GetBusinessCalendarRequest { parent: parent() }),
        good(Role::Admin, &SetResponseTargetsRequest { parent: parent(), ..Default::default() }),
        good(Role::Agent, &GetResponseTargetsRequest { parent: parent() }),
        good(
            Role::Analyst,
            &GetResponseReportRequest { parent: parent(), start_time: day(1), end_time: day(2) },
        ),
    ];
    [
        own,
        support,
        requests_moderation::all(about),
        requests_questionnaires::all(about),
        requests_replies::all(about),
        requests_archive::all(about),
        requests_macros::all(about),
    ]
    .concat()
}
