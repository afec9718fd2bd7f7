//! Telling those with an appointment what becomes of the live: each once, whichever process does it, and whenever it stops.

use siyu_clock::Micros;
use siyu_rpc::{Error, failures::Failures, retrying};
use siyu_telemetry::names;

use crate::{Accounts, events, store};

/// Users in one transaction.
const CHUNK: i64 = 500;
/// Lives that are looked up at once.
const DUE_AT_ONCE: i64 = 100;

impl Accounts {
    /// Tells everybody of whom it is due at `now`. A live that fails does not stop the others; the first failure is answered.
    pub(crate) async fn send_notices(&self, now: Micros) -> Result<(), Error> {
        let mut failures = Failures::default();
        loop {
            let mut tx = self.db.begin_read().await?;
            let mut due = store::content::due(&mut tx, now, failures.and(DUE_AT_ONCE)).await?;
            drop(tx);
            let name = |(account_id, content_id): &(String, String)| {
                format!("accounts/{account_id}/contents/{content_id}")
            };
            due.retain(|live| !failures.has(&name(live)));
            if due.is_empty() {
                return failures.into_result();
            }
            // A chunk of each in turn: a live with many appointments holds up no other.
            for live in due {
                let sent = retrying(|| self.send_chunk(&live.0, &live.1, now)).await;
                if let Err(error) = sent {
                    failures.note(name(&live), error);
                }
            }
        }
    }

    /// Tells some users, and marks them in the same transaction; when there are no more, the notice is settled.
    async fn send_chunk(&self, account_id: &str, content_id: &str, now: Micros) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let content = super::locked(&mut tx, account_id, content_id).await?;
        // Another process may have settled it meanwhile, or the live may have been moved.
        let Some((notice, _)) = content.notice.filter(|(_, time)| *time <= now) else { return Ok(()) };
        let told = notice.told();
        let users = store::appointment::tell(&mut tx, account_id, content_id, told, CHUNK, now).await?;
        let count = users.len() as u64;
        if count < CHUNK.unsigned_abs() {
            store::content::settle_notice(&mut tx, &content).await?;
        }
        if count > 0 {
            self.outbox.write(&mut tx, events::live_notice(&content, notice, users)).await?;
        }
        tx.commit().await?;
        self.outbox.wake();
        metrics::counter!(names::LIVE_REMINDERS_TOTAL, "kind" => notice.name()).increment(count);
        Ok(())
    }
}
