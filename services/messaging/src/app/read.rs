//! Reading conversations and their messages (M1).

use std::collections::HashMap;

use siyu_db::Tx;
use siyu_rpc::{Error, Page};

use crate::{
    Messaging,
    domain::{conversation::Conversation, message::Message},
    store,
};

/// Which messages of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    /// The newest.
    Latest,
    /// The newest before a sequence.
    Before(i64),
    /// The oldest after a sequence.
    After(i64),
}

/// A conversation with its last message.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) conversation: Conversation,
    pub(crate) last_message: Option<Message>,
}

/// Whose conversations.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Owner<'a> {
    Account(&'a str),
    User(&'a str),
}

impl Messaging {
    /// That there is such an account.
    pub(crate) async fn check_account(&self, account_id: &str) -> Result<(), Error> {
        self.accounts.check(account_id).await
    }

    /// A page of the conversations of an account or a user, newest first, and the token of the next.
    pub(crate) async fn list_conversations(
        &self,
        owner: Owner<'_>,
        page: &Page<(i64, String)>,
    ) -> Result<(Vec<Listed>, String), Error> {
        if let Owner::Account(account_id) = owner {
            self.check_account(account_id).await?;
        }
        let mut tx = self.db.begin_read().await?;
        let before = page.after.as_ref().map_or((i64::MAX, ""), |(time, id)| (*time, id.as_str()));
        let limit = page.limit();
        let mut found = match owner {
            Owner::Account(id) => store::conversation::of_account(&mut tx, id, before, limit).await?,
            Owner::User(id) => store::conversation::of_user(&mut tx, id, before, limit).await?,
        };
        let next = page.finish(&mut found, |last| {
            let other = match owner {
                Owner::Account(_) => &last.user_id,
                Owner::User(_) => &last.account_id,
            };
            (last.last_time.0, other.clone())
        })?;
        Ok((with_last_messages(&mut tx, found).await?, next))
    }

    /// A conversation with its last message.
    pub(crate) async fn listed(&self, conversation: Conversation) -> Result<Listed, Error> {
        let mut tx = self.db.begin_read().await?;
        let name =
            (conversation.account_id.as_str(), conversation.user_id.as_str(), conversation.last_sequence);
        let last_message = store::message::find(&mut tx, &[name]).await?.pop();
        Ok(Listed { conversation, last_message })
    }

    /// At most `size` messages of a conversation, oldest first, and whether there are more of them.
    pub(crate) async fn list_messages(
        &self,
        ids: [&str; 2],
        window: Window,
        size: usize,
    ) -> Result<(Vec<Message>, bool), Error> {
        let limit = i64::try_from(size).unwrap_or(i64::MAX - 1) + 1;
        let mut tx = self.db.begin_read().await?;
        conversation(&mut tx, ids).await?;
        let mut found = match window {
            Window::After(sequence) => store::message::after(&mut tx, ids, sequence, limit).await?,
            Window::Before(sequence) => store::message::before(&mut tx, ids, sequence, limit).await?,
            Window::Latest => store::message::before(&mut tx, ids, i64::MAX, limit).await?,
        };
        let has_more = found.len() > size;
        found.truncate(size);
        if !matches!(window, Window::After(_)) {
            found.reverse();
        }
        Ok((found, has_more))
    }
}

/// A conversation in which somebody has written.
pub(super) async fn conversation(
    tx: &mut Tx,
    [account_id, user_id]: [&str; 2],
) -> Result<Conversation, Error> {
    let found = store::conversation::find(tx, [(account_id, user_id)]).await?.pop();
    found.ok_or_else(|| Error::not_found(&format!("accounts/{account_id}/conversations/{user_id}")))
}

/// Conversations with their last messages.
pub(super) async fn with_last_messages(tx: &mut Tx, found: Vec<Conversation>) -> Result<Vec<Listed>, Error> {
    let names: Vec<_> = found
        .iter()
        .map(|found| (found.account_id.as_str(), found.user_id.as_str(), found.last_sequence))
        .collect();
    let messages = store::message::find(tx, &names).await?;
    let mut messages: HashMap<(String, String), Message> = messages
        .into_iter()
        .map(|message| ((message.account_id.clone(), message.user_id.clone()), message))
        .collect();
    let listed = |conversation: Conversation| {
        let key = (conversation.account_id.clone(), conversation.user_id.clone());
        Listed { last_message: messages.remove(&key), conversation }
    };
    Ok(found.into_iter().map(listed).collect())
}
