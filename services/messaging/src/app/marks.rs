//! Read marks, on both sides (M1).

use std::sync::Arc;

use siyu_rpc::{Error, retrying};

use super::{
    live::{self, Change},
    read::conversation,
    sending::{next, owners},
};
use crate::{
    Messaging,
    domain::{conversation::Conversation, message::Sender},
    events, store,
};

impl Messaging {
    /// `reader` has read up to a message; answers the conversation as it then is. The message gets the next numbers of both
    /// inboxes, so that whoever reads one learns of it, however late.
    pub(crate) async fn mark_read(
        &self,
        ids: [&str; 2],
        reader: Sender,
        sequence: i64,
    ) -> Result<Conversation, Error> {
        let other = match reader {
            Sender::User => Sender::Account,
            Sender::Account => Sender::User,
        };
        let [account_id, user_id] = ids;
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            // First: the lock would make the row of an account that nobody knows.
            conversation(&mut tx, ids).await?;
            let owners = owners(account_id, user_id);
            let mut inboxes = store::inbox::lock(&mut tx, owners.iter().map(String::as_str)).await?;
            let mut conversation = conversation(&mut tx, ids).await?;
            if sequence > conversation.last_sequence {
                let rule = format!("must be at most {}, the last message", conversation.last_sequence);
                return Err(Error::invalid_field("sequence", rule));
            }
            let unread = store::message::unread(&mut tx, ids, sequence, other).await?;
            if !conversation.mark_read(reader, sequence, unread) {
                return Ok(conversation);
            }
            store::conversation::save(&mut tx, [&conversation]).await?;
            let read = store::message::find(&mut tx, &[(account_id, user_id, sequence)]).await?.pop();
            if let Some(mut message) = read {
                [message.account_change, message.user_change] = next(&mut inboxes, account_id, user_id);
                store::message::renumber(&mut tx, &message).await?;
                store::inbox::save(&mut tx, &inboxes).await?;
                self.outbox.write(&mut tx, [events::conversation_read(&conversation, &message)]).await?;
                tx.commit().await?;
                self.outbox.wake();
                let read_marks = Some(conversation.read_marks());
                live::publish(&self.hub, [Change { message: Arc::new(message), read_marks }]);
            } else {
                // What is no longer kept is shown to nobody again.
                tx.commit().await?;
            }
            Ok(conversation)
        })
        .await
    }
}
