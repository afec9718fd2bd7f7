//! Lets bad things happen to serving processes while clients send interactions, and checks that nothing that was
//! acknowledged is lost, doubled or torn.

pub(crate) mod callers;
mod checks;
pub mod kills;
pub(crate) mod load;
mod model;
pub mod partitions;
pub mod restarts;
mod stored;

use std::collections::BTreeSet;

use siyu::connect::{Client, connect};
use siyu_clock::Micros;
use siyu_proto::crm::v1::Interaction;

use crate::{
    Engine,
    installation::{Installation, Launch, create_accounts},
    process::Process,
};
use callers::Call;
use checks::{check_tiers, check_what_is_stored, send_everything_again};

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The database below.
    pub engine: Engine,
    /// Decides what is sent, and which faults come when.
    pub seed: u64,
    /// How many faults there are.
    pub faults: u32,
    /// How many clients send at once.
    pub callers: u32,
}

/// What happened.
#[derive(Debug, Default)]
pub struct Report {
    /// The engine is not to be had here, so nothing was done.
    pub skipped: bool,
    /// Kills of a process that did not serve yet.
    pub kills_during_start: u32,
    /// Batches whose answer was OK.
    pub acknowledged_batches: usize,
    /// Batches whose caller gave up after an error.
    pub abandoned_batches: usize,
    /// Calls that ended in an error because of a fault.
    pub broken_calls: usize,
    /// Batches that turned out to be stored when they were sent again: the fault fell between commit and answer.
    pub stored_without_answer: usize,
    /// Interactions that were acknowledged.
    pub acknowledged: usize,
    /// Interactions that were stored in the end.
    pub stored: usize,
    /// Fans they made.
    pub fans: usize,
    /// What must not be, a line each.
    pub violations: Vec<String>,
}

/// 2026-03-01T00:00:00Z: the clock of the first process.
pub(crate) const START: Micros = Micros::from_seconds(1_772_323_200);

impl Report {
    pub(crate) fn skipped() -> Self {
        Self { skipped: true, ..Self::default() }
    }
}

/// The accounts that clients send to.
pub(crate) fn accounts() -> Vec<String> {
    const ACCOUNTS: usize = 2;
    (1..=ACCOUNTS).map(|number| format!("chaos-{number}")).collect()
}

/// Holds what is stored against what was answered, once nothing happens any more; `client` calls what serves it.
///
/// # Errors
/// When something beside the checked rules fails.
pub(crate) async fn check(
    client: &Client,
    engine: Engine,
    calls: &[Call],
    now: Micros,
    report: &mut Report,
) -> anyhow::Result<()> {
    count(calls, report);
    let accounts: BTreeSet<&String> = calls.iter().map(|call| &call.account).collect();
    for account in accounts {
        let of_account: Vec<&Call> = calls.iter().filter(|call| call.account == *account).collect();
        let sent: Vec<&Interaction> = of_account.iter().flat_map(|call| &call.interactions).collect();
        check_what_is_stored(client, account, &of_account, report).await?;
        send_everything_again(client, account, &of_account, report).await?;
        check_sales(client, account, &sent, report).await?;
    }
    check_against_calm_suite(client, engine, calls, now, report).await
}

/// Starts a process of all services, and waits until it is ready.
pub(crate) async fn start(installation: &Installation, now: Micros) -> anyhow::Result<(Process, Client)> {
    let mut process = installation.start(&launch(now))?;
    let url = process.ready().await?;
    let client = connect(&url, &installation.token).await?;
    Ok((process, client))
}

fn launch(now: Micros) -> Launch {
    let set = RESTLESS.map(str::to_owned).to_vec();
    Launch { clock: Some(now), set, ..Launch::default() }
}

/// Background work so often that faults fall into the middle of it.
pub(crate) const RESTLESS: [&str; 2] = ["crm.sweep_interval=20ms", "telemetry.log=error"];

fn count(calls: &[Call], report: &mut Report) {
    for call in calls {
        report.broken_calls += call.errors.len();
        report.stored_without_answer += usize::from(call.was_stored_without_answer);
        if call.acknowledged {
            report.acknowledged_batches += 1;
            report.acknowledged += call.interactions.len();
        } else {
            report.abandoned_batches += 1;
        }
        report.violations.extend(call.violations.clone());
    }
}

async fn check_sales(
    client: &Client,
    account: &str,
    sent: &[&Interaction],
    report: &mut Report,
) -> anyhow::Result<()> {
    let expected = model::sales(sent.iter().copied());
    let found = stored::sales(client, account).await?;
    if found != expected {
        report.violations.push(format!("{account}: the sales are {found:?}, the model says {expected:?}"));
    }
    Ok(())
}

/// Compares tiers with a suite that got the same interactions in the order of their time and was never disturbed.
async fn check_against_calm_suite(
    client: &Client,
    engine: Engine,
    calls: &[Call],
    now: Micros,
    report: &mut Report,
) -> anyhow::Result<()> {
    let Some(calm) = Installation::create(engine).await? else { return Ok(()) };
    let (process, calm_client) = start(&calm, now).await?;
    let accounts: BTreeSet<String> = calls.iter().map(|call| call.account.clone()).collect();
    create_accounts(&calm_client, &Vec::from_iter(accounts.clone())).await?;
    for account in &accounts {
        let sent = calls.iter().filter(|call| call.account == *account).flat_map(|call| &call.interactions);
        check_tiers(client, &calm_client, account, sent, report).await?;
    }
    process.kill().await?;
    calm.remove().await
}
