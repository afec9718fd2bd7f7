//! Touches of concurrent calls, recorded together: feeds are read by many at once.

use std::collections::BTreeMap;

use siyu_clock::Micros;
use siyu_db::{Db, Engine};
use siyu_observed::{Observed, interactions_observed};
use siyu_outbox::Outbox;
use siyu_rpc::{
    Error,
    group_commit::{Batch, GroupCommit, Limits},
};
use siyu_telemetry::names;

use crate::{
    domain::touch::{Action, Tally},
    store,
};

/// Transactions at once under PostgreSQL; SQLite has one writer.
const LANES: usize = 4;
/// Most calls of one transaction.
const MOST_CALLS: usize = 256;
/// Touches after which a transaction takes no further calls.
const FULL: usize = 5_000;

/// Something that happened to a fan by a push.
#[derive(Debug)]
pub(crate) struct Act {
    pub(crate) account_id: String,
    pub(crate) push_id: String,
    pub(crate) ordinal: u32,
    pub(crate) action: Action,
    pub(crate) time: Micros,
    /// What the CRM is told of it.
    pub(crate) observed: Option<Observed>,
}

/// What happened to one fan.
#[derive(Debug)]
pub(crate) enum TouchCall {
    /// Pushes were returned to them: account, push, and the fan's ordinal there.
    Seen { fans: Vec<(String, String, u32)>, time: Micros },
    /// They did something with pushes.
    Acted(Vec<Act>),
}

/// Account and push.
type PushKey<'a> = (&'a str, &'a str);
/// Fans, and when it was first.
type Fans = BTreeMap<u32, i64>;

/// Records touches.
#[derive(Debug)]
pub(crate) struct Touching {
    db: Db,
    outbox: Outbox,
}

impl Touching {
    /// Starts it. To be called inside a tokio runtime.
    pub(crate) fn start(db: Db, outbox: Outbox) -> GroupCommit<Self> {
        let lanes = if db.engine() == Engine::Sqlite { 1 } else { LANES };
        GroupCommit::start(Self { db, outbox }, Limits { lanes, calls: MOST_CALLS, weight: FULL })
    }
}

#[tonic::async_trait]
impl Batch for Touching {
    const NAME: &'static str = "subscriptions.touch";
    type Call = TouchCall;
    type Answer = ();

    fn weight(call: &TouchCall) -> usize {
        match call {
            TouchCall::Seen { fans, .. } => fans.len(),
            TouchCall::Acted(acts) => acts.len(),
        }
    }

    async fn run(&self, calls: &[TouchCall]) -> Result<Vec<()>, Error> {
        let (mut seen, mut acted) = (BTreeMap::new(), BTreeMap::new());
        let mut observed: BTreeMap<&str, Vec<Observed>> = BTreeMap::new();
        for call in calls {
            match call {
                TouchCall::Seen { fans, time } => {
                    for (account_id, push_id, ordinal) in fans {
                        note(
                            seen.entry((account_id.as_str(), push_id.as_str())).or_default(),
                            *ordinal,
                            *time,
                        );
                    }
                }
                TouchCall::Acted(acts) => {
                    for act in acts {
                        let key = (act.account_id.as_str(), act.push_id.as_str());
                        // Whoever does something with it has seen it.
                        note(seen.entry(key).or_default(), act.ordinal, act.time);
                        let fans = acted.entry((key, act.action)).or_default();
                        note(fans, act.ordinal, act.time);
                        observed.entry(&act.account_id).or_default().extend(act.observed.clone());
                    }
                }
            }
        }
        self.store(&seen, &acted, observed).await?;
        Ok(vec![(); calls.len()])
    }
}

impl Touching {
    async fn store(
        &self,
        seen: &BTreeMap<PushKey<'_>, Fans>,
        acted: &BTreeMap<(PushKey<'_>, Action), Fans>,
        observed: BTreeMap<&str, Vec<Observed>>,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        // Accounts first, then pushes, each in one order everywhere: no two transactions wait for each other in a circle.
        for account_id in observed.keys() {
            store::account::lock(&mut tx, account_id).await?;
        }
        for ((account_id, push_id), fans) in seen {
            let rows: Vec<_> = fans.iter().map(|(ordinal, time)| (*ordinal, *time)).collect();
            let new = store::touch::see(&mut tx, account_id, push_id, &rows).await?;
            let mut tally = Tally { seen: new, ..Tally::default() };
            let of_push = acted.iter().filter(|((key, _), _)| key == &(*account_id, *push_id));
            for ((_, action), fans) in of_push {
                let rows: Vec<_> = fans.iter().map(|(ordinal, time)| (*ordinal, *time)).collect();
                tally.add(*action, store::touch::act(&mut tx, account_id, push_id, *action, &rows).await?);
            }
            if tally != Tally::default() {
                store::push_tally::add(&mut tx, account_id, push_id, &tally).await?;
            }
            metrics::counter!(names::PUSH_TOUCHES_TOTAL).increment(fans.len() as u64);
        }
        for (account_id, observed) in observed {
            self.outbox.write(&mut tx, interactions_observed(account_id, observed)).await?;
        }
        tx.commit().await?;
        self.outbox.wake();
        Ok(())
    }
}

/// Keeps when it was first.
fn note(fans: &mut Fans, ordinal: u32, time: Micros) {
    let first = fans.entry(ordinal).or_insert(time.0);
    *first = (*first).min(time.0);
}
