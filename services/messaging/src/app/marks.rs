//! Read marks, on both sides (M1).

use siyu_rpc::{Error, retrying};

use super::{read::conversation, sending::owners};
use crate::{
    Messaging,
    domain::{conversation::Conversation, message::Sender},
    store,
};

impl Messaging {
    /// `reader` has read up to a message; answers the conversation as it then is.
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
        let [account, _] = owners(ids[0], ids[1]);
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            // First: the lock would make the row of an account that nobody knows.
            conversation(&mut tx, ids).await?;
            store::inbox::lock(&mut tx, [account.as_str()]).await?;
            let mut conversation = conversation(&mut tx, ids).await?;
            if sequence > conversation.last_sequence {
                let rule = format!("must be at most {}, the last message", conversation.last_sequence);
                return Err(Error::invalid_field("sequence", rule));
            }
            let unread = store::message::unread(&mut tx, ids, sequence, other).await?;
            if conversation.mark_read(reader, sequence, unread) {
                store::conversation::save(&mut tx, [&conversation]).await?;
                tx.commit().await?;
            }
            Ok(conversation)
        })
        .await
    }
}
