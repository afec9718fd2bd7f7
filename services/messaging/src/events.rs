//! What the service tells others, in `feeds/messaging`. What users did is told as the CRM reads it (`siyu-observed`).

use prost::Message as _;
use siyu_outbox::{Draft, fitting};
use siyu_proto::{
    crm::v1::{ReachChannel, Touch},
    messaging::v1::{
        ConversationRead, MessageChange, MessagesChanged, ResponseClockRang, ResponseClocksRang,
    },
};
use siyu_rpc::time::to_proto;

use crate::{
    app::desk::Rung,
    domain::{conversation::Conversation, message::Message},
    grpc::{agent_name, to_alarm, to_clock_kind, to_sender},
};

/// Messages of an account were stored or recalled: in as many events as it takes.
pub(crate) fn messages_changed<'a>(
    account_id: &str,
    messages: impl IntoIterator<Item = &'a Message>,
) -> Vec<Draft> {
    let change = |message: &Message| MessageChange {
        message: message.name(),
        sender: to_sender(message.sender).into(),
        create_time: Some(to_proto(message.create_time)),
        recalled: message.recall_time.is_some(),
        account_change: message.account_change,
        user_change: message.user_change,
    };
    let events = fitting(messages.into_iter().map(change), MessageChange::encoded_len);
    events
        .into_iter()
        .map(|changes| Draft::new(format!("accounts/{account_id}"), &MessagesChanged { changes }))
        .collect()
}

/// How the CRM is told that a message of an account reached its user.
pub(crate) fn touch(message: &Message) -> Touch {
    Touch {
        user: format!("users/{}", message.user_id),
        channel: ReachChannel::Message.into(),
        message: message.name(),
        author: message.author.clone(),
        touch_time: Some(to_proto(message.create_time)),
    }
}

/// Targets of an account are near or missed: in as many events as it takes.
pub(crate) fn clocks_rang(account_id: &str, rung: &[Rung]) -> Vec<Draft> {
    let told = |rung: &Rung| ResponseClockRang {
        conversation: rung.conversation.clone(),
        case_number: rung.case_number,
        clock: to_clock_kind(rung.rang.kind).into(),
        alarm: to_alarm(rung.rang.alarm).into(),
        start_time: Some(to_proto(rung.rang.start)),
        due_time: Some(to_proto(rung.rang.time)),
        agent: agent_name(account_id, &rung.agent_id),
    };
    let events = fitting(rung.iter().map(told), ResponseClockRang::encoded_len);
    events
        .into_iter()
        .map(|rang| Draft::new(format!("accounts/{account_id}"), &ResponseClocksRang { rang }))
        .collect()
}

/// One side has read further; `message` is the one it read up to.
pub(crate) fn conversation_read(conversation: &Conversation, message: &Message) -> Draft {
    let Conversation { account_id, user_id, .. } = conversation;
    let read = ConversationRead {
        conversation: format!("accounts/{account_id}/conversations/{user_id}"),
        user_read_sequence: conversation.user_read_sequence,
        account_read_sequence: conversation.account_read_sequence,
        account_change: message.account_change,
        user_change: message.user_change,
    };
    Draft::new(format!("accounts/{account_id}"), &read)
}
