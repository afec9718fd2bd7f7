//! Imports of historical interactions: what the first call fixes.

use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::Error;
use tonic::Code;

use crate::{
    Crm,
    store::{self, import::Import},
};

impl Crm {
    /// Opens an import, or reads it back. Answers it as the first call fixed it, and whether this call was the first.
    pub(crate) async fn create_import(
        &self,
        account_id: &str,
        mut new: Import,
    ) -> Result<(Import, bool), Error> {
        self.directory.get(account_id).await?;
        let mut tx = self.db.begin().await?;
        store::account::lock(&mut tx, account_id).await?;
        if let Some(first) = store::import::get(&mut tx, account_id, &new.import_id).await? {
            if first.treatment != new.treatment {
                let message = format!(
                    "import.treatment: {} was opened with the treatment {:?}, not {:?}",
                    new.import_id, first.treatment, new.treatment
                );
                return Err(mismatch(message).with("treatment", first.treatment));
            }
            return Ok((first, false));
        }
        if let Some(other) = store::import::same_content(&mut tx, account_id, &new).await? {
            let message = format!(
                "import.content_digest: the same rows were imported as {other:?}; use that id to repeat or resume it"
            );
            return Err(mismatch(message).with("import", other));
        }
        new.create_time = self.clock.now().0;
        store::import::insert(&mut tx, account_id, &new).await?;
        tx.commit().await?;
        Ok((new, true))
    }
}

fn mismatch(message: String) -> Error {
    Error::new(Code::FailedPrecondition, ErrorReason::ImportMismatch, message)
}
