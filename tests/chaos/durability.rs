//! OK means on disk. `kill -9` cannot show that, because the page cache outlives the process; watching the syncs can.

use std::{fs, path::Path};

use anyhow::Context;
use siyu::connect::{Client, connect};
use siyu_clock::{Clock, Micros};
use siyu_proto::crm::v1::{
    IngestInteractionsRequest, IngestInteractionsResponse, Interaction,
    interaction_service_client::InteractionServiceClient,
};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
    process::Process,
    traffic::Traffic,
};
use tonic::Status;

use crate::strace::{Tracer, successful_syncs};

const ACCOUNT: &str = "durable";
const CALLS: usize = 50;
const FAILING_CALLS: usize = 10;
const BATCH: usize = 5;
const FANS: u32 = 20;
/// 2026-03-01T00:00:00Z
const NOW: Micros = Micros::from_seconds(1_772_323_200);

/// Checks on SQLite; answers the number of violations.
pub(crate) async fn check(seed: u64) -> anyhow::Result<usize> {
    let Some(installation) = Installation::create(Engine::Sqlite).await? else { return Ok(0) };
    let mut traffic = Traffic::new(seed, "d", FANS, NOW);
    let (process, client) = start(&installation).await?;
    create_accounts(&client, &[ACCOUNT.to_owned()]).await?;
    let logs = installation.folder();

    let syncs = each_ok_follows_a_sync(&process, &client, &mut traffic, &logs.join("syncs.log")).await?;
    let failing: Vec<_> = (0..FAILING_CALLS).map(|_| traffic.batch(BATCH)).collect();
    let faults = no_ok_without_a_sync(&process, &client, &failing, &logs.join("faults.log")).await?;
    let refused = taken_again_after_the_fault(&client, &mut traffic).await;
    process.kill().await?;
    let lost = kept_after_the_fault(&installation, &failing).await?;
    installation.remove().await?;
    Ok(syncs + faults + refused + lost)
}

async fn start(installation: &Installation) -> anyhow::Result<(Process, Client)> {
    // Background work would sync too.
    let set = vec!["crm.sweep_interval=24h".to_owned(), "telemetry.log=off".to_owned()];
    let mut process = installation.start(&Launch { clock: Some(NOW), set, ..Launch::default() })?;
    let url = process.ready().await?;
    let client = connect(&url, &installation.token).await?;
    Ok((process, client))
}

/// Between the sending of a batch and its OK, at least one sync begins and ends.
async fn each_ok_follows_a_sync(
    process: &Process,
    client: &Client,
    traffic: &mut Traffic,
    log: &Path,
) -> anyhow::Result<usize> {
    let tracer = match Tracer::attach(process.id().context("the server runs")?, log, false).await {
        Ok(tracer) => tracer,
        Err(reason) => {
            println!("SKIP durability by strace: {reason}");
            return Ok(0);
        }
    };
    let mut windows = Vec::new();
    for _ in 0..CALLS {
        let batch = traffic.batch(BATCH);
        let sent = Clock::System.now();
        ingest(client, batch).await?;
        windows.push((sent, Clock::System.now()));
    }
    tracer.detach().await?;
    let syncs = successful_syncs(&fs::read_to_string(log)?);
    let without = windows
        .iter()
        .filter(|(sent, answered)| !syncs.iter().any(|sync| sync.begin >= *sent && sync.end <= *answered));
    let without = without.count();
    println!(
        "durability: {CALLS} calls answered OK, {} syncs, OK without a sync before it: {without}",
        syncs.len()
    );
    Ok(without)
}

/// While every sync fails with EIO no batch is answered OK.
async fn no_ok_without_a_sync(
    process: &Process,
    client: &Client,
    batches: &[Vec<Interaction>],
    log: &Path,
) -> anyhow::Result<usize> {
    let tracer = match Tracer::attach(process.id().context("the server runs")?, log, true).await {
        Ok(tracer) => tracer,
        Err(reason) => {
            println!("SKIP failing syncs: {reason}");
            return Ok(0);
        }
    };
    let mut wrong = 0;
    let mut codes = Vec::new();
    for batch in batches {
        match ingest(client, batch.clone()).await {
            Ok(_) => wrong += 1,
            Err(status) => codes.push(status.code()),
        }
    }
    tracer.detach().await?;
    let injected = fs::read_to_string(log)?.matches("INJECTED").count();
    codes.dedup();
    let calls = batches.len();
    println!("failing syncs: {injected} injected, {calls} calls got {codes:?}, answered OK: {wrong}");
    anyhow::ensure!(injected > 0, "no sync was made to fail");
    Ok(wrong)
}

/// Once the disk works again the same process takes batches again.
async fn taken_again_after_the_fault(client: &Client, traffic: &mut Traffic) -> usize {
    match ingest(client, traffic.batch(BATCH)).await {
        Ok(_) => 0,
        Err(status) => {
            println!("VIOLATION: the disk works again, the process does not: {:?}", status.code());
            1
        }
    }
}

/// A process started after the fault takes what was refused during it, and keeps it.
async fn kept_after_the_fault(
    installation: &Installation,
    batches: &[Vec<Interaction>],
) -> anyhow::Result<usize> {
    let (process, client) = start(installation).await?;
    for batch in batches {
        ingest(&client, batch.clone()).await?;
    }
    process.kill().await?;
    let (process, client) = start(installation).await?;
    let mut lost = 0;
    for batch in batches {
        let answer = ingest(&client, batch.clone()).await?;
        lost += usize::from(answer.duplicate_count != i64::try_from(batch.len())?);
    }
    process.kill().await?;
    println!("after the fault: {} batches taken by the next process, lost: {lost}", batches.len());
    Ok(lost)
}

async fn ingest(
    client: &Client,
    interactions: Vec<Interaction>,
) -> Result<IngestInteractionsResponse, Status> {
    let request = IngestInteractionsRequest { parent: format!("accounts/{ACCOUNT}"), interactions };
    let answer = InteractionServiceClient::new(client.clone()).ingest_interactions(request).await?;
    Ok(answer.into_inner())
}
