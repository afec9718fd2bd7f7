//! Serving until told to stop.

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use siyu_clock::{Clock, Ids, Stopwatch};
use siyu_rpc::server::Ended;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    clock_follower::ClockFollower,
    config::{self, Config},
    keys::Keys,
    suite::{ServiceName, Suite},
    tls,
};

/// What the services take for the time.
#[derive(Debug)]
pub enum TimeSource {
    /// A clock of this process.
    Here(Clock),
    /// The simulated clock of the process at this URL.
    Process(String),
}

/// Serves `services` until SIGINT or SIGTERM, then drains.
///
/// # Errors
/// With the configuration key that is to blame, before anything is served.
pub async fn run(config: &Config, services: &[ServiceName], time: TimeSource) -> anyhow::Result<()> {
    let stopwatch = Stopwatch::start();
    let telemetry = siyu_telemetry::start(&config.telemetry)?;
    let keys = Keys::load(config)?;
    let (clock, follower) = match time {
        TimeSource::Here(clock) => (clock, None),
        TimeSource::Process(url) => {
            let tls = tls::client(&config.peers).await?;
            let follower = ClockFollower::start(&url, tls, &keys.service_token).await?;
            (Clock::Following(follower.clock()), Some(follower))
        }
    };
    allow_files(config.server.max_connections);
    let suite = Suite::open(config, services, clock, Ids::random(), &keys).await?;
    let follow =
        |follower: ClockFollower| AbortOnDropHandle::new(tokio::spawn(follower.run(suite.background())));
    let _following = follower.map(follow);
    let listener = listen(&config.server).await?;

    let names: Vec<_> = services.iter().map(|service| service.name()).collect();
    let ready = stopwatch.elapsed().as_millis();
    let (scheme, address) = (config.server.scheme(), listener.local_addr()?);
    eprintln!("siyu: {} on {scheme}://{address}, ready in {ready} ms", names.join(", "));
    let ended = suite.serve(listener, &config.server, shutdown_on_signal()?).await?;
    if ended == Ended::CutOff {
        tracing::warn!("the drain deadline has passed; calls under way were cut off");
    }
    telemetry.shutdown().await;
    Ok(())
}

/// Lets the process have as many open files as its connections take, as far as the system allows: by default it is 1,024 for
/// most processes, and more on demand.
fn allow_files(max_connections: u32) {
    /// Databases, keys, connections to others.
    const BESIDE: u64 = 512;
    let wanted = u64::from(max_connections) + BESIDE;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let allowed = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), ..limit });
    if raised.is_err() || allowed < wanted {
        let allowed = getrlimit(Resource::Nofile).current;
        tracing::warn!(wanted, allowed, "too few open files for server.max_connections: see ulimit -n");
    }
}

/// Takes the port of the configuration.
pub(crate) async fn listen(config: &config::Server) -> anyhow::Result<TcpListener> {
    TcpListener::bind(config.listen).await.with_context(|| format!("server.listen {}", config.listen))
}

/// Cancelled by the first SIGINT or SIGTERM; the second ends the process.
pub(crate) fn shutdown_on_signal() -> anyhow::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        let mut next_signal = async || {
            tokio::select! {
                _ = interrupt.recv() => SignalKind::interrupt(),
                _ = terminate.recv() => SignalKind::terminate(),
            }
        };
        next_signal().await;
        token.cancel();
        exit_by(next_signal().await);
    });
    Ok(shutdown)
}

/// Ends the process at once, with the exit code of one that `signal` ended. Nothing that was answered OK is lost: it is
/// on disk.
#[expect(clippy::disallowed_methods, reason = "who asks twice does not want to wait for anything")]
fn exit_by(signal: SignalKind) -> ! {
    eprintln!("siyu: ended at once by a second signal");
    std::process::exit(128 + signal.as_raw_value())
}
