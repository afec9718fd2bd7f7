//! Clients at work, all the time.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use siyu::connect::Client;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    START, accounts,
    callers::{Call, Caller, call_until_stopped},
};
use crate::traffic::Traffic;

const FANS_PER_ACCOUNT: u32 = 150;
/// A fault comes after so many batches were acknowledged, and a little later, so that it falls anywhere between the
/// arrival of a batch and its answer.
const LIFE_BATCHES: Range<usize> = 0..25;
const LIFE_MICROS: Range<u64> = 0..15_000;
/// It comes after this time anyway.
const LONGEST_LIFE: Duration = Duration::from_secs(5);

/// Clients that send one batch after the other, each to any of the processes that serve.
#[derive(Debug)]
pub(crate) struct Load {
    serving: watch::Sender<Vec<Client>>,
    acknowledged: Arc<AtomicUsize>,
    stop: CancellationToken,
    callers: JoinSet<anyhow::Result<Vec<Call>>>,
}

impl Load {
    /// Starts so many clients. They wait until they are told who serves.
    pub(crate) fn start(seed: u64, callers: u32) -> Self {
        let accounts = accounts();
        let serving = watch::Sender::new(Vec::new());
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for (number, account) in (0..callers).zip(accounts.iter().cycle()) {
            let seed = seed.wrapping_mul(1_000).wrapping_add(u64::from(number));
            let traffic = Traffic::new(seed, &format!("c{number}"), FANS_PER_ACCOUNT, START);
            let caller =
                Caller { account: account.clone(), traffic, seed, acknowledged: acknowledged.clone() };
            tasks.spawn(call_until_stopped(caller, serving.subscribe(), stop.clone()));
        }
        Self { serving, acknowledged, stop, callers: tasks }
    }

    /// Tells the clients who serves from now on.
    pub(crate) fn serve_by(&self, serving: Vec<Client>) {
        self.serving.send_replace(serving);
    }

    /// Lets the clients work until it is time for the next fault.
    pub(super) async fn until_the_next_fault(&self, random: &mut ChaCha8Rng) {
        const PAUSE: Duration = Duration::from_millis(1);
        let enough = self.acknowledged.load(Ordering::Relaxed) + random.random_range(LIFE_BATCHES);
        let reached = async {
            while self.acknowledged.load(Ordering::Relaxed) < enough {
                sleep(PAUSE).await;
            }
        };
        // A process that does not get there gets its fault like the others.
        let _ = timeout(LONGEST_LIFE, reached).await;
        sleep(Duration::from_micros(random.random_range(LIFE_MICROS))).await;
    }

    /// Lets each client finish its batch; answers what all of them did.
    ///
    /// # Errors
    /// When a client did not get an answer for too long.
    pub(crate) async fn stop(mut self) -> anyhow::Result<Vec<Call>> {
        self.stop.cancel();
        let mut calls = Vec::new();
        while let Some(caller) = self.callers.join_next().await {
            calls.extend(caller??);
        }
        Ok(calls)
    }
}
