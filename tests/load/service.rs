//! Ingestion through the real port of a process of its own.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use siyu::connect::{Client, connect};
use siyu_clock::{Clock, Stopwatch};
use siyu_proto::crm::v1::{IngestInteractionsRequest, interaction_service_client::InteractionServiceClient};
use siyu_tests::{
    installation::{Installation, Launch, create_accounts},
    traffic::Traffic,
};
use tokio::task::JoinSet;

use crate::{Arguments, machine::Cores};

/// Interactions of a call, and of a transaction of the SQL beside it.
const BATCH: usize = 500;
/// One fan for so many interactions.
const EVENTS_PER_FAN: u32 = 10;
const SEED: u64 = 20_260_301;

/// What the callers of one account still have to send.
type Queue = Arc<Mutex<VecDeque<IngestInteractionsRequest>>>;

/// How one round went.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) events: f64,
    pub(crate) took: Duration,
    /// Microseconds of each call.
    pub(crate) calls: Histogram<u64>,
    /// Processor time of the server.
    pub(crate) processor: Duration,
}

/// Starts a server on `installation`, sends the interactions, and kills it.
pub(crate) async fn run(
    arguments: &Arguments,
    installation: &Installation,
    cores: &Cores,
) -> anyhow::Result<Measured> {
    let mut process = installation.start(&Launch { wrapper: cores.of_server(), ..Launch::default() })?;
    let url = process.ready().await?;
    let accounts: Vec<String> = (1..=arguments.accounts).map(|number| format!("bench-{number}")).collect();
    create_accounts(&connect(&url, &installation.token).await?, &accounts).await?;
    let queues = queues(arguments, &accounts);
    let events: usize = queues.iter().map(waiting).sum();
    let mut clients = Vec::new();
    for number in 0..arguments.callers {
        let queue = queues[usize::try_from(number)? % queues.len()].clone();
        clients.push((connect(&url, &installation.token).await?, queue));
    }

    let id = process.id().context("the server runs")?;
    let (processor_before, stopwatch) = (processor_time(id)?, Stopwatch::start());
    let mut callers = JoinSet::new();
    for (client, queue) in clients {
        callers.spawn(call_until_empty(client, queue));
    }
    let mut calls = Histogram::new(3)?;
    while let Some(caller) = callers.join_next().await {
        calls.add(caller??)?;
    }
    let took = stopwatch.elapsed();
    let processor = processor_time(id)?.saturating_sub(processor_before);
    process.kill().await?;
    Ok(Measured { events: f64::from(u32::try_from(events)?), took, calls, processor })
}

fn queues(arguments: &Arguments, accounts: &[String]) -> Vec<Queue> {
    let per_account = arguments.events / arguments.accounts;
    let batches = usize::try_from(per_account).unwrap_or_default() / BATCH;
    let fans = (per_account / EVENTS_PER_FAN).max(1);
    let queue = |(account, seed): (&String, u64)| {
        let mut traffic = Traffic::new(seed, "b", fans, Clock::System.now());
        let requests = (0..batches.max(1)).map(|_| IngestInteractionsRequest {
            parent: format!("accounts/{account}"),
            interactions: traffic.batch(BATCH),
        });
        Arc::new(Mutex::new(requests.collect()))
    };
    accounts.iter().zip(SEED..).map(queue).collect()
}

fn waiting(queue: &Queue) -> usize {
    let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    queue.iter().map(|request| request.interactions.len()).sum()
}

async fn call_until_empty(client: Client, queue: Queue) -> anyhow::Result<Histogram<u64>> {
    let mut client = InteractionServiceClient::new(client);
    let mut calls = Histogram::new(3)?;
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(request) = next else { return Ok(calls) };
        let sent = request.interactions.len();
        let stopwatch = Stopwatch::start();
        let answer = client.ingest_interactions(request).await?.into_inner();
        calls.record(u64::try_from(stopwatch.elapsed().as_micros())?)?;
        ensure!(answer.accepted_count == i64::try_from(sent)?, "not all were accepted: {answer:?}");
    }
}

/// Processor time that a process has used, in steps of 10 ms.
pub(crate) fn processor_time(process: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name of the program, in brackets, may hold spaces.
    let (_, after_name) = stat.rsplit_once(')').context("stat")?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<u64>().ok()).context("stat");
    Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}
