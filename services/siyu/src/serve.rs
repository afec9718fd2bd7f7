//! Serving until told to stop.

use anyhow::Context;
use siyu_clock::{Clock, Ids, Stopwatch};
use siyu_rpc::server::Ended;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{self, Config},
    keys::Keys,
    suite::{ServiceName, Suite},
};

/// Serves `services` until SIGINT or SIGTERM, then drains.
///
/// # Errors
/// With the configuration key that is to blame, before anything is served.
pub async fn run(config: &Config, services: &[ServiceName], clock: Clock) -> anyhow::Result<()> {
    let stopwatch = Stopwatch::start();
    let telemetry = siyu_telemetry::start(&config.telemetry)?;
    let keys = Keys::load(config)?;
    let suite = Suite::open(config, services, clock, Ids::random(), &keys).await?;
    let listener = listen(&config.server).await?;

    let names: Vec<_> = services.iter().map(|service| service.name()).collect();
    let ready = stopwatch.elapsed().as_millis();
    eprintln!("siyu: {} on http://{}, ready in {ready} ms", names.join(", "), listener.local_addr()?);
    let ended = suite.serve(listener, &config.server, shutdown_on_signal()?).await?;
    if ended == Ended::CutOff {
        tracing::warn!("the drain deadline has passed; calls under way were cut off");
    }
    telemetry.shutdown().await;
    Ok(())
}

/// Takes the port of the configuration.
pub(crate) async fn listen(config: &config::Server) -> anyhow::Result<TcpListener> {
    TcpListener::bind(config.listen).await.with_context(|| format!("server.listen {}", config.listen))
}

/// Cancelled by the first SIGINT or SIGTERM.
pub(crate) fn shutdown_on_signal() -> anyhow::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        token.cancel();
    });
    Ok(shutdown)
}
