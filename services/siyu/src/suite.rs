//! The services of one process, put together.

use std::{fs, time::Duration};

use anyhow::{Context, ensure};
use clap::ValueEnum;
use siyu_accounts::Accounts;
use siyu_clock::{Clock, Ids, Micros};
use siyu_crm::Crm;
use siyu_db::{Db, Migration, OpenOptions};
use siyu_proto::testing::v1::clock_service_server::{self, ClockServiceServer};
use siyu_rpc::{
    gate::{GateConfig, GateLayer},
    peer::{self, Peer, Switchboard},
    server::{self, Ended, ServerConfig},
};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::{
    clock_service::ClockControl,
    config::{self, Config},
    keys::Keys,
};

/// A service of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ServiceName {
    /// Enterprises and their accounts.
    Accounts,
    /// The fan CRM.
    Crm,
}

impl ServiceName {
    /// All services there are.
    pub const ALL: [Self; 2] = [Self::Accounts, Self::Crm];

    /// What it is called everywhere.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Crm => "crm",
        }
    }

    fn migrations(self) -> Vec<Migration> {
        match self {
            Self::Accounts => siyu_accounts::migrations(),
            Self::Crm => siyu_crm::migrations(),
        }
    }

    /// Where its data is.
    pub(crate) fn storage(self, config: &Config) -> OpenOptions {
        match self {
            Self::Accounts => OpenOptions {
                url: config.accounts_database_url(),
                max_connections: config.accounts.max_connections,
            },
            Self::Crm => {
                OpenOptions { url: config.crm_database_url(), max_connections: config.crm.max_connections }
            }
        }
    }

    /// Opens its database and brings it up to date.
    pub(crate) async fn open_storage(self, config: &Config) -> anyhow::Result<Db> {
        let opened = Db::open(&self.storage(config), &self.migrations()).await;
        opened.with_context(|| format!("{}.database_url", self.name()))
    }
}

/// The services of one process.
#[derive(Debug)]
pub struct Suite {
    routes: Routes,
    /// Full names of the gRPC services, for health and reflection.
    names: Vec<&'static str>,
    gate: GateConfig,
    background: Background,
}

/// Work beside the calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Background {
    crm: Option<(Crm, Duration)>,
}

impl Background {
    /// Does everything that is due at `now`.
    pub(crate) async fn tick(&self, now: Micros) -> Result<(), siyu_rpc::Error> {
        match &self.crm {
            Some((crm, _)) => crm.tick(now).await,
            None => Ok(()),
        }
    }

    fn spawn(&self) -> JoinSet<()> {
        let mut jobs = JoinSet::new();
        if let Some((crm, interval)) = &self.crm {
            jobs.spawn(crm.clone().run_jobs(*interval));
        }
        jobs
    }
}

impl Suite {
    /// Opens the databases of `services`, brings them up to date, and connects the services to each other.
    ///
    /// # Errors
    /// With the configuration key that is to blame.
    pub async fn open(
        config: &Config,
        services: &[ServiceName],
        clock: Clock,
        ids: Ids,
        keys: &Keys,
    ) -> anyhow::Result<Self> {
        let max_message_bytes = usize::try_from(config.server.max_message_bytes)?;
        let gate = GateConfig {
            verifier: keys.verifier.clone(),
            clock: clock.clone(),
            default_deadline: config.server.default_deadline.get(),
            max_deadline: config.server.max_deadline.get(),
        };
        let switchboard = Switchboard::default();
        let mut routes = Routes::default();
        let mut names = Vec::new();
        let mut background = Background::default();

        if services.contains(&ServiceName::Accounts) {
            let db = ServiceName::Accounts.open_storage(config).await?;
            routes = Accounts::new(db, clock.clone(), ids).add_to(routes, max_message_bytes);
            names.extend(siyu_accounts::SERVICES);
        }
        if services.contains(&ServiceName::Crm) {
            let db = ServiceName::Crm.open_storage(config).await?;
            let accounts = if services.contains(&ServiceName::Accounts) {
                switchboard.peer(ServiceName::Crm.name())
            } else {
                remote_accounts(config)?
            };
            let crm = Crm::new(db, clock.clone(), accounts, config.crm.account_cache_ttl.get());
            routes = crm.add_to(routes, max_message_bytes);
            names.extend(siyu_crm::SERVICES);
            background.crm = Some((crm, config.crm.sweep_interval.get()));
        }
        if let Some(clock) = clock.simulated() {
            let control = ClockControl::new(clock.clone(), background.clone());
            let service = ClockServiceServer::new(control).max_decoding_message_size(max_message_bytes);
            routes = routes.add_service(service);
            names.push(clock_service_server::SERVICE_NAME);
        }
        let routes = routes.prepare();
        switchboard.connect(routes.clone(), GateLayer::in_process(gate.clone()));
        Ok(Self { routes, names, gate, background })
    }

    /// Brings the databases of `services` up to date.
    ///
    /// # Errors
    /// With the configuration key that is to blame.
    pub async fn migrate(config: &Config, services: &[ServiceName]) -> anyhow::Result<()> {
        for service in services {
            service.open_storage(config).await?.close().await;
            crate::output::print(format!("{}: up to date", service.name()))?;
        }
        Ok(())
    }

    /// The work beside the calls, for whoever drives the clock.
    pub(crate) fn background(&self) -> Background {
        self.background.clone()
    }

    /// Serves on `listener`, with the background work running beside, until `shutdown` is cancelled.
    ///
    /// # Errors
    /// When the transport fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        config: &config::Server,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Ended> {
        let mut jobs = self.background.spawn();
        let config = server_config(config)?;
        let served = server::serve(listener, self.routes, &self.names, self.gate, &config, shutdown).await;
        jobs.shutdown().await;
        served.map_err(|error| anyhow::anyhow!(error))
    }
}

fn server_config(config: &config::Server) -> anyhow::Result<ServerConfig> {
    Ok(ServerConfig {
        max_connections: usize::try_from(config.max_connections)?,
        max_streams_per_connection: config.max_streams_per_connection,
        max_concurrent_requests: usize::try_from(config.max_concurrent_requests)?,
        keepalive_interval: config.keepalive_interval.get(),
        keepalive_timeout: config.keepalive_timeout.get(),
        max_connection_age: config.max_connection_age.get(),
        preface_timeout: config.preface_timeout.get(),
        drain_deadline: config.drain_deadline.get(),
        grpc_web_origins: config.grpc_web_origins.clone(),
    })
}

fn remote_accounts(config: &Config) -> anyhow::Result<Peer> {
    let url = &config.peers.accounts;
    ensure!(
        !url.is_empty(),
        "peers.accounts: must name the accounts service, which does not run in this process"
    );
    let file = &config.auth.service_token_file;
    let token = if file.as_os_str().is_empty() {
        None
    } else {
        let text = fs::read_to_string(file)
            .with_context(|| format!("auth.service_token_file {}", file.display()))?;
        Some(text.trim().to_owned())
    };
    peer::remote(url, token.as_deref()).map_err(|error| anyhow::anyhow!("peers.accounts {url}: {error}"))
}
