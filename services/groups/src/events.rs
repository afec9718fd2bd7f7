//! What the service tells others, in `feeds/groups`. What members did is told as the CRM reads it (`siyu-observed`).

use prost::Message as _;
use siyu_outbox::{Draft, fitting};
use siyu_proto::groups::v1::{
    GroupCreated, GroupMessageChange, GroupMessagesChanged, GroupUpdated, MemberJoined, MemberLeft,
};
use siyu_rpc::time::to_proto;

use crate::{
    domain::{group::Group, member::Member, message::Message},
    grpc::{to_group, to_member},
};

fn key(account_id: &str) -> String {
    format!("accounts/{account_id}")
}

pub(crate) fn group_created(group: &Group) -> Draft {
    Draft::new(key(&group.account_id), &GroupCreated { group: Some(to_group(group)) })
}

pub(crate) fn group_updated(group: &Group) -> Draft {
    Draft::new(key(&group.account_id), &GroupUpdated { group: Some(to_group(group)) })
}

pub(crate) fn member_joined(member: &Member) -> Draft {
    Draft::new(key(&member.account_id), &MemberJoined { member: Some(to_member(member)) })
}

pub(crate) fn member_left(member: &Member) -> Draft {
    Draft::new(key(&member.account_id), &MemberLeft { member: Some(to_member(member)) })
}

/// Messages of an account's groups were said or recalled: in as many events as it takes.
pub(crate) fn messages_changed<'a>(
    account_id: &str,
    messages: impl IntoIterator<Item = &'a Message>,
) -> Vec<Draft> {
    let user = |message: &Message| match message.user_id.as_str() {
        "" => String::new(),
        user_id => format!("users/{user_id}"),
    };
    let change = |message: &Message| GroupMessageChange {
        message: message.name(),
        user: user(message),
        create_time: Some(to_proto(message.create_time)),
        recalled: message.recall_time.is_some(),
        change: message.change,
    };
    let events = fitting(messages.into_iter().map(change), GroupMessageChange::encoded_len);
    let event = |changes| Draft::new(key(account_id), &GroupMessagesChanged { changes });
    events.into_iter().map(event).collect()
}
