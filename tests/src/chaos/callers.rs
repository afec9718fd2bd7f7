//! Clients that keep sending whatever happens to the server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use siyu::connect::Client;
use siyu_clock::Stopwatch;
use siyu_proto::crm::v1::{
    IngestInteractionsRequest, IngestInteractionsResponse, Interaction,
    interaction_service_client::InteractionServiceClient,
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::traffic::Traffic;

/// Who sends.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) account: String,
    pub(crate) traffic: Traffic,
    pub(crate) seed: u64,
    /// Counts the batches of all callers that were acknowledged.
    pub(crate) acknowledged: Arc<AtomicUsize>,
}

impl Caller {
    /// One whose batches nobody counts.
    pub(crate) fn new(account: String, traffic: Traffic, seed: u64) -> Self {
        Self { account, traffic, seed, acknowledged: Arc::default() }
    }
}

/// One batch and what became of it.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) account: String,
    pub(crate) interactions: Vec<Interaction>,
    /// The answer was OK, at last.
    pub(crate) acknowledged: bool,
    /// An attempt that ended in an error had stored it.
    pub(crate) was_stored_without_answer: bool,
    pub(crate) errors: Vec<Code>,
    pub(crate) violations: Vec<String>,
}

const MOST_INTERACTIONS: usize = 40;
/// This part of the callers gives up after the first error.
const IMPATIENT: f64 = 0.2;
const PAUSE: Duration = Duration::from_millis(3);
/// A call that takes longer is given up: the server is gone without a word.
const CALL: Duration = Duration::from_secs(5);
/// Longer than all restarts together take.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a client sees when the server dies, and may try again.
pub(crate) const BREAKS: [Code; 6] = [
    Code::Unavailable,
    Code::Unknown,
    Code::Cancelled,
    Code::Internal,
    Code::DeadlineExceeded,
    Code::Aborted,
];

/// Sends batch after batch, each to any of those that serve.
pub(crate) async fn call_until_stopped(
    mut caller: Caller,
    mut serving: watch::Receiver<Vec<Client>>,
    stop: CancellationToken,
) -> anyhow::Result<Vec<Call>> {
    let mut random = ChaCha8Rng::seed_from_u64(caller.seed);
    let mut calls = Vec::new();
    while !stop.is_cancelled() {
        calls.push(send_a_batch(&mut caller, &mut random, &mut serving).await?);
    }
    Ok(calls)
}

/// Sends one batch until it is acknowledged, refused, or given up.
pub(crate) async fn send_a_batch(
    caller: &mut Caller,
    random: &mut ChaCha8Rng,
    serving: &mut watch::Receiver<Vec<Client>>,
) -> anyhow::Result<Call> {
    let mut call = Call {
        account: caller.account.clone(),
        interactions: caller.traffic.batch(random.random_range(1..=MOST_INTERACTIONS)),
        acknowledged: false,
        was_stored_without_answer: false,
        errors: Vec::new(),
        violations: Vec::new(),
    };
    send(&mut call, random, serving).await?;
    if call.acknowledged {
        caller.acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    Ok(call)
}

async fn send(
    call: &mut Call,
    random: &mut ChaCha8Rng,
    serving: &mut watch::Receiver<Vec<Client>>,
) -> anyhow::Result<()> {
    let stopwatch = Stopwatch::start();
    let is_impatient = random.random_bool(IMPATIENT);
    loop {
        let client = serving.wait_for(|clients| !clients.is_empty()).await?.choose(random).cloned();
        let client = client.context("a connection")?;
        match ingest(&client, &call.account, &call.interactions).await {
            Ok(answer) => {
                call.acknowledged = true;
                judge(call, &answer);
                return Ok(());
            }
            Err(status) if BREAKS.contains(&status.code()) => {
                call.errors.push(status.code());
                if is_impatient {
                    return Ok(());
                }
            }
            Err(status) => {
                call.violations.push(format!("{}: a call was refused: {status}", call.account));
                return Ok(());
            }
        }
        ensure!(stopwatch.elapsed() < PATIENCE, "the server does not come back: {:?}", call.errors);
        sleep(PAUSE).await;
    }
}

/// Sends a batch once.
pub(crate) async fn ingest(
    client: &Client,
    account: &str,
    interactions: &[Interaction],
) -> Result<IngestInteractionsResponse, Status> {
    let parent = format!("accounts/{account}");
    let request = IngestInteractionsRequest { parent, interactions: interactions.to_vec() };
    let mut client = InteractionServiceClient::new(client.clone());
    match timeout(CALL, client.ingest_interactions(request)).await {
        Ok(answer) => answer.map(tonic::Response::into_inner),
        Err(_) => Err(Status::deadline_exceeded("given up by the caller")),
    }
}

/// A batch is one transaction: all of it is new, or, after an error, all of it was stored by the attempt that failed.
fn judge(call: &mut Call, answer: &IngestInteractionsResponse) {
    let whole = i64::try_from(call.interactions.len()).unwrap_or(i64::MAX);
    match (answer.accepted_count, answer.duplicate_count) {
        (accepted, 0) if accepted == whole => {}
        (0, duplicates) if duplicates == whole && !call.errors.is_empty() => {
            call.was_stored_without_answer = true;
        }
        _ => {
            let first = call.interactions.first().map(|interaction| interaction.event_id.clone());
            call.violations.push(format!(
                "{}: the batch of {whole} that begins with {first:?} got {answer:?} after the errors {:?}",
                call.account, call.errors
            ));
        }
    }
}
