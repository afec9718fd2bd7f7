//! Durable calls with one interaction each: many in one transaction, beside one transaction for each call.

use std::time::Duration;

use anyhow::Context;
use hdrhistogram::Histogram;
use siyu::connect::{Client, connect};
use siyu_clock::{Clock, Stopwatch};
use siyu_proto::crm::v1::{IngestInteractionsRequest, interaction_service_client::InteractionServiceClient};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
    traffic::Traffic,
};
use tokio::task::JoinSet;

use crate::{
    Arguments,
    machine::{Cores, median, print_table, syncs_per_second, whole},
};

/// Calls that wait at once, on so many connections.
const CALLERS: u32 = 256;
const CONNECTIONS: u32 = 8;
/// Users who do something.
const FANS: u32 = 2_000;
const WARM_UP: Duration = Duration::from_secs(1);

/// How one server did.
#[derive(Debug)]
struct Measured {
    /// Calls answered OK in a second.
    rate: f64,
    p50: f64,
    p99: f64,
}

/// One round on one engine.
#[derive(Debug)]
struct Round {
    syncs: f64,
    grouped: Measured,
    alone: Measured,
}

/// Measures and prints.
pub(crate) async fn measure(arguments: &Arguments, engines: &[Engine], cores: &Cores) -> anyhow::Result<()> {
    println!(
        "\nGroup commit: one interaction a call, {CALLERS} calls at once on {CONNECTIONS} connections, {} accounts, {} s \
         each; medians of {} interleaved rounds.",
        arguments.accounts, arguments.seconds, arguments.rounds
    );
    let mut measured: Vec<(Engine, Vec<Round>)> =
        engines.iter().map(|engine| (*engine, Vec::new())).collect();
    for _ in 0..arguments.rounds {
        for (engine, rounds) in &mut measured {
            rounds.push(round(arguments, *engine, cores).await?);
        }
    }
    print(&measured);
    Ok(())
}

async fn round(arguments: &Arguments, engine: Engine, cores: &Cores) -> anyhow::Result<Round> {
    let probe = Installation::create(Engine::Sqlite).await?.context("a folder")?;
    let syncs = syncs_per_second(probe.folder())?;
    probe.remove().await?;
    let grouped = run(arguments, engine, cores, &[]).await?;
    let alone = run(arguments, engine, cores, &["crm.max_calls_per_commit=1"]).await?;
    Ok(Round { syncs, grouped, alone })
}

/// Has callers call for a while.
async fn run(
    arguments: &Arguments,
    engine: Engine,
    cores: &Cores,
    settings: &[&str],
) -> anyhow::Result<Measured> {
    let installation = Installation::create(engine).await?.context("the engine is there")?;
    let set = settings.iter().map(|setting| (*setting).to_owned()).collect();
    let mut process = installation.start(&Launch { wrapper: cores.of_server(), set, ..Launch::default() })?;
    let url = process.ready().await?;
    let accounts: Vec<String> = (1..=arguments.accounts).map(|number| format!("bench-{number}")).collect();
    create_accounts(&connect(&url, &installation.token).await?, &accounts).await?;
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(connect(&url, &installation.token).await?);
    }
    let length = Duration::from_secs(arguments.seconds.into());
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let client = clients[usize::try_from(number % CONNECTIONS)?].clone();
        let account = accounts[usize::try_from(number)? % accounts.len()].clone();
        let prefix = format!("c{number}");
        let traffic = Traffic::new(number.into(), &prefix, FANS, Clock::System.now());
        callers.spawn(call_for(length, client, account, traffic));
    }
    let mut calls: Histogram<u64> = Histogram::new(3)?;
    while let Some(caller) = callers.join_next().await {
        calls.add(caller??)?;
    }
    process.kill().await?;
    installation.remove().await?;
    let milliseconds =
        |quantile: f64| f64::from(u32::try_from(calls.value_at_quantile(quantile)).unwrap_or(u32::MAX)) / 1e3;
    let answered = f64::from(u32::try_from(calls.len())?);
    Ok(Measured { rate: answered / length.as_secs_f64(), p50: milliseconds(0.5), p99: milliseconds(0.99) })
}

/// Calls until the time is over; answers how long each call took that ended within it.
async fn call_for(
    length: Duration,
    client: Client,
    account: String,
    mut traffic: Traffic,
) -> anyhow::Result<Histogram<u64>> {
    let mut client = InteractionServiceClient::new(client);
    let mut calls = Histogram::new(3)?;
    let begin = Stopwatch::start();
    loop {
        let request = IngestInteractionsRequest {
            parent: format!("accounts/{account}"),
            interactions: traffic.batch(1),
        };
        let stopwatch = Stopwatch::start();
        client.ingest_interactions(request).await?;
        let now = begin.elapsed();
        if now >= WARM_UP + length {
            return Ok(calls);
        }
        if now >= WARM_UP {
            calls.record(u64::try_from(stopwatch.elapsed().as_micros())?)?;
        }
    }
}

fn print(measured: &[(Engine, Vec<Round>)]) {
    let heading = [
        "",
        "fsync/s",
        "grouped/s",
        "p50 ms",
        "p99 ms",
        "one commit each/s",
        "p50 ms",
        "p99 ms",
        "times as many",
    ];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    for (engine, rounds) in measured {
        let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value));
        lines.push(vec![
            format!("{engine:?}"),
            whole(of(|round| round.syncs)),
            whole(of(|round| round.grouped.rate)),
            format!("{:.1}", of(|round| round.grouped.p50)),
            format!("{:.1}", of(|round| round.grouped.p99)),
            whole(of(|round| round.alone.rate)),
            format!("{:.1}", of(|round| round.alone.p50)),
            format!("{:.1}", of(|round| round.alone.p99)),
            format!("{:.1}", of(|round| round.grouped.rate / round.alone.rate)),
        ]);
    }
    print_table(&lines);
}
