//! The services of one process, put together.

use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use siyu_accounts::{Accounts, TokenIssuer};
use siyu_clock::{Clock, Ids};
use siyu_crm::Crm;
use siyu_db::{Db, Migration, OpenOptions};
use siyu_groups::Groups;
use siyu_messaging::Messaging;
use siyu_outbox::{ConsumerService, FeedService, Outbox};
use siyu_proto::{
    accounts::v1::EntranceKind,
    testing::v1::clock_service_server::{self, ClockServiceServer},
};
use siyu_rpc::{
    gate::{GateConfig, GateLayer, MostCalls},
    mutation::AuditLog,
    peer::{self, Peer, Switchboard},
    server::{self, Ended, ServerConfig},
    tls::ServerTls,
};
use siyu_subscriptions::Subscriptions;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::{
    background::{Background, Running},
    clock_service::ClockControl,
    config::{self, Config},
    keys::{self, Keys},
    tls,
};

/// A service of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ServiceName {
    /// Enterprises and their accounts.
    Accounts,
    /// The fan CRM.
    Crm,
    /// Who follows whom.
    Subscriptions,
    /// Private messages.
    Messaging,
    /// Groups of fans.
    Groups,
}

impl ServiceName {
    /// All services there are.
    pub const ALL: [Self; 5] =
        [Self::Accounts, Self::Crm, Self::Subscriptions, Self::Messaging, Self::Groups];

