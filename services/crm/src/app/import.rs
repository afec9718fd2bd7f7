//! Imports of historical interactions: what the first call fixes.

use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, retrying};
use tonic::Code;

use crate::{
    Crm,
    store::{self, import::Import},
};

impl Crm {
    /// Opens an import, or reads it back. Answers it as the first call fixed it, and whether this call was the first.
    pub(crate) async fn create_import(
        &self,
        mutation: &Mutation,
        account_id: &str,
        new: Import,
    ) -> Result<(Import, bool), Error> {
        self.directory.get(account_id).await?;
        let _turn = self.turns.take(account_id).await;
        retrying(|| self.open_import(mutation, account_id, new.clone())).await
    }

    async fn open_import(
        &self,
        mutation: &Mutation,
        account_id: &str,
        mut new: Import,
    ) -> Result<(Import, bool), Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        store::account::lock(&mut tx, account_id).await?;
        if let Some(other) = store::import::same_content(&mut tx, account_id, &new).await? {
            let message = format!(
                "import.content_digest: the same rows were imported as {other:?}; use that id to repeat or resume it"
            );
            return Err(mismatch(message).with("import", other));
        }
        if let Some(first) = store::import::get(&mut tx, account_id, &new.import_id).await? {
            check_resumed(&first, &new)?;
            new.shift_days = first.shift_days;
            new.create_time = first.create_time;
            store::import::update_digests(&mut tx, account_id, &new).await?;
            mutation.finish(tx, &(), now).await?;
            return Ok((new, false));
        }
        new.create_time = now.0;
        store::import::insert(&mut tx, account_id, &new).await?;
        mutation.finish(tx, &(), now).await?;
        Ok((new, true))
    }
}

/// Whether the same rows would become the same events again.
fn check_resumed(first: &Import, again: &Import) -> Result<(), Error> {
    if first.treatment != again.treatment {
        let message = format!(
            "import.treatment: {} was opened with the treatment {}, not {}",
            first.import_id, first.treatment, again.treatment
        );
        return Err(mismatch(message).with("treatment", &first.treatment));
    }
    if first.content_digest == again.content_digest && first.order_digest != again.order_digest {
        let message = format!(
            "import.order_digest: {} has the same rows in another order, and event ids come from lines; \
             they are stored already",
            first.import_id
        );
        return Err(mismatch(message));
    }
    Ok(())
}

fn mismatch(message: String) -> Error {
    Error::new(Code::FailedPrecondition, ErrorReason::ImportMismatch, message)
}
