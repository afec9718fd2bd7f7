//! Scans of concurrent calls, recorded together: a code that is shown on television is scanned by many at once.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use siyu_clock::{Clock, Micros};
use siyu_db::{Db, Engine, Tx};
use siyu_observed::{Observed, Origin, interaction, interactions_observed};
use siyu_outbox::Outbox;
use siyu_proto::{
    common::v1::ErrorReason,
    crm::v1::{InteractionKind, TagAssignment},
};
use siyu_rpc::{
    Error,
    group_commit::{Batch, GroupCommit, Limits},
};
use siyu_telemetry::names;
use tonic::Code;

use crate::{
    Accounts,
    domain::entry_code::{self, State},
    store::{self, entry_code::EntryCode},
};

/// Transactions at once under PostgreSQL; SQLite has one writer.
const LANES: usize = 4;
/// Most calls of one transaction.
const MOST_CALLS: usize = 256;
/// How long a scan is recognized when it comes again; after that the CRM alone does.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// Scans that one transaction forgets.
const PURGED_AT_ONCE: i64 = 500;

/// One scan.
#[derive(Debug, Clone)]
pub(crate) struct ScanCall {
    pub(crate) short_code: String,
    pub(crate) scan_id: String,
    pub(crate) user_id: String,
}

impl ScanCall {
    /// Of the interaction that comes of it. Short codes are unique, so it is too.
    fn event_id(&self) -> String {
        format!("scan:{}:{}", self.short_code, self.scan_id)
    }
}

/// Records scans.
#[derive(Debug)]
pub(crate) struct Scans {
    db: Db,
    clock: Clock,
    outbox: Outbox,
}

impl Scans {
    /// Starts it. To be called inside a tokio runtime.
    pub(crate) fn start(db: Db, clock: Clock, outbox: Outbox) -> GroupCommit<Self> {
        let lanes = if db.engine() == Engine::Sqlite { 1 } else { LANES };
        let limits = Limits { lanes, calls: MOST_CALLS, weight: MOST_CALLS };
        GroupCommit::start(Self { db, clock, outbox }, limits)
    }
}

impl Accounts {
    /// Where a code leads; records nothing.
    pub(crate) async fn resolve_entry_code(&self, short_code: &str) -> Result<EntryCode, Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        let found = store::entry_code::find(&mut tx, [short_code]).await?.pop();
        let code = found.ok_or_else(|| unknown(short_code))?;
        check_leads_somewhere(&code, now)?;
        Ok(code)
    }

    /// Where a code leads; records that the user scanned it, once for each scan id.
    pub(crate) async fn scan_entry_code(&self, call: ScanCall) -> Result<EntryCode, Error> {
        self.scans.call(&call.short_code.clone(), call).await?
    }

    /// Forgets scans that are too old to come again.
    pub(crate) async fn purge_scans(&self, now: Micros) -> Result<(), Error> {
        loop {
            let mut tx = self.db.begin().await?;
            let purged = store::entry_scan::purge(&mut tx, now.minus(KEPT), PURGED_AT_ONCE).await?;
            tx.commit().await?;
            if purged < PURGED_AT_ONCE.unsigned_abs() {
                return Ok(());
            }
        }
    }
}

#[tonic::async_trait]
impl Batch for Scans {
    const NAME: &'static str = "accounts.scan";
    type Call = ScanCall;
    type Answer = Result<EntryCode, Error>;

    fn weight(_call: &ScanCall) -> usize {
        1
    }

    async fn run(&self, calls: &[ScanCall]) -> Result<Vec<Result<EntryCode, Error>>, Error> {
        let short_codes = || calls.iter().map(|call| call.short_code.as_str());
        let mut tx = self.db.begin().await?;
        // In one order everywhere, so that two transactions never wait for each other in a circle.
        for account_id in store::entry_code::accounts_of(&mut tx, short_codes()).await? {
            store::account::get_for_update(&mut tx, &account_id).await?;
        }
        let found = store::entry_code::find(&mut tx, short_codes()).await?;
        let codes: HashMap<_, _> = found.iter().map(|code| (code.short_code.as_str(), code)).collect();
        let mut accounts: BTreeMap<&str, Round<'_>> = BTreeMap::new();
        for call in calls {
            if let Some(code) = codes.get(call.short_code.as_str()) {
                accounts.entry(&code.account_id).or_default().calls.push(call);
            }
        }
        for (account_id, round) in &mut accounts {
            round.load(&mut tx, account_id).await?;
        }
        let now = self.clock.now();
        let answers: Vec<_> = calls
            .iter()
            .map(|call| {
                let code = codes.get(call.short_code.as_str()).ok_or_else(|| unknown(&call.short_code))?;
                let round = accounts.get_mut(code.account_id.as_str());
                round.ok_or_else(|| Error::internal("an account without a round"))?.take(call, code, now)
            })
            .collect();
        for (account_id, round) in &accounts {
            round.store(&mut tx, &self.outbox, account_id, now).await?;
        }
        tx.commit().await?;
        self.outbox.wake();
        count(&answers);
        Ok(answers)
    }
}

