//! Running a macro: all that it does with a conversation in one transaction (M6).

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, retrying};
use tonic::Code;

use super::{
    alarms::{Rung, told},
    cases::{end, hand_over},
    labels::leave_note,
};
use crate::{
    Messaging,
    app::{
        read::conversation,
        sending::{Added, Allowed, NewMessage, owners},
    },
    domain::{
        conversation::Conversation,
        desk::Desk,
        desk_macro::{Action, MOST_LABELS, with_labels},
        message::{Content, ContentKind, Message, Sender},
    },
    store::{self, note::Note},
};

/// What a macro has done.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Ran {
    /// The messages that it sent.
    pub(crate) sequences: Vec<i64>,
    pub(crate) notes: Vec<Note>,
    pub(crate) desk: Box<Desk>,
}

impl Messaging {
    /// Does all that a macro says, as it is now, or nothing.
    pub(crate) async fn run_macro(
        &self,
        mutation: &Mutation,
        [account_id, macro_id]: [&str; 2],
        user_id: &str,
        variables: &[(String, String)],
    ) -> Result<(Ran, Vec<Message>), Error> {
        let ids = [account_id, user_id];
        let actions = self.get_macro([account_id, macro_id]).await?.definition.actions;
        let calls = self.macro_messages(mutation, ids, &actions, variables).await?;
        let ran = retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            // First: the lock would make the row of an account that nobody knows.
            conversation(&mut tx, ids).await?;
            let owners = owners(account_id, user_id);
            store::inbox::lock(&mut tx, owners.iter().map(String::as_str)).await?;
            let added = self.sender.add(&mut tx, &calls, now).await?;
            let mut ran = Ran { sequences: sequences(&added, &calls)?, ..Ran::default() };
            let mut conversation = conversation(&mut tx, ids).await?;
            let rung = Rung::of(&mut conversation, now);
            for action in &actions {
                let author = mutation.actor();
                ran.notes.extend(act(&mut tx, &mut conversation, action, author, now).await?);
            }
            store::conversation::save(&mut tx, [&conversation]).await?;
            self.outbox.write(&mut tx, told(account_id, &rung)).await?;
            ran.desk = conversation.desk.unwrap_or_default();
            mutation.finish(tx, &ran, now).await?;
            self.sender.tell(&added);
            Ok(ran)
        });
        let ran = ran.await?;
        self.wakes.wake(account_id);
        let names: Vec<_> = ran.sequences.iter().map(|sequence| (account_id, user_id, *sequence)).collect();
        let mut messages = store::message::find(&mut self.db.begin_read().await?, &names).await?;
        messages.sort_by_key(|message| message.sequence);
        Ok((ran, messages))
    }

    /// The messages that actions send, in their order.
    async fn macro_messages(
        &self,
        mutation: &Mutation,
        [account_id, user_id]: [&str; 2],
        actions: &[Action],
        variables: &[(String, String)],
    ) -> Result<Vec<NewMessage>, Error> {
        let mut texts = Vec::new();
        for action in actions {
            match action {
                Action::SendText(text) => texts.push(text.clone()),
                Action::SendCannedReply(reply_id) => {
                    let reply = [account_id, reply_id.as_str()];
                    texts.push(self.render_canned_reply(reply, user_id, variables).await?);
                }
                _ => {}
            }
        }
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        // Asked before the transaction.
        let is_certified = self.accounts.is_certified(account_id).await?;
        let is_mutual = self.follows.are_mutual(account_id, user_id).await?;
        let allowed = if is_mutual { Allowed::Any } else { Allowed::Policy { is_certified } };
        let now = self.clock.now();
        let message = |text: String| NewMessage {
            account_id: account_id.to_owned(),
            user_id: user_id.to_owned(),
            sender: Sender::Account,
            author: mutation.actor(),
            // With a character that ids of callers do not have.
            client_message_id: format!("macro/{}", self.ids.ulid(now)),
            content: Content { text, ..Content::empty(ContentKind::Text) },
            causation_depth: 0,
            zone: TimeZone::UTC,
            allowed,
            sent_time: None,
        };
        let messages: Vec<NewMessage> = texts.into_iter().map(message).collect();
        for message in &messages {
            self.check(message).await?;
        }
        Ok(messages)
    }
}

/// Where messages are, if all of them are sent.
fn sequences(added: &Added, calls: &[NewMessage]) -> Result<Vec<i64>, Error> {
    let sent = added.answers.iter().cloned().zip(calls).map(|(sent, call)| sent.stored(call));
    sent.map(|message: Result<Arc<Message>, Error>| Ok(message?.sequence)).collect()
}

/// Does what is no message; answers the note that it left.
async fn act(
    tx: &mut Tx,
    conversation: &mut Conversation,
    action: &Action,
    author: String,
    now: Micros,
) -> Result<Option<Note>, Error> {
    match action {
        Action::SendText(_) | Action::SendCannedReply(_) => {}
        Action::AddLabels(added) => {
            let name = conversation.name();
            let desk = conversation.desk_mut();
            desk.labels = with_labels(&desk.labels, added).ok_or_else(|| too_many_labels(&name))?;
        }
        Action::SetLabels(labels) => conversation.desk_mut().labels.clone_from(labels),
        Action::AddNote(text) => {
            let [account_id, user_id] = [conversation.account_id.as_str(), conversation.user_id.as_str()];
            return leave_note(tx, [account_id, user_id], author, text, now).await.map(Some);
        }
        Action::Transfer(agent_id) => hand_over(tx, conversation, agent_id.as_deref()).await?,
        Action::Close => end(tx, conversation, now).await?,
    }
    Ok(None)
}

fn too_many_labels(conversation: &str) -> Error {
    let message = format!("{conversation} may have {MOST_LABELS} labels, and these would be more");
    let error = Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message);
    error.with("limit", MOST_LABELS.to_string())
}
