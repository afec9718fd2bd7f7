//! The services, as hosts of the simulated network.

use siyu::{
    config::Config,
    keys::Keys,
    suite::{ServiceName, Suite},
};
use siyu_clock::{Clock, Ids, SimClock};
use siyu_rpc::{
    gate::{GateLayer, MostCalls},
    peer,
};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use super::network;

pub(super) const ACCOUNTS: &str = "accounts";
pub(super) const CRM: &str = "crm";
pub(super) const CLIENTS: &str = "clients";

/// What a host has beside the network. The disk outlives its crashes.
#[derive(Debug, Clone)]
pub(super) struct Host {
    pub(super) config: Config,
    pub(super) keys: Keys,
    pub(super) clock: SimClock,
}

impl Host {
    /// Serves until it crashes.
    pub(super) async fn serve(self, service: ServiceName) -> turmoil::Result {
        // A task of the runtime, which a crash drops while the runtime is still there: a pool of connections needs it.
        tokio::spawn(self.serve_on_network(service)).await??;
        Ok(())
    }

    async fn serve_on_network(self, service: ServiceName) -> anyhow::Result<()> {
        const MOST: MostCalls = MostCalls { requests: 100, streams: 100 };
        let accounts = peer::over(network::channel(ACCOUNTS)?, &self.keys.service_token);
        let clock = Clock::Following(self.clock);
        let suite =
            Suite::open_beside(&self.config, &[service], clock, Ids::random(), &self.keys, Some(accounts))
                .await?;
        let (routes, gate, _jobs) = suite.into_parts();
        let server = Server::builder()
            .layer(GateLayer::at_socket(gate, MOST, CancellationToken::new()))
            .add_routes(routes)
            .serve_with_incoming(network::connections().await?);
        Ok(server.await?)
    }
}
