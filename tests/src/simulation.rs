//! Accounts and crm as two hosts of a simulated network that delays, drops and cuts off, and that crash and come back,
//! while clients make accounts and send interactions. What is stored in the end is checked as after any other fault.
//!
//! The seed decides what is sent, how long each message travels, and which faults come when. How long the disk takes
//! is real, so two runs of a seed are alike and not the same.

mod clients;
mod faults;
mod hosts;
mod network;

use std::{thread, time::Duration};

use siyu::{
    config::{self, Overrides},
    keys::Keys,
    suite::ServiceName,
};
use siyu_clock::SimClock;
use tokio::{sync::oneshot, task::spawn_blocking};
use tokio_util::sync::CancellationToken;

use crate::{
    Engine,
    chaos::{RESTLESS, Report, START, callers::Call, check, start},
    installation::Installation,
};
use clients::Clients;
use faults::Faults;
use hosts::{ACCOUNTS, CLIENTS, CRM, Host};

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Decides what is sent, how messages travel, and which faults come when.
    pub seed: u64,
    /// For how long faults come, in simulated time.
    pub length: Duration,
    /// How many clients send at once.
    pub callers: u32,
}

/// The clock of the services goes so much faster than the network's, so that decay is part of the game.
const CLOCK_SPEED: u32 = 3_600;
/// The network is worked out step by step.
const STEP: Duration = Duration::from_millis(1);
/// What a step takes at least in real time: the disk is real, and must not seem to stand still.
const PACE: Duration = Duration::from_micros(100);
/// Only a simulation that hangs takes so long, in simulated time.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Simulates, then checks what is stored with a real process on the same files.
///
/// # Errors
/// When something beside the checked rules fails; what breaks a rule is in the report.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    let Some(installation) = Installation::create(Engine::Sqlite).await? else {
        return Ok(Report::skipped());
    };
    let clock = SimClock::starting_at(START);
    let set = installation.settings().iter().cloned().chain(RESTLESS.map(str::to_owned)).collect();
    let config = config::load(&Overrides { set, sim_clock: true, ..Overrides::default() })?.config;
    let keys = Keys::load(&config)?;
    let host = Host { config, keys, clock: clock.clone() };
    let token = installation.token.clone();
    let calls = spawn_blocking(move || simulate(options, &host, token)).await??;

    let mut report = Report::default();
    let now = clock.now();
    let (process, client) = start(&installation, now).await?;
    check(&client, Engine::Sqlite, &calls, now, &mut report).await?;
    process.kill().await?;
    installation.remove().await?;
    Ok(report)
}

/// Runs the network with all that is on it; answers what the clients did.
fn simulate(options: Options, host: &Host, token: String) -> anyhow::Result<Vec<Call>> {
    let mut network = turmoil::Builder::new()
        .rng_seed(options.seed)
        .simulation_duration(LONGEST)
        .tick_duration(STEP)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(50))
        .enable_random_order()
        .build();
    for (name, service) in [(ACCOUNTS, ServiceName::Accounts), (CRM, ServiceName::Crm)] {
        let host = host.clone();
        network.host(name, move || host.clone().serve(service));
    }
    let stop = CancellationToken::new();
    let (done, mut calls) = oneshot::channel();
    let clients = Clients { seed: options.seed, callers: options.callers, token, stop: stop.clone() };
    network.client(CLIENTS, async move {
        // The receiver is there until the simulation ends.
        let _ = done.send(clients.work().await?);
        Ok(())
    });

    let mut faults = Faults::new(options.seed);
    let failed = |error: Box<dyn std::error::Error>| anyhow::anyhow!("the simulation failed: {error}");
    while !network.step().map_err(failed)? {
        host.clock.advance_to(START.plus(network.elapsed() * CLOCK_SPEED));
        if network.elapsed() < options.length {
            faults.go_on(&mut network);
        } else if !stop.is_cancelled() {
            faults.mend(&mut network);
            stop.cancel();
        }
        thread::sleep(PACE);
    }
    Ok(calls.try_recv()?)
}