/// The scans of one account in one transaction.
#[derive(Default)]
struct Round<'a> {
    calls: Vec<&'a ScanCall>,
    /// Users by event id: of scans that are stored, and of those that were taken in this round.
    known: HashMap<String, String>,
    new: Vec<(&'a ScanCall, &'a EntryCode)>,
}

impl<'a> Round<'a> {
    /// Reads which of the scans are stored.
    async fn load(&mut self, tx: &mut Tx, account_id: &str) -> Result<(), Error> {
        let event_ids: Vec<_> = self.calls.iter().map(|call| call.event_id()).collect();
        let stored = store::entry_scan::find(tx, account_id, event_ids.iter().map(String::as_str)).await?;
        self.known.extend(stored);
        Ok(())
    }

    /// Decides about one scan. One that was recorded is answered also when the code has ended since.
    fn take(&mut self, call: &'a ScanCall, code: &'a EntryCode, now: Micros) -> Result<EntryCode, Error> {
        let event_id = call.event_id();
        match self.known.get(&event_id) {
            Some(user_id) if *user_id == call.user_id => return Ok(code.clone()),
            Some(_) => return Err(scan_id_of_another(&call.scan_id)),
            None => check_leads_somewhere(code, now)?,
        }
        self.known.insert(event_id, call.user_id.clone());
        self.new.push((call, code));
        Ok(code.clone())
    }

    /// Stores what is new, and tells the CRM.
    async fn store(&self, tx: &mut Tx, outbox: &Outbox, account_id: &str, now: Micros) -> Result<(), Error> {
        if self.new.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = self.new.iter().map(|(call, _)| (call.event_id(), call.user_id.clone())).collect();
        store::entry_scan::insert(tx, account_id, now, &rows).await?;
        let mut counts: BTreeMap<&str, (&EntryCode, i64)> = BTreeMap::new();
        for (_, code) in &self.new {
            counts.entry(&code.entry_code_id).or_insert((*code, 0)).1 += 1;
        }
        for (code, scans) in counts.into_values() {
            store::entry_code::count_scans(tx, code, scans).await?;
        }
        let observed = self.new.iter().map(|(call, code)| observed(call, code, now));
        Ok(outbox.write(tx, interactions_observed(account_id, observed)).await?)
    }
}

fn observed(call: &ScanCall, code: &EntryCode, now: Micros) -> Observed {
    let origin = Origin {
        mount: code.name(),
        source_domain: code.source_domain.clone(),
        campaign: code.campaign.clone(),
    };
    let target = code.landing.target(&code.account_id);
    let kind = InteractionKind::Scan;
    Observed {
        interaction: interaction(call.event_id(), &call.user_id, kind, now, target, &origin),
        tags: tag_assignments(call, code).collect(),
    }
}

fn tag_assignments(call: &ScanCall, code: &EntryCode) -> impl Iterator<Item = TagAssignment> {
    let (user, cause) = (format!("users/{}", call.user_id), code.name());
    code.tags.iter().map(move |tag| TagAssignment {
        user: user.clone(),
        tag: tag.clone(),
        cause: cause.clone(),
    })
}

fn check_leads_somewhere(code: &EntryCode, now: Micros) -> Result<(), Error> {
    // Whoever scans it knows the short code alone.
    let name = &code.short_code;
    match entry_code::state(code.disabled, code.expire_time, now) {
        State::Active => Ok(()),
        State::Disabled => {
            let message = format!("the entry code {name} was disabled");
            Err(Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message))
        }
        State::Expired(end) => {
            let message = format!("the entry code {name} expired at {end}");
            let error = Error::new(Code::FailedPrecondition, ErrorReason::OutsideValidity, message);
            Err(error.with("end_time", end.to_string()))
        }
    }
}

fn unknown(short_code: &str) -> Error {
    Error::not_found(&format!("the entry code {short_code}"))
}

fn scan_id_of_another(scan_id: &str) -> Error {
    let message = "scan_id: was used before by another user; a new scan needs a new id";
    Error::new(Code::FailedPrecondition, ErrorReason::RequestIdReused, message).with("scan_id", scan_id)
}

/// Tells the metrics.
fn count(answers: &[Result<EntryCode, Error>]) {
    let taken = answers.iter().filter(|answer| answer.is_ok()).count();
    for (outcome, count) in [("taken", taken), ("refused", answers.len() - taken)] {
        metrics::counter!(names::ENTRY_CODE_SCANS_TOTAL, "outcome" => outcome).increment(count as u64);
    }
}
