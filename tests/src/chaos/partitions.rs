//! Two processes of the crm on one database, one of which is cut off in the middle of its work, and comes back as if
//! nothing had been.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Options, RESTLESS, Report, START, accounts, check, load::Load};
use crate::{Engine, cluster::Cluster, installation::create_accounts, process::Signal};

const CLOCK_STEP: Duration = Duration::from_secs(2 * 3600);
const CRM_COUNT: usize = 2;

/// Cuts off, then checks. Skipped on SQLite, whose file belongs to one process.
///
/// # Errors
/// When something beside the checked rules fails; what breaks a rule is in the report.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    if options.engine == Engine::Sqlite {
        return Ok(Report::skipped());
    }
    let Some(mut cluster) = Cluster::start(options.engine, CRM_COUNT, START, &RESTLESS).await? else {
        return Ok(Report::skipped());
    };
    create_accounts(&cluster.accounts_client(), &accounts()).await?;
    let load = Load::start(options.seed, options.callers);
    load.serve_by(cluster.crm_clients());

    let mut report = Report::default();
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    for _ in 0..options.faults {
        load.until_the_next_fault(&mut random).await;
        let index = random.random_range(0..cluster.crm.len());
        cluster.crm[index].process.signal(Signal::Stop).await?;
        // Waits for the one that is cut off until it is given up: longer than clients wait for an answer.
        let followers = cluster.advance(CLOCK_STEP).await?.follower_count;
        if usize::try_from(followers)? >= CRM_COUNT {
            report.violations.push(format!("{followers} processes moved while one of them stood still"));
        }
        cluster.crm[index].process.signal(Signal::Continue).await?;
    }
    let calls = load.stop().await?;

    // What a process still holds of calls that were given up must not come in between.
    for node in std::mem::take(&mut cluster.crm) {
        node.process.terminate().await?;
    }
    let node = cluster.start_crm().await?;
    check(&node.client, options.engine, &calls, cluster.now, &mut report).await?;
    cluster.crm.push(node);
    cluster.remove().await?;
    Ok(report)
}
