//! Messages and conversations on the wire and in the domain.

use siyu_proto::messaging::v1::{self as pb, MessageContentKind, MessageSender};
use siyu_rpc::{Error, name, time::to_proto};

use super::{convert_replies::to_held, desk_convert::to_case};
use crate::{
    app::{Listed, Window, allowance::Allowance},
    domain::{
        message::{Content, ContentKind, Message, Sender},
        policy::MessagePolicy,
    },
};

const DEFAULT_SIZE: usize = 50;
const MOST_SIZE: usize = 200;

/// The ids of a conversation, which is named by its account and user.
pub(super) fn ids<'a>(parent: &'a str, user: &'a str) -> Result<[&'a str; 2], Error> {
    Ok([name::id(parent, "accounts", "parent")?, name::id(user, "users", "user")?])
}

/// What a message says.
pub(super) fn content(sent: Option<pb::MessageContent>) -> Result<Content, Error> {
    content_in(sent.unwrap_or_default(), "content")
}

/// What a message says that stands in a field.
pub(super) fn content_in(sent: pb::MessageContent, field: &str) -> Result<Content, Error> {
    let kind = match sent.kind() {
        MessageContentKind::Text => ContentKind::Text,
        MessageContentKind::Picture => ContentKind::Picture,
        MessageContentKind::Video => ContentKind::Video,
        MessageContentKind::Card => ContentKind::Card,
        MessageContentKind::Menu => {
            let rule = "must not be MENU, which comes of taps on the menu";
            return Err(Error::invalid_field(format!("{field}.kind"), rule));
        }
        MessageContentKind::Unspecified => {
            return Err(Error::invalid_field(format!("{field}.kind"), "must be set"));
        }
    };
    let pb::MessageContent { text, uri, card, .. } = sent;
    Ok(Content { text, uri, card, ..Content::empty(kind) })
}

/// Which messages are asked for, and how many.
pub(super) fn window(
    before_sequence: i64,
    after_sequence: Option<i64>,
    page_size: i32,
) -> Result<(Window, usize), Error> {
    let window = match (before_sequence, after_sequence) {
        (0, None) => Window::Latest,
        (before, None) => Window::Before(before),
        (0, Some(after)) => Window::After(after),
        _ => {
            return Err(Error::invalid_field("after_sequence", "does not go together with before_sequence"));
        }
    };
    let size = usize::try_from(page_size).unwrap_or_default();
    Ok((window, if size == 0 { DEFAULT_SIZE } else { size.min(MOST_SIZE) }))
}

/// Whose side a message comes from.
pub(super) fn sender(sender: MessageSender) -> Result<Sender, Error> {
    match sender {
        MessageSender::User => Ok(Sender::User),
        MessageSender::Account => Ok(Sender::Account),
        MessageSender::Unspecified => Err(Error::invalid_field("sender", "must be set")),
    }
}

pub(crate) fn to_sender(sender: Sender) -> MessageSender {
    match sender {
        Sender::User => MessageSender::User,
        Sender::Account => MessageSender::Account,
    }
}

/// A message as one side is shown it: users are not told who wrote for the account.
pub(super) fn to_message(message: &Message, reader: Sender) -> pb::Message {
    let author = match reader {
        Sender::User => String::new(),
        Sender::Account => message.author.clone(),
    };
    pb::Message {
        name: message.name(),
        sequence: message.sequence,
        sender: to_sender(message.sender).into(),
        author,
        client_message_id: message.client_message_id.clone(),
        content: message.content.as_ref().map(to_content),
        create_time: Some(to_proto(message.create_time)),
        recall_time: message.recall_time.map(to_proto),
        causation_depth: message.causation_depth,
        forget_time: message.forget_time.map(to_proto),
    }
}

pub(super) fn to_content(content: &Content) -> pb::MessageContent {
    let kind = match content.kind {
        ContentKind::Text => MessageContentKind::Text,
        ContentKind::Picture => MessageContentKind::Picture,
        ContentKind::Video => MessageContentKind::Video,
        ContentKind::Card => MessageContentKind::Card,
        ContentKind::Menu => MessageContentKind::Menu,
    };
    let Content { text, uri, card, menu_item, .. } = content.clone();
    pb::MessageContent { kind: kind.into(), text, uri, card, menu_item }
}

pub(super) fn to_conversation(listed: &Listed, reader: Sender) -> pb::Conversation {
    let Listed { conversation, last_message } = listed;
    let (account_id, user_id) = (&conversation.account_id, &conversation.user_id);
    let of_desk = conversation.desk.as_deref().filter(|_| reader == Sender::Account);
    let held_reply = conversation.automation.held.filter(|_| reader == Sender::Account);
    pb::Conversation {
        name: format!("accounts/{account_id}/conversations/{user_id}"),
        account: format!("accounts/{account_id}"),
        user: format!("users/{user_id}"),
        last_sequence: conversation.last_sequence,
        last_message: last_message.as_ref().map(|message| to_message(message, reader)),
        unread_count: conversation.unread_count(reader),
        user_read_sequence: conversation.user_read_sequence,
        account_read_sequence: conversation.account_read_sequence,
        last_message_time: Some(to_proto(conversation.last_time)),
        support_case: of_desk.map(|desk| to_case(account_id, desk)),
        held_reply: held_reply.map(to_held),
        hand_over_time: conversation.automation.hand_over_time.map(to_proto),
    }
}

pub(super) fn to_allowance(allowance: Allowance) -> pb::MessageAllowance {
    pb::MessageAllowance {
        limit: allowance.limit,
        used: allowance.used,
        mutual: allowance.is_mutual,
        policy_version: allowance.policy_version,
    }
}

pub(super) fn to_policy(policy: &MessagePolicy) -> pb::MessagePolicy {
    pb::MessagePolicy {
        version: policy.version,
        effective_time: Some(to_proto(policy.effective_time)),
        certified_limit: policy.certified_limit,
        basic_limit: policy.basic_limit,
        create_time: Some(to_proto(policy.create_time)),
    }
}
