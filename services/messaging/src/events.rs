//! What the service tells others, in `feeds/messaging`. What users did is told as the CRM reads it (`siyu-observed`).

use prost::Message as _;
use siyu_outbox::{Draft, fitting};
use siyu_proto::messaging::v1::{MessageChange, MessagesChanged};
use siyu_rpc::time::to_proto;

use crate::{domain::message::Message, grpc::to_sender};

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
