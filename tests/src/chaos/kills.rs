//! One process of all services, killed again and again.

use std::{ops::Range, time::Duration};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use siyu_clock::Micros;
use tokio::time::sleep;

use super::{Options, Report, START, accounts, check, launch, load::Load, start};
use crate::installation::{Installation, create_accounts};

/// Each process begins a little later than the one before, so that decay is part of the game.
const CLOCK_STEP: Duration = Duration::from_secs(2 * 3600);
/// How long after its start a process is killed that is not waited for.
const START_MILLIS: Range<u64> = 0..60;

/// Kills, then checks.
///
/// # Errors
/// When something beside the checked rules fails; what breaks a rule is in the report.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    let Some(installation) = Installation::create(options.engine).await? else {
        return Ok(Report::skipped());
    };
    let mut report = Report::default();
    let (process, client) = start(&installation, START).await?;
    create_accounts(&client, &accounts()).await?;
    process.kill().await?;

    let load = Load::start(options.seed, options.callers);
    let end = kill_repeatedly(&options, &installation, &load, &mut report).await?;
    let (process, client) = start(&installation, end).await?;
    load.serve_by(vec![client.clone()]);
    let calls = load.stop().await?;

    check(&client, options.engine, &calls, end, &mut report).await?;
    process.kill().await?;
    installation.remove().await?;
    Ok(report)
}

/// Lets processes live and die; answers the time of the clock after the last of them.
async fn kill_repeatedly(
    options: &Options,
    installation: &Installation,
    load: &Load,
    report: &mut Report,
) -> anyhow::Result<Micros> {
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let mut now = START;
    for _ in 0..options.faults {
        now = now.plus(CLOCK_STEP);
        if random.random_bool(0.1) {
            let process = installation.start(&launch(now))?;
            sleep(Duration::from_millis(random.random_range(START_MILLIS))).await;
            process.kill().await?;
            report.kills_during_start += 1;
            continue;
        }
        let (process, client) = start(installation, now).await?;
        load.serve_by(vec![client]);
        load.until_the_next_fault(&mut random).await;
        process.kill().await?;
        load.serve_by(Vec::new());
    }
    Ok(now.plus(CLOCK_STEP))
}
