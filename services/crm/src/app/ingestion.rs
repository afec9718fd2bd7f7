//! Interactions of concurrent calls, taken in together: one transaction, one sync of the disk, an answer for each.

use std::{collections::BTreeMap, sync::Arc};

use jiff::tz::TimeZone;
use siyu_clock::Clock;
use siyu_db::{Db, Engine};
use siyu_outbox::Outbox;
use siyu_rpc::{
    Error,
    group_commit::{Batch, GroupCommit, Limits},
};

use super::{
    ingest::{Outcome, take_in_account},
    turns::Turns,
};
use crate::domain::interaction::Interaction;

/// Transactions at once under PostgreSQL; SQLite has one writer. More would only meet at the disk.
const LANES: usize = 8;
/// Interactions after which a transaction takes no further calls: its statements are as good as they get.
const FULL: usize = 2_000;

/// What one call brings.
#[derive(Debug)]
pub(crate) struct IngestCall {
    pub(crate) account_id: String,
    pub(crate) zone: TimeZone,
    pub(crate) interactions: Vec<Interaction>,
}

/// Takes in what calls bring.
#[derive(Debug)]
pub(crate) struct Ingestion {
    db: Db,
    clock: Clock,
    outbox: Outbox,
    turns: Arc<Turns>,
}

impl Ingestion {
    /// Starts it; a transaction takes at most so many calls.
    pub(crate) fn start(
        db: Db,
        clock: Clock,
        outbox: Outbox,
        turns: Arc<Turns>,
        most_calls: usize,
    ) -> GroupCommit<Self> {
        let lanes = if db.engine() == Engine::Sqlite { 1 } else { LANES };
        GroupCommit::start(
            Self { db, clock, outbox, turns },
            Limits { lanes, calls: most_calls, weight: FULL },
        )
    }
}

#[tonic::async_trait]
impl Batch for Ingestion {
    const NAME: &'static str = "crm.ingest";
    type Call = IngestCall;
    type Answer = Vec<Outcome>;

    fn weight(call: &IngestCall) -> usize {
        call.interactions.len()
    }

    async fn run(&self, calls: &[IngestCall]) -> Result<Vec<Vec<Outcome>>, Error> {
        // In one order everywhere: two transactions that take several accounts never wait for each other in a circle.
        let mut accounts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, call) in calls.iter().enumerate() {
            accounts.entry(&call.account_id).or_default().push(place);
        }
        let _turns = self.turns.take_all(accounts.keys().copied()).await;
        let mut tx = self.db.begin().await?;
        let mut ledgers = Vec::with_capacity(accounts.len());
        let mut answers = vec![Vec::new(); calls.len()];
        for (account_id, places) in accounts {
            let zone = &calls[places[0]].zone;
            let interactions: Vec<&Interaction> =
                places.iter().flat_map(|place| &calls[*place].interactions).collect();
            let (ledger, outcomes) =
                take_in_account(&mut tx, &self.clock, &self.outbox, account_id, zone, interactions).await?;
            ledgers.push(ledger);
            let mut outcomes = outcomes.into_iter();
            for place in places {
                answers[place] = outcomes.by_ref().take(calls[place].interactions.len()).collect();
            }
        }
        tx.commit().await?;
        ledgers.iter().for_each(super::ledger::Ledger::count);
        Ok(answers)
    }
}
