//! Red envelopes (G8) and their money. ADR 30 says why so.

mod budget;
mod create;
mod expire;
mod grab;
mod grabbing;
mod read;

use std::sync::Arc;

use jiff::tz::TimeZone;
use quick_cache::sync::Cache;
use siyu_clock::{Clock, Micros};
use siyu_db::Db;
use siyu_outbox::Outbox;
use siyu_rpc::{Error, group_commit::GroupCommit};

use crate::domain::envelope::{Envelope, name};

pub(crate) use budget::BudgetView;
pub(crate) use create::NewEnvelope;
pub(crate) use grabbing::{Asked, Grabbing};

/// Envelopes that are kept in memory.
const MOST_KEPT: usize = 10_000;

/// Envelopes as they were last read, and those who grab from them.
pub(crate) struct Envelopes {
    grabbing: GroupCommit<Grabbing>,
    /// By name. What is over stays over; how many shares an open one has left is not known from here.
    kept: Cache<String, Arc<Envelope>>,
}

impl std::fmt::Debug for Envelopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Envelopes").finish_non_exhaustive()
    }
}

impl Envelopes {
    /// Starts it, with so many grabs in a transaction at most. To be called inside a tokio runtime.
    pub(crate) fn start(db: Db, clock: Clock, outbox: Outbox, max_calls_per_commit: usize) -> Self {
        let grabbing = Grabbing::start(db, clock, outbox, max_calls_per_commit);
        Self { grabbing, kept: Cache::new(MOST_KEPT) }
    }
}

/// The day of a time zone, such as `2026-03-01`.
fn day_in(zone: &TimeZone, now: Micros) -> String {
    now.to_timestamp().to_zoned(zone.clone()).date().to_string()
}

fn not_found([account_id, group_id, envelope_id]: [&str; 3]) -> Error {
    Error::not_found(&name(account_id, group_id, envelope_id))
}
