//! Kills a serving process again and again while clients send interactions, and checks that nothing that was
//! acknowledged is lost, doubled or torn.

mod callers;
mod checks;
mod model;
mod stored;

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use siyu::connect::{Client, connect};
use siyu_clock::Micros;
use siyu_proto::crm::v1::Interaction;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Engine,
    installation::{Installation, Launch, create_accounts},
    process::Process,
    traffic::Traffic,
};
use callers::{Call, Caller, call_until_stopped};
use checks::{check_tiers, check_what_is_stored, send_everything_again};

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The database below.
    pub engine: Engine,
    /// Decides what is sent and when the process is killed.
    pub seed: u64,
    /// How often the process is killed.
    pub kills: u32,
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
    /// Calls that ended in an error because the process was killed.
    pub broken_calls: usize,
    /// Batches that turned out to be stored when they were sent again: killed between commit and answer.
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

const ACCOUNTS: usize = 2;
const FANS_PER_ACCOUNT: u32 = 150;
/// 2026-03-01T00:00:00Z: the clock of the first process. Each process begins a little later than the one before, so
/// that decay is part of the game.
const START: Micros = Micros::from_seconds(1_772_323_200);
const CLOCK_STEP: Duration = Duration::from_secs(2 * 3600);
/// A process is killed after it has acknowledged so many batches, and a little later, so that the kill falls anywhere
/// between the arrival of a batch and its answer.
const LIFE_BATCHES: Range<usize> = 0..25;
const LIFE_MICROS: Range<u64> = 0..15_000;
/// It is killed after this time anyway.
const LONGEST_LIFE: Duration = Duration::from_secs(5);
/// How long after its start a process is killed that is not waited for.
const START_MILLIS: Range<u64> = 0..60;

/// Kills, then checks.
///
/// # Errors
/// When something beside the checked rules fails; what breaks a rule is in the report.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    let Some(installation) = Installation::create(options.engine).await? else {
        return Ok(Report { skipped: true, ..Report::default() });
    };
    let accounts: Vec<String> = (1..=ACCOUNTS).map(|number| format!("chaos-{number}")).collect();
    let mut report = Report::default();

    let (process, client) = start(&installation, START).await?;
    create_accounts(&client, &accounts).await?;
    process.kill().await?;

    let (line, current) = watch::channel(None);
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let stop = CancellationToken::new();
    let mut callers = JoinSet::new();
    for number in 0..options.callers {
        let account = accounts[usize::try_from(number)? % accounts.len()].clone();
        let seed = options.seed.wrapping_mul(1_000).wrapping_add(u64::from(number));
        let traffic = Traffic::new(seed, &format!("c{number}"), FANS_PER_ACCOUNT, START);
        let caller = Caller { account, traffic, seed, acknowledged: acknowledged.clone() };
        callers.spawn(call_until_stopped(caller, current.clone(), stop.clone()));
    }
    let end = kill_repeatedly(&options, &installation, &line, &acknowledged, &mut report).await?;

    let (process, client) = start(&installation, end).await?;
    line.send_replace(Some(client.clone()));
    stop.cancel();
    let mut calls = Vec::new();
    while let Some(caller) = callers.join_next().await {
        calls.extend(caller??);
    }
    count(&calls, &mut report);

    for account in &accounts {
        let of_account: Vec<&Call> = calls.iter().filter(|call| call.account == *account).collect();
        let sent: Vec<&Interaction> = of_account.iter().flat_map(|call| &call.interactions).collect();
        check_what_is_stored(&client, account, &of_account, &mut report).await?;
        send_everything_again(&client, account, &of_account, &mut report).await?;
        check_sales(&client, account, &sent, &mut report).await?;
    }
    check_against_calm_suite(&options, &client, &calls, &accounts, end, &mut report).await?;
    process.kill().await?;
    installation.remove().await?;
    Ok(report)
}

/// Lets processes live and die; answers the time of the clock after the last of them.
async fn kill_repeatedly(
    options: &Options,
    installation: &Installation,
    line: &watch::Sender<Option<Client>>,
    acknowledged: &AtomicUsize,
    report: &mut Report,
) -> anyhow::Result<Micros> {
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let mut now = START;
    for _ in 0..options.kills {
        now = now.plus(CLOCK_STEP);
        if random.random_bool(0.1) {
            let process = installation.start(&launch(now))?;
            sleep(Duration::from_millis(random.random_range(START_MILLIS))).await;
            process.kill().await?;
            report.kills_during_start += 1;
            continue;
        }
        let (process, client) = start(installation, now).await?;
        let enough = acknowledged.load(Ordering::Relaxed) + random.random_range(LIFE_BATCHES);
        line.send_replace(Some(client));
        // A process that does not get there is killed like the others.
        let _ = timeout(LONGEST_LIFE, reaches(acknowledged, enough)).await;
        sleep(Duration::from_micros(random.random_range(LIFE_MICROS))).await;
        process.kill().await?;
        line.send_replace(None);
    }
    Ok(now.plus(CLOCK_STEP))
}

async fn reaches(counter: &AtomicUsize, enough: usize) {
    const PAUSE: Duration = Duration::from_millis(1);
    while counter.load(Ordering::Relaxed) < enough {
        sleep(PAUSE).await;
    }
}

fn launch(now: Micros) -> Launch {
    // Often enough to be killed in the middle of it.
    let set = vec!["crm.sweep_interval=20ms".to_owned(), "telemetry.log=error".to_owned()];
    Launch { clock: Some(now), set, ..Launch::default() }
}

async fn start(installation: &Installation, now: Micros) -> anyhow::Result<(Process, Client)> {
    let mut process = installation.start(&launch(now))?;
    let url = process.ready().await?;
    let client = connect(&url, &installation.token).await?;
    Ok((process, client))
}

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
    options: &Options,
    client: &Client,
    calls: &[Call],
    accounts: &[String],
    now: Micros,
    report: &mut Report,
) -> anyhow::Result<()> {
    let Some(calm) = Installation::create(options.engine).await? else { return Ok(()) };
    let (process, calm_client) = start(&calm, now).await?;
    create_accounts(&calm_client, accounts).await?;
    for account in accounts {
        let sent = calls.iter().filter(|call| call.account == *account).flat_map(|call| &call.interactions);
        check_tiers(client, &calm_client, account, sent, report).await?;
    }
    process.kill().await?;
    calm.remove().await
}
