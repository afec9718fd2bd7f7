//! Good requests about what is kept of conversations.

use siyu_proto::{
    common::v1::Role,
    messaging::v1::{
        EraseConversationRequest, ExportConversationsRequest, GetRetentionRequest, SearchMessagesRequest,
        SetRetentionRequest,
    },
};

use super::requests::{About, Good, good};

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let parent = || about.account();
    vec![
        good(
            Role::Agent,
            &SearchMessagesRequest { parent: parent(), query: "hello".to_owned(), ..Default::default() },
        ),
        good(Role::Admin, &ExportConversationsRequest { parent: parent(), ..Default::default() }),
        good(Role::Admin, &SetRetentionRequest { parent: parent(), days: 365, ..Default::default() }),
        good(Role::Admin, &GetRetentionRequest { parent: parent() }),
        good(Role::Admin, &EraseConversationRequest { parent: parent(), user: "users/u1".to_owned() }),
    ]
}
