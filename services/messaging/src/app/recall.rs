//! Taking back messages (M1).

use std::sync::Arc;

use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, retrying};
use tonic::Code;

use super::{
    read::conversation,
    sending::{next, owners},
};
use crate::{
    Messaging,
    domain::message::{Message, RECALLABLE, Sender, name},
    events, store,
};

impl Messaging {
    /// Takes back a message that `sender` sent a moment ago; its content is forgotten.
    pub(crate) async fn recall(
        &self,
        ids: [&str; 2],
        sender: Sender,
        sequence: i64,
    ) -> Result<Arc<Message>, Error> {
        let [account_id, user_id] = ids;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            // First: the lock would make the row of an account that nobody knows.
            conversation(&mut tx, ids).await?;
            let owners = owners(account_id, user_id);
            let mut inboxes = store::inbox::lock(&mut tx, owners.iter().map(String::as_str)).await?;
            let mut conversation = conversation(&mut tx, ids).await?;
            let found = store::message::find(&mut tx, &[(account_id, user_id, sequence)]).await?.pop();
            let mut message = found
                .filter(|message| message.sender == sender)
                .ok_or_else(|| Error::not_found(&name(account_id, user_id, sequence)))?;
            if message.recall_time.is_some() {
                return Ok(Arc::new(message));
            }
            if now >= message.create_time.plus(RECALLABLE) {
                let message =
                    format!("{} can be taken back for {} s alone", message.name(), RECALLABLE.as_secs());
                return Err(Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message));
            }
            message.content = None;
            message.recall_time = Some(now);
            [message.account_change, message.user_change] = next(&mut inboxes, account_id, user_id);
            conversation.recall(sender, sequence);
            store::message::recall(&mut tx, &message).await?;
            store::conversation::save(&mut tx, [&conversation]).await?;
            store::inbox::save(&mut tx, &inboxes).await?;
            self.outbox.write(&mut tx, events::messages_changed(account_id, [&message])).await?;
            tx.commit().await?;
            self.outbox.wake();
            let message = Arc::new(message);
            self.hub.publish(&message);
            Ok(message)
        })
        .await
    }
}
