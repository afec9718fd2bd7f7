//! Taking in what users did elsewhere, as another service saw it (C1), and the tags they get by it (C5).

use std::collections::HashSet;

use siyu_clock::{Clock, Micros};
use siyu_db::Tx;
use siyu_outbox::Outbox;
use siyu_proto::{
    Validate,
    crm::v1::{self as pb, InteractionsObserved},
};
use siyu_rpc::Error;

use super::{
    directory::Directory,
    fan_tags::{Tagging, Wanted, assign_observed},
    ingest::{Outcome, Rejected, count, take_in_account},
    ledger::Ledger,
};
use crate::{domain::interaction::Interaction, grpc::interaction};

/// Takes in what was observed of one account, in the transaction of the events that brought it. What is bad by itself is
/// logged and left out: it would be as bad the next time, and everything after it would wait for it.
///
/// It takes no turn of the account (`Turns`), only its row: whoever has the turn may be waiting for this transaction.
pub(super) async fn take_in_observed(
    tx: &mut Tx,
    clock: &Clock,
    outbox: &Outbox,
    account_id: &str,
    observed: Vec<InteractionsObserved>,
) -> Result<(), Error> {
    let told = Directory::told(tx, account_id).await?;
    let zone = told.ok_or_else(|| Error::internal(format!("{account_id} was never told of")))?.zone;
    let now = clock.now();
    let (sent, tags) = apart(observed);
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
        let (mut ledger, judged) =
            take_in_account(tx, clock, outbox, account_id, &zone, interactions).await?;
        let mut accepted = HashSet::new();
        for (interaction, outcome) in good.iter().zip(judged) {
            outcomes.push(match outcome {
                Outcome::Rejected(rejected) => left_out(account_id, &interaction.event_id, rejected),
                Outcome::Accepted => {
                    accepted.insert((interaction.user_id.as_str(), interaction.event_id.as_str()));
                    Outcome::Accepted
                }
                Outcome::Duplicate => Outcome::Duplicate,
            });
        }
        let wanted = wanted(tags, &accepted);
        give_tags(tx, outbox, &mut ledger, &wanted, clock.now()).await?;
        ledger.count();
    }
    // Should the transaction have to be tried again, they are counted again.
    count(&outcomes);
    Ok(())
}

/// Tags that come with an event: user and id of each of its interactions, and who is to get which.
type Tags = (Vec<(String, String)>, Vec<pb::TagAssignment>);

/// All interactions of the events, and the tags of each event.
fn apart(observed: Vec<InteractionsObserved>) -> (Vec<pb::Interaction>, Vec<Tags>) {
    let mut interactions = Vec::new();
    let mut tags = Vec::new();
    for observed in observed {
        if !observed.tag_assignments.is_empty() {
            let ids = observed.interactions.iter().map(|sent| (user_id(&sent.user), sent.event_id.clone()));
            tags.push((ids.collect(), observed.tag_assignments));
        }
        interactions.extend(observed.interactions);
    }
    (interactions, tags)
}

/// The tags of users with an interaction in the same event that was new and good.
fn wanted(tags: Vec<Tags>, accepted: &HashSet<(&str, &str)>) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for (ids, assignments) in tags {
        let is_accepted =
            |(user, event): &&(String, String)| accepted.contains(&(user.as_str(), event.as_str()));
        let users: HashSet<&str> = ids.iter().filter(is_accepted).map(|(user, _)| user.as_str()).collect();
        for assignment in assignments {
            let user_id = user_id(&assignment.user);
            if users.contains(user_id.as_str()) && assignment.violations().is_empty() {
                wanted.push(Wanted { user_id, tag_id: assignment.tag, cause: assignment.cause });
            }
        }
    }
    wanted
}

fn user_id(user: &str) -> String {
    user.trim_start_matches("users/").to_owned()
}

async fn give_tags(
    tx: &mut Tx,
    outbox: &Outbox,
    ledger: &mut Ledger,
    wanted: &[Wanted],
    now: Micros,
) -> Result<(), Error> {
    if wanted.is_empty() {
        return Ok(());
    }
    let taggings = assign_observed(tx, outbox, &mut ledger.account, wanted, now).await?;
    for (wanted, tagging) in wanted.iter().zip(taggings) {
        if let Tagging::Rejected(Rejected { message, .. }) = tagging {
            let (account_id, cause) = (&ledger.account.account_id, &wanted.cause);
            tracing::warn!(account_id, cause, message, "a tag that was observed is left out");
        }
    }
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
