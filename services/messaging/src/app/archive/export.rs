//! All that was written, for those who may have it (M11).

use siyu_rpc::{Error, Mutation, Page, retrying};

use crate::{
    Messaging,
    app::read::conversation,
    domain::{archive::TimeRange, message::Message},
    store,
};

/// Messages that are gone through at once.
const EXPORTED_AT_ONCE: i64 = 200;

/// What is exported.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) account_id: String,
    /// None: all conversations.
    pub(crate) user_id: Option<String>,
    pub(crate) range: TimeRange,
    /// From where on: after a user and sequence.
    pub(crate) page: Page<(String, i64)>,
}

impl Messaging {
    /// Writes into the audit log that conversations of an account are exported.
    pub(crate) async fn begin_export(&self, mutation: &Mutation, export: &Export) -> Result<(), Error> {
        self.check_account(&export.account_id).await?;
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            if let Some(user_id) = &export.user_id {
                conversation(&mut tx, [&export.account_id, user_id]).await?;
            }
            mutation.finish(tx, &(), self.clock.now()).await
        })
        .await
    }

    /// The next messages of an export, by user and sequence, and the place after those that were gone through; None after the last.
    pub(crate) async fn export_next(
        &self,
        export: &Export,
        (user_id, sequence): (&str, i64),
    ) -> Result<Option<(Vec<Message>, (String, i64))>, Error> {
        let account_id = &export.account_id;
        let mut tx = self.db.begin_read().await?;
        let mut messages = match &export.user_id {
            Some(user_id) => {
                store::message::after(&mut tx, [account_id, user_id], sequence, EXPORTED_AT_ONCE).await?
            }
            None => {
                store::archive::export(&mut tx, account_id, (user_id, sequence), EXPORTED_AT_ONCE).await?
            }
        };
        drop(tx);
        let Some(last) = messages.last() else { return Ok(None) };
        let place = (last.user_id.clone(), last.sequence);
        messages.retain(|message| export.range.contains(message.create_time));
        Ok(Some((messages, place)))
    }
}
