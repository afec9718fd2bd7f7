use siyu_clock::Micros;
use siyu_rpc::{Error, failures::Failures, retrying};

use crate::{Groups, domain::ledger::Entry, events_envelopes as events, store};

/// Envelopes that are looked up at once.
const DUE_AT_ONCE: i64 = 100;

impl Groups {
    /// Takes back what is left in envelopes whose time is over by `now`, once. One that fails holds up no other; the first failure is
    /// answered.
    pub(crate) async fn expire_envelopes(&self, now: Micros) -> Result<(), Error> {
        let mut failures = Failures::default();
        loop {
            let mut tx = self.db.begin_read().await?;
            let mut due = store::envelope::due(&mut tx, now, failures.and(DUE_AT_ONCE)).await?;
            drop(tx);
            let name = |(account_id, envelope_id): &(String, String)| {
                format!("accounts/{account_id}/envelopes/{envelope_id}")
            };
            due.retain(|envelope| !failures.has(&name(envelope)));
            if due.is_empty() {
                return failures.into_result();
            }
            for envelope in due {
                let (account_id, envelope_id) = &envelope;
                if let Err(error) = retrying(|| self.expire_envelope(account_id, envelope_id, now)).await {
                    failures.note(name(&envelope), error);
                }
            }
        }
    }

    /// Other processes do the same: whoever has the lock first takes it back, and the others find it done.
    async fn expire_envelope(&self, account_id: &str, envelope_id: &str, now: Micros) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let locked = store::envelope::lock(&mut tx, [(account_id, envelope_id)]).await?;
        let Some((mut envelope, _)) = locked.into_iter().next() else { return Ok(()) };
        let Some(rest) = envelope.expire(now) else { return Ok(()) };
        let mut budget = store::envelope_budget::lock(&mut tx, account_id).await?;
        budget.give_back(rest);
        store::envelope_budget::save(&mut tx, &budget).await?;
        store::envelope::save(&mut tx, [&envelope]).await?;
        let entry = Entry::refund(envelope_id, rest);
        store::envelope_ledger::post(&mut tx, [(account_id, entry)], now).await?;
        self.outbox.write(&mut tx, [events::envelope_changed(&envelope)]).await?;
        tx.commit().await?;
        self.outbox.wake();
        Ok(())
    }
}
