//! Processes of their own for accounts and crm, restarted one after the other: mostly as an update does it, sometimes
//! the hard way.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Options, RESTLESS, Report, START, accounts, check, load::Load};
use crate::{Engine, cluster::Cluster, installation::create_accounts, process::Process};

const CLOCK_STEP: Duration = Duration::from_secs(2 * 3600);
/// This part of the restarts is of accounts.
const OF_ACCOUNTS: f64 = 0.25;
/// This part of the restarts does not ask the process to end.
const HARD: f64 = 0.25;

/// How many processes of the crm may serve from a database.
fn crm_count(engine: Engine) -> usize {
    match engine {
        Engine::Sqlite => 1,
        Engine::Postgres => 3,
    }
}

/// Restarts, then checks.
///
/// # Errors
/// When something beside the checked rules fails; what breaks a rule is in the report.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    let crm_count = crm_count(options.engine);
    let Some(mut cluster) = Cluster::start(options.engine, crm_count, START, &RESTLESS).await? else {
        return Ok(Report::skipped());
    };
    create_accounts(&cluster.accounts_client(), &accounts()).await?;
    let load = Load::start(options.seed, options.callers);
    load.serve_by(cluster.crm_clients());

    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    for number in 0..options.faults {
        load.until_the_next_fault(&mut random).await;
        let hard = random.random_bool(HARD);
        if random.random_bool(OF_ACCOUNTS) {
            let accounts = cluster.accounts.take();
            end(accounts.map(|node| node.process), hard).await?;
            cluster.start_accounts().await?;
        } else {
            let index = usize::try_from(number)? % cluster.crm.len();
            let node = cluster.crm.remove(index);
            load.serve_by(cluster.crm_clients());
            end(Some(node.process), hard).await?;
            let node = cluster.start_crm().await?;
            cluster.crm.insert(index, node);
            load.serve_by(cluster.crm_clients());
        }
        cluster.advance(CLOCK_STEP).await?;
    }
    let calls = load.stop().await?;

    let mut report = Report::default();
    let client = cluster.crm[0].client.clone();
    check(&client, options.engine, &calls, cluster.now, &mut report).await?;
    cluster.remove().await?;
    Ok(report)
}

async fn end(process: Option<Process>, hard: bool) -> anyhow::Result<()> {
    match process {
        Some(process) if hard => process.kill().await,
        Some(process) => process.terminate().await,
        None => Ok(()),
    }
}
