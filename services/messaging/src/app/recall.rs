//! Taking back messages (M1).

use std::{collections::BTreeMap, sync::Arc};

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, retrying};
use tonic::Code;

use super::{
    live::{self, Change},
    read::conversation,
    sending::{next, owners},
};
use crate::{
    Messaging,
    domain::message::{Message, RECALLABLE, Sender, name},
    events,
    store::{self, inbox::Standing},
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
            let found = store::message::find(&mut tx, &[(account_id, user_id, sequence)]).await?.pop();
            let message = found
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
            let message = self.take_back(&mut tx, &mut inboxes, message, now).await?;
            tx.commit().await?;
            self.tell_recalled(&message);
            Ok(message)
        })
        .await
    }

    /// Takes back a message in a transaction that has locked both inboxes; after the commit, [`Messaging::tell_recalled`].
    pub(super) async fn take_back(
        &self,
        tx: &mut Tx,
        inboxes: &mut BTreeMap<String, Standing>,
        mut message: Message,
        now: Micros,
    ) -> Result<Arc<Message>, Error> {
        let Message { account_id, user_id, .. } = message.clone();
        let mut conversation = conversation(tx, [&account_id, &user_id]).await?;
        message.content = None;
        message.recall_time = Some(now);
        [message.account_change, message.user_change] = next(inboxes, &account_id, &user_id);
        conversation.recall(message.sender, message.sequence);
        store::message::recall(tx, &message).await?;
        store::conversation::save(tx, [&conversation]).await?;
        store::inbox::save(tx, inboxes).await?;
        self.outbox.write(tx, events::messages_changed(&account_id, [&message])).await?;
        Ok(Arc::new(message))
    }

    /// Tells those who listen of a message that was taken back.
    pub(super) fn tell_recalled(&self, message: &Arc<Message>) {
        self.outbox.wake();
        live::publish(&self.hub, [Change { message: message.clone(), read_marks: None }]);
    }
}