    /// What it is called everywhere.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Crm => "crm",
            Self::Subscriptions => "subscriptions",
            Self::Messaging => "messaging",
            Self::Groups => "groups",
        }
    }

    fn migrations(self) -> Vec<Migration> {
        match self {
            Self::Accounts => siyu_accounts::migrations(),
            Self::Crm => siyu_crm::migrations(),
            Self::Subscriptions => siyu_subscriptions::migrations(),
            Self::Messaging => siyu_messaging::migrations(),
            Self::Groups => siyu_groups::migrations(),
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
            Self::Subscriptions => OpenOptions {
                url: config.subscriptions_database_url(),
                max_connections: config.subscriptions.max_connections,
            },
            Self::Messaging => OpenOptions {
                url: config.messaging_database_url(),
                max_connections: config.messaging.max_connections,
            },
            Self::Groups => OpenOptions {
                url: config.groups_database_url(),
                max_connections: config.groups.max_connections,
            },
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
    /// In a box: every service is in it, which is much for a future to carry.
    background: Box<Background>,
    keys: Keys,
    /// What the port is secured with, and the pause between two looks whether that has changed.
    tls: Option<ServerTls>,
    tls_reload_interval: Duration,
    /// Moves the clock, where it is a simulated one of this process.
    clock_control: Option<ClockControl>,
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
        Self::open_beside(config, services, clock, ids, keys, None).await
    }

    /// Like [`Suite::open`]; accounts, where it does not run in this process, is called over `accounts` instead of the
    /// network: a simulated one brings its own.
    ///
    /// # Errors
    /// With the configuration key that is to blame.
    pub async fn open_beside(
        config: &Config,
        services: &[ServiceName],
        clock: Clock,
        ids: Ids,
        keys: &Keys,
        accounts: Option<Peer>,
    ) -> anyhow::Result<Self> {
        let max_message_bytes = usize::try_from(config.server.max_message_bytes)?;
        let gate = GateConfig {
            verifier: keys.verifier.clone(),
            clock: clock.clone(),
            default_deadline: config.server.default_deadline.get(),
            max_deadline: config.server.max_deadline.get(),
        };
        let switchboard = Switchboard::default();
        let others = Others { services, switchboard: &switchboard, accounts, config, keys };
        let mut routes = Routes::default();
        let mut names = Vec::new();
        let mut background = Background::default();
        let mut audit = AuditLog::default();
        let redis = config.realtime.redis().context("realtime.redis_url")?;

        let outbox = |service: ServiceName, db: &Db| {
            Outbox::new(service.name(), db.clone(), clock.clone(), ids.clone(), config.events.settings())
        };

        if services.contains(&ServiceName::Accounts) {
            let db = ServiceName::Accounts.open_storage(config).await?;
            audit.add(ServiceName::Accounts.name(), db.clone());
            let outbox = outbox(ServiceName::Accounts, &db);
            background.outboxes.push(outbox.clone());
            let issuer =
                TokenIssuer { issuer: config.auth.issuer.clone(), audience: config.auth.audience.clone() };
            let crm = others.find(ServiceName::Accounts, ServiceName::Crm).await?;
            let settings = siyu_accounts::Settings {
                issuer,
                homepages: config.accounts.homepage_cache(),
                installed_entrances: others.entrances(),
                lead_keys: keys::lead_keys(config)?,
                entry_url_base: config.accounts.entry_url_base.clone(),
                live_reminder_lead: config.accounts.live_reminder_lead.get(),
            };
            let accounts = Accounts::new(db, clock.clone(), ids.clone(), outbox, settings, crm.clone());
            let own = switchboard.peer(ServiceName::Accounts.name());
            background.listeners.extend(accounts.listeners(own.clone(), crm));
            keys.trust_accounts(own);
            routes = accounts.add_to(routes, max_message_bytes);
            names.extend(siyu_accounts::SERVICES);
            background.accounts = Some((accounts, config.accounts.sweep_interval.get()));
        }
        if services.contains(&ServiceName::Crm) {
            let db = ServiceName::Crm.open_storage(config).await?;
            audit.add(ServiceName::Crm.name(), db.clone());
            let accounts = others.accounts(ServiceName::Crm).await?;
            let mut observers = Vec::new();
            for observer in [ServiceName::Subscriptions, ServiceName::Messaging, ServiceName::Groups] {
                let found = others.find(ServiceName::Crm, observer).await?;
                observers.extend(found.map(|peer| (observer.name(), peer)));
            }
            keys.trust_accounts(accounts.clone());
            let settings = siyu_crm::Settings {
                max_calls_per_commit: usize::try_from(config.crm.max_calls_per_commit)?,
                audience_cache_bytes: config.crm.audience_cache_bytes,
            };
            let outbox = outbox(ServiceName::Crm, &db);
            background.outboxes.push(outbox.clone());
            let crm = Crm::new(db, clock.clone(), outbox, accounts, observers, settings);
            background.followers.extend(crm.followers());
            routes = crm.add_to(routes, max_message_bytes);
            names.extend(siyu_crm::SERVICES);
            background.crm = Some((crm, config.crm.sweep_interval.get()));
        }
        if services.contains(&ServiceName::Subscriptions) {
            let db = ServiceName::Subscriptions.open_storage(config).await?;
            audit.add(ServiceName::Subscriptions.name(), db.clone());
            let accounts = others.accounts(ServiceName::Subscriptions).await?;
            keys.trust_accounts(accounts.clone());
            let outbox = outbox(ServiceName::Subscriptions, &db);
            background.outboxes.push(outbox.clone());
            let crm = others.find(ServiceName::Subscriptions, ServiceName::Crm).await?;
            let crm = crm.context("peers.crm: must name the service, which does not run in this process")?;
            let cache = siyu_subscriptions::AudienceCache {
                most_bytes: config.subscriptions.audience_cache_bytes.into(),
            };
            let (clock, ids) = (clock.clone(), ids.clone());
            let subscriptions = Subscriptions::new(db, clock, ids, outbox, cache, accounts, crm);
            let own = switchboard.peer(ServiceName::Subscriptions.name());
            background.listeners.extend(subscriptions.listeners(own));
            background.followers.extend(subscriptions.followers());
            routes = subscriptions.add_to(routes, max_message_bytes);
            names.extend(siyu_subscriptions::SERVICES);
            background.subscriptions = Some((subscriptions, config.subscriptions.sweep_interval.get()));
        }
        if services.contains(&ServiceName::Messaging) {
            let db = ServiceName::Messaging.open_storage(config).await?;
            audit.add(ServiceName::Messaging.name(), db.clone());
            let accounts = others.accounts(ServiceName::Messaging).await?;
            keys.trust_accounts(accounts.clone());
            let subscriptions = others.find(ServiceName::Messaging, ServiceName::Subscriptions).await?;
            let outbox = outbox(ServiceName::Messaging, &db);
            background.outboxes.push(outbox.clone());
            let crm = others.find(ServiceName::Messaging, ServiceName::Crm).await?;
            let (clock, ids) = (clock.clone(), ids.clone());
            let others = siyu_messaging::Others { accounts, subscriptions, crm };
            let most_calls = usize::try_from(config.messaging.max_calls_per_commit)?;
            let messaging = Messaging::new(db, clock, ids, outbox, others, most_calls);
            let own = switchboard.peer(ServiceName::Messaging.name());
            background.listeners.extend(messaging.listeners(own));
            background.links.extend(redis.as_ref().map(|redis| messaging.link(redis)));
            routes = messaging.add_to(routes, max_message_bytes);
            names.extend(siyu_messaging::SERVICES);
            background.messaging = Some((messaging, config.messaging.sweep_interval.get()));
        }
        if services.contains(&ServiceName::Groups) {
            let db = ServiceName::Groups.open_storage(config).await?;
            audit.add(ServiceName::Groups.name(), db.clone());
            let accounts = others.accounts(ServiceName::Groups).await?;
            keys.trust_accounts(accounts.clone());
            let outbox = outbox(ServiceName::Groups, &db);
            background.outboxes.push(outbox.clone());
            let crm = others.find(ServiceName::Groups, ServiceName::Crm).await?;
            let (clock, ids) = (clock.clone(), ids.clone());
            let others = siyu_groups::Others { accounts, crm };
            let most_calls = usize::try_from(config.groups.max_calls_per_commit)?;
            let groups = Groups::new(db, clock, ids, outbox, others, most_calls);
            let own = switchboard.peer(ServiceName::Groups.name());
            background.listeners.extend(groups.listeners(own));
            background.links.extend(redis.as_ref().map(|redis| groups.link(redis)));
            routes = groups.add_to(routes, max_message_bytes);
            names.extend(siyu_groups::SERVICES);
            background.groups = Some((groups, config.groups.sweep_interval.get()));
        }
        routes = audit.add_to(routes, max_message_bytes);
        routes = FeedService::new(background.outboxes.clone()).add_to(routes, max_message_bytes);
        routes = ConsumerService::new(background.followers.clone()).add_to(routes, max_message_bytes);
        names.extend([AuditLog::SERVICE, FeedService::NAME, ConsumerService::NAME]);
        let simulated = clock.simulated().cloned();
        let clock_control = simulated.map(|clock| ClockControl::new(clock, background.clone()));
        if let Some(control) = &clock_control {
            let service =
                ClockServiceServer::new(control.clone()).max_decoding_message_size(max_message_bytes);
            routes = routes.add_service(service);
            names.push(clock_service_server::SERVICE_NAME);
        }
        let routes = routes.prepare();
        switchboard.connect(routes.clone(), GateLayer::in_process(gate.clone()));
        Ok(Self {
            routes,
            names,
            gate,
            background: Box::new(background),
            keys: keys.clone(),
            tls: tls::server(&config.server).await?,
            tls_reload_interval: config.auth.reload_interval.get(),
            clock_control,
        })
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
        Background::clone(&self.background)
    }

    /// Takes the work beside the calls: serving does none of it then.
    pub(crate) fn take_background(&mut self) -> Background {
        std::mem::take(&mut *self.background)
    }

    /// Its services, what their gate decides by, and its background work at work, for a server of another kind.
    #[must_use]
    pub fn into_parts(self) -> (Routes, GateConfig, Running) {
        (self.routes, self.gate, self.background.start())
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
        let mut jobs = self.background.start();
        jobs.spawn(self.keys.keep_current());
        if let Some(tls) = &self.tls {
            jobs.spawn(tls.clone().keep_current(self.tls_reload_interval));
        }
        if let Some(clock) = self.clock_control {
            let stopping = shutdown.clone();
            jobs.spawn(async move {
                stopping.cancelled().await;
                clock.dismiss_followers();
            });
        }
        let config = server_config(config, self.tls)?;
        let served = server::serve(listener, self.routes, &self.names, self.gate, &config, shutdown).await;
        jobs.stop().await;
        served.map_err(|error| anyhow::anyhow!(error))
    }
}

