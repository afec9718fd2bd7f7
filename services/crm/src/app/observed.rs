//! Taking in what users did elsewhere, as another service saw it (C1).

use siyu_clock::Clock;
use siyu_db::Tx;
use siyu_outbox::Outbox;
use siyu_proto::crm::v1 as pb;
use siyu_rpc::Error;

use super::{
    directory::Directory,
    ingest::{Outcome, Rejected, count, take_in_account},
};
use crate::{domain::interaction::Interaction, grpc::interaction};

/// Takes interactions of one account in, in the transaction of the events that brought them. One that is bad by itself
/// is logged and left out: it would be as bad the next time, and everything after it would wait for it.
///
/// It takes no turn of the account (`Turns`), only its row: whoever has the turn may be waiting for this transaction.
pub(super) async fn take_in_observed(
    tx: &mut Tx,
    clock: &Clock,
    outbox: &Outbox,
    account_id: &str,
    sent: Vec<pb::Interaction>,
) -> Result<(), Error> {
    let told = Directory::told(tx, account_id).await?;
    let zone = told.ok_or_else(|| Error::internal(format!("{account_id} was never told of")))?.zone;
    let now = clock.now();
    let mut outcomes = Vec::new();
    let mut good: Vec<Interaction> = Vec::with_capacity(sent.len());
    for sent in sent {
        let event_id = sent.event_id.clone();
        match interaction(sent, now) {
            Ok(interaction) => good.push(interaction),
            Err(rejected) => outcomes.push(left_out(account_id, &event_id, rejected)),
        }
    }
    if !good.is_empty() {
        let interactions = good.iter().collect();
        let (ledger, judged) = take_in_account(tx, clock, outbox, account_id, &zone, interactions).await?;
        for (interaction, outcome) in good.iter().zip(judged) {
            outcomes.push(match outcome {
                Outcome::Rejected(rejected) => left_out(account_id, &interaction.event_id, rejected),
                taken => taken,
            });
        }
        ledger.count();
    }
    // Should the transaction have to be tried again, they are counted again.
    count(&outcomes);
    Ok(())
}

fn left_out(account_id: &str, event_id: &str, rejected: Rejected) -> Outcome {
    let Rejected { reason, field, message } = &rejected;
    let reason = reason.as_str_name();
    tracing::warn!(
        account_id,
        event_id,
        reason,
        field,
        message,
        "an interaction that was observed is left out"
    );
    Outcome::Rejected(rejected)
}
