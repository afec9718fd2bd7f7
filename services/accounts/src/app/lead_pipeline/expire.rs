//! Leads that their owners do not move go back to the pool, each once, whichever process does it.

use siyu_clock::Micros;
use siyu_rpc::{Error, failures::Failures, retrying};

use super::{Pipeline, lock};
use crate::{Accounts, domain::lead_pipeline::Cause, store};

/// Who does it, in the history of leads.
const ACTOR: &str = "service:accounts";
/// Leads in one transaction.
const CHUNK: i64 = 500;
/// Accounts that are looked up at once.
const DUE_AT_ONCE: i64 = 100;

impl Accounts {
    /// Puts back into the pool what is due at `now`. An account that fails does not stop the others; the first failure is
    /// answered.
    pub(crate) async fn expire_leads(&self, now: Micros) -> Result<(), Error> {
        let mut failures = Failures::default();
        loop {
            let mut tx = self.db.begin_read().await?;
            let mut due = store::lead_task::due_accounts(&mut tx, now, failures.and(DUE_AT_ONCE)).await?;
            drop(tx);
            due.retain(|account_id| !failures.has(account_id));
            if due.is_empty() {
                return failures.into_result();
            }
            for account_id in due {
                if let Err(error) = retrying(|| self.expire_chunk(&account_id, now)).await {
                    failures.note(account_id, error);
                }
            }
        }
    }

    async fn expire_chunk(&self, account_id: &str, now: Micros) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        lock(&mut tx, account_id, &format!("accounts/{account_id}")).await?;
        let mut pipeline = Pipeline::open(&mut tx, account_id).await?;
        let step = pipeline.step(ACTOR, "", now);
        // Another process may have put them back meanwhile.
        for task in store::lead_task::due(&mut tx, account_id, now, CHUNK).await? {
            pipeline.give(task, None, Cause::Expired, step)?;
        }
        pipeline.store(&mut tx, &self.outbox).await?;
        tx.commit().await?;
        self.outbox.wake();
        Ok(())
    }
}