fn server_config(config: &config::Server, tls: Option<ServerTls>) -> anyhow::Result<ServerConfig> {
    Ok(ServerConfig {
        max_connections: usize::try_from(config.max_connections)?,
        max_streams_per_connection: config.max_streams_per_connection,
        most_calls: MostCalls {
            requests: usize::try_from(config.max_concurrent_requests)?,
            streams: usize::try_from(config.max_open_streams)?,
        },
        keepalive_interval: config.keepalive_interval.get(),
        keepalive_timeout: config.keepalive_timeout.get(),
        max_connection_age: config.max_connection_age.get(),
        max_connection_age_grace: config.max_connection_age_grace.get(),
        tls,
        preface_timeout: config.preface_timeout.get(),
        send_timeout: config.send_timeout.get(),
        drain_deadline: config.drain_deadline.get(),
        grpc_web_origins: config.grpc_web_origins.clone(),
    })
}

/// How the services of a process reach each other, and those of other processes.
struct Others<'a> {
    /// Those of this process.
    services: &'a [ServiceName],
    switchboard: &'a Switchboard,
    /// The accounts service, where it is given.
    accounts: Option<Peer>,
    config: &'a Config,
    keys: &'a Keys,
}

impl Others<'_> {
    /// The service `wanted` for `caller`; none where it neither runs here nor is configured.
    async fn find(&self, caller: ServiceName, wanted: ServiceName) -> anyhow::Result<Option<Peer>> {
        if self.services.contains(&wanted) {
            return Ok(Some(self.switchboard.peer(caller.name())));
        }
        let (key, url) = self.address(wanted);
        if url.is_empty() {
            return Ok(None);
        }
        Ok(Some(remote(key, url, self.config, self.keys).await?))
    }

    /// The entrances of homepages whose services run here or are configured.
    fn entrances(&self) -> Vec<EntranceKind> {
        let behind = [
            (EntranceKind::PrivateMessage, ServiceName::Messaging),
            (EntranceKind::Group, ServiceName::Groups),
        ];
        behind.into_iter().filter(|(_, service)| self.knows(*service)).map(|(entrance, _)| entrance).collect()
    }

    /// Whether a service runs here or is configured.
    fn knows(&self, service: ServiceName) -> bool {
        self.services.contains(&service) || !self.address(service).1.is_empty()
    }

    /// Where a service is that does not run here, and the configuration key that says so.
    fn address(&self, service: ServiceName) -> (&'static str, &str) {
        let peers = &self.config.peers;
        match service {
            ServiceName::Accounts => ("peers.accounts", &peers.accounts),
            ServiceName::Crm => ("peers.crm", &peers.crm),
            ServiceName::Subscriptions => ("peers.subscriptions", &peers.subscriptions),
            ServiceName::Messaging => ("peers.messaging", &peers.messaging),
            ServiceName::Groups => ("peers.groups", &peers.groups),
        }
    }

    /// The accounts service for `caller`, which cannot do without.
    async fn accounts(&self, caller: ServiceName) -> anyhow::Result<Peer> {
        if let Some(accounts) = &self.accounts
            && !self.services.contains(&ServiceName::Accounts)
        {
            return Ok(accounts.clone());
        }
        let found = self.find(caller, ServiceName::Accounts).await?;
        found.context("peers.accounts: must name the service, which does not run in this process")
    }
}

/// The service at `url`, which the configuration gives as `key`.
async fn remote(key: &str, url: &str, config: &Config, keys: &Keys) -> anyhow::Result<Peer> {
    let tls = tls::client(&config.peers).await?;
    peer::remote(url, tls, &keys.service_token).map_err(|error| anyhow::anyhow!("{key} {url}: {error}"))
}
