//! Writers, publishers and consumers of events in processes of their own, which are killed and frozen again and again: no
//! event may be skipped, none applied twice, and each key keeps its order.

pub mod tables;
pub mod worker;

use std::{process::Stdio, time::Duration};

use anyhow::Context;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use siyu_clock::Stopwatch;
use siyu_db::{Db, OpenOptions};
use sqlx::{Connection, PgConnection};
use tokio::{
    process::{Child, Command},
    time::sleep,
};

use crate::{
    Engine,
    database::Databases,
    process::{Signal, binary, send},
};
use tables::Counts;

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The database below.
    pub engine: Engine,
    /// Decides which process is killed when.
    pub seed: u64,
    /// How many events are written at least.
    pub events: i64,
    /// How often a process is killed while they are written.
    pub kills: u32,
}

/// What happened.
#[derive(Debug, Default)]
pub struct Report {
    /// The engine is not to be had here, so nothing was done.
    pub skipped: bool,
    /// Processes killed.
    pub kills: u32,
    /// Processes that stood still for a while.
    pub freezes: u32,
    /// Events that were written with their change.
    pub written: i64,
    /// Most events that were written and not yet applied, seen at a kill.
    pub most_lag: i64,
    /// How long it took until none was left, after the last was written.
    pub recovery: Duration,
    /// What must not be, a line each.
    pub violations: Vec<String>,
}

/// The consumer is given up when it has not come to the end after this time.
const RECOVERY_LIMIT: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(50);
/// This part of the faults freezes a process instead, for so long.
const FROZEN: f64 = 0.2;
const FROZEN_MILLIS: std::ops::Range<u64> = 100..1_500;
/// From one kill to the next.
const LIFE_MILLIS: std::ops::Range<u64> = 150..900;

/// Kills while events are written, then checks.
///
/// # Errors
/// When something beside the checked rules fails; what breaks a rule is in the report.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    let Some(databases) = Databases::create_empty(options.engine).await? else {
        return Ok(Report { skipped: true, ..Report::default() });
    };
    let (source_url, sink_url) = (databases.url("accounts")?, databases.url("crm")?);
    let (source, sink) = (open(&source_url).await?, open(&sink_url).await?);
    tables::create(&source, &sink).await?;
    let _idle = idle_transaction(options.engine).await?;

    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    // A file of SQLite is served by one process at a time.
    let replicas = if options.engine == Engine::Sqlite { 1 } else { 2 };
    let roles: Vec<&str> = ["source", "sink"].iter().flat_map(|role| vec![*role; replicas]).collect();
    let start = |role: &str| spawn(role, &source_url, &sink_url, options.events, 8 / replicas);
    let mut processes = roles.iter().map(|role| start(role)).collect::<anyhow::Result<Vec<Child>>>()?;
    let mut report = Report::default();
    loop {
        sleep(Duration::from_millis(random.random_range(LIFE_MILLIS))).await;
        let counts = tables::counts(&source, &sink).await?;
        report.most_lag = report.most_lag.max(counts.written - counts.applied);
        if counts.written >= options.events && report.kills >= options.kills {
            break;
        }
        if report.kills < options.kills {
            let place = random.random_range(0..processes.len());
            if random.random_bool(FROZEN) {
                // For long enough that another takes its place: it goes on in the belief that it still holds the lease.
                send(processes[place].id(), Signal::Stop).await?;
                sleep(Duration::from_millis(random.random_range(FROZEN_MILLIS))).await;
                send(processes[place].id(), Signal::Continue).await?;
                report.freezes += 1;
            } else {
                processes[place].kill().await?;
                processes[place] = start(roles[place])?;
                report.kills += 1;
            }
        }
    }
    let stopwatch = Stopwatch::start();
    let counts = wait_until_applied(&source, &sink).await?;
    report.recovery = stopwatch.elapsed();
    report.written = counts.written;
    report.violations = tables::violations(&source, &sink).await?;
    for process in &mut processes {
        process.kill().await?;
    }
    source.close().await;
    sink.close().await;
    databases.drop().await?;
    Ok(report)
}

async fn open(url: &str) -> anyhow::Result<Db> {
    let options = OpenOptions { url: url.to_owned(), max_connections: 2 };
    Ok(Db::open(&options, &siyu_outbox::migrations()).await?)
}

/// A transaction in another database of the cluster that stays open: whoever waited for the oldest one would wait for
/// ever.
async fn idle_transaction(engine: Engine) -> anyhow::Result<Option<PgConnection>> {
    if engine == Engine::Sqlite {
        return Ok(None);
    }
    let url = std::env::var("SIYU_TEST_POSTGRES").context("the cluster that the databases are in")?;
    let mut connection = PgConnection::connect(&url).await?;
    sqlx::raw_sql("BEGIN; SELECT pg_current_xact_id()").execute(&mut connection).await?;
    Ok(Some(connection))
}

fn spawn(role: &str, source: &str, sink: &str, events: i64, writers: usize) -> anyhow::Result<Child> {
    let mut command = Command::new(binary("siyu-test-worker")?);
    command.args([role, source, sink, &events.to_string(), &writers.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    command.spawn().context("cannot start a worker")
}

async fn wait_until_applied(source: &Db, sink: &Db) -> anyhow::Result<Counts> {
    let stopwatch = Stopwatch::start();
    loop {
        let counts = tables::counts(source, sink).await?;
        if counts.applied >= counts.written || stopwatch.elapsed() > RECOVERY_LIMIT {
            return Ok(counts);
        }
        sleep(PAUSE).await;
    }
}
