//! A running suite.

use std::{future::Future, time::Duration};

use anyhow::Context;
use siyu::{
    config::{self, Config, Overrides},
    connect::{Client, connect},
    keys::Keys,
    suite::{ServiceName, Suite},
};
use siyu_clock::{Ids, Micros, SimClock};
use siyu_proto::{
    accounts::v1::{
        Account, CreateAccountRequest, CreateEnterpriseRequest, Enterprise,
        accounts_service_client::AccountsServiceClient,
    },
    common::v1::Role,
    crm::v1::{
        analytics_service_client::AnalyticsServiceClient, fan_service_client::FanServiceClient,
        interaction_service_client::InteractionServiceClient,
        lifecycle_service_client::LifecycleServiceClient, package_service_client::PackageServiceClient,
        segment_service_client::SegmentServiceClient, tag_rule_service_client::TagRuleServiceClient,
        tag_service_client::TagServiceClient, tier_service_client::TierServiceClient,
    },
};
use siyu_rpc::{
    auth::{Caller, Grant, Signer},
    server::Ended,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{Engine, database::Databases};

/// 2026-03-01T00:00:00Z: where the clock of every test suite begins.
const START: Micros = Micros::from_seconds(1_772_323_200);
const TOKEN_TTL: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// All services in this process, on a real port, on one of the databases, with a simulated clock.
#[derive(Debug)]
pub struct TestSuite {
    /// The clock of all services; background work runs only when [`TestSuite::advance`] moves it.
    pub clock: SimClock,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// The configuration it runs on. In a box: it is much for a future to carry.
    pub config: Box<Config>,
    client: Client,
    signer: Signer,
    databases: Databases,
    shutdown: CancellationToken,
    server: JoinHandle<anyhow::Result<Ended>>,
}

impl TestSuite {
    /// Runs a test on a fresh suite, and cleans up after it. Prints `SKIP …` where the engine is not to be had.
    ///
    /// # Panics
    /// When the suite cannot be started or stopped.
    pub async fn run<F: Future<Output = ()>>(engine: Engine, test: impl FnOnce(Self) -> F) {
        match Self::start(engine).await {
            Ok(Some(suite)) => test(suite).await,
            Ok(None) => {}
            Err(error) => panic!("cannot start the suite: {error:#}"),
        }
    }

    /// Starts a suite; none where the engine is not to be had.
    ///
    /// # Errors
    /// When a part of it does not start.
    pub async fn start(engine: Engine) -> anyhow::Result<Option<Self>> {
        Self::start_with(engine, &[]).await
    }

    /// Starts a suite with more settings, each as `--set` takes it: `section.key=value`.
    ///
    /// # Errors
    /// When a part of it does not start.
    pub async fn start_with(engine: Engine, settings: &[&str]) -> anyhow::Result<Option<Self>> {
        Self::start_signing(engine, settings, None).await
    }

    /// Starts a suite whose settings name public keys; `signer` has the private half of one.
    ///
    /// # Errors
    /// When a part of it does not start.
    pub async fn start_signed(
        engine: Engine,
        settings: &[&str],
        signer: Signer,
    ) -> anyhow::Result<Option<Self>> {
        Self::start_signing(engine, settings, Some(signer)).await
    }

    async fn start_signing(
        engine: Engine,
        settings: &[&str],
        signer: Option<Signer>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(databases) = Databases::create(engine).await? else { return Ok(None) };
        let folder = databases.folder.path().display();
        let mut set = vec![
            format!("storage.data_dir={folder}"),
            format!("accounts.database_url={}", databases.url("accounts")?),
            format!("crm.database_url={}", databases.url("crm")?),
            format!("subscriptions.database_url={}", databases.url("subscriptions")?),
            format!("messaging.database_url={}", databases.url("messaging")?),
            format!("groups.database_url={}", databases.url("groups")?),
            databases.lead_keys(),
            "accounts.max_connections=4".to_owned(),
            "crm.max_connections=8".to_owned(),
            "subscriptions.max_connections=4".to_owned(),
            "messaging.max_connections=4".to_owned(),
            "groups.max_connections=4".to_owned(),
            // Background work is driven by the tests.
            "accounts.sweep_interval=24h".to_owned(),
            "crm.sweep_interval=24h".to_owned(),
            "subscriptions.sweep_interval=24h".to_owned(),
            "messaging.sweep_interval=24h".to_owned(),
            "groups.sweep_interval=24h".to_owned(),
        ];
        set.extend(settings.iter().map(|setting| (*setting).to_owned()));
        let overrides = Overrides { set, sim_clock: true, ..Overrides::default() };
        let config = config::load(&overrides)?.config;
        let keys = Keys::load(&config)?;
        let signer = signer.or_else(|| keys.signer.clone()).context("nothing to sign tokens with")?;
        let clock = SimClock::starting_at(START);
        let suite =
            Box::pin(Suite::open(&config, &ServiceName::ALL, clock.clone().into(), Ids::seeded(1), &keys))
                .await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shutdown = CancellationToken::new();
        let (server_config, token) = (config.server.clone(), shutdown.clone());
        let server = tokio::spawn(async move { suite.serve(listener, &server_config, token).await });
        let client = connect(&url, &signer.sign(&Caller::service("test"), START, TOKEN_TTL)?).await?;
        Ok(Some(Self { clock, url, config: Box::new(config), client, signer, databases, shutdown, server }))
    }

    /// Stops the suite and removes its databases; answers how the server ended.
    ///
    /// # Panics
    /// When it does not stop cleanly.
    pub async fn finish(self) -> Ended {
        drop(self.client);
        self.shutdown.cancel();
        let ended = self.server.await.expect("the server does not panic").expect("the server stops");
        self.databases.drop().await.expect("the databases can be removed");
        ended
    }

    /// Tells the server to shut down, and does not wait for it.
    pub fn begin_shutdown(&self) {
        self.shutdown.cancel();
    }

    /// Moves the clock, and does what becomes due by that.
    ///
    /// # Panics
    /// When background work fails.
    pub async fn advance(&self, by: Duration) {
        let request = siyu_proto::testing::v1::AdvanceTimeRequest {
            by: Some(prost_types::Duration::try_from(by).expect("a duration that fits")),
        };
        let mut clock =
            siyu_proto::testing::v1::clock_service_client::ClockServiceClient::new(self.client.clone());
        clock.advance_time(request).await.expect("background work succeeds");
    }

    /// A connection that calls as `caller`.
    ///
    /// # Panics
    /// When the suite does not answer.
    pub async fn client_as(&self, caller: &Caller) -> Client {
        let token = self.token(caller);
        connect(&self.url, &token).await.expect("the suite answers")
    }

    /// A connection that calls as an operator with `role` on `resource`.
    pub async fn operator(&self, resource: &str, role: Role) -> Client {
        let grant = Grant { resource: resource.to_owned(), role };
        self.client_as(&Caller::operator("operator", vec![grant])).await
    }

    /// A token for `caller`.
    ///
    /// # Panics
    /// When signing fails.
    #[must_use]
    pub fn token(&self, caller: &Caller) -> String {
        self.token_for(caller, TOKEN_TTL)
    }

    /// A token for `caller` that expires `ttl` after the start of the suite.
    ///
    /// # Panics
    /// When signing fails.
    #[must_use]
    pub fn token_for(&self, caller: &Caller, ttl: Duration) -> String {
        self.signer.sign(caller, START, ttl).expect("signing works")
    }

    /// The connection that calls as a service of the platform.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The accounts service.
    #[must_use]
    pub fn accounts(&self) -> AccountsServiceClient<Client> {
        AccountsServiceClient::new(self.client())
    }

    /// Interactions of the CRM.
    #[must_use]
    pub fn interactions(&self) -> InteractionServiceClient<Client> {
        InteractionServiceClient::new(self.client())
    }

    /// Fans of the CRM.
    #[must_use]
    pub fn fans(&self) -> FanServiceClient<Client> {
        FanServiceClient::new(self.client())
    }

    /// Tiers of the CRM.
    #[must_use]
    pub fn tiers(&self) -> TierServiceClient<Client> {
        TierServiceClient::new(self.client())
    }

    /// Lifecycle stages and value classes of the CRM.
    #[must_use]
    pub fn lifecycle(&self) -> LifecycleServiceClient<Client> {
        LifecycleServiceClient::new(self.client())
    }

    /// Packages of the CRM.
    #[must_use]
    pub fn packages(&self) -> PackageServiceClient<Client> {
        PackageServiceClient::new(self.client())
    }

    /// Segments of the CRM.
    #[must_use]
    pub fn segments(&self) -> SegmentServiceClient<Client> {
        SegmentServiceClient::new(self.client())
    }

    /// Rules that give tags, of the CRM.
    #[must_use]
    pub fn tag_rules(&self) -> TagRuleServiceClient<Client> {
        TagRuleServiceClient::new(self.client())
    }

    /// Tags of the CRM.
    #[must_use]
    pub fn tags(&self) -> TagServiceClient<Client> {
        TagServiceClient::new(self.client())
    }

    /// Figures of the CRM.
    #[must_use]
    pub fn analytics(&self) -> AnalyticsServiceClient<Client> {
        AnalyticsServiceClient::new(self.client())
    }

    /// Makes `accounts/{id}` in `enterprises/{enterprise}` (which is made too, unless it exists), in CNY and
    /// Asia/Shanghai.
    ///
    /// # Panics
    /// When the account exists.
    pub async fn account(&self, enterprise: &str, id: &str) {
        let mut accounts = self.accounts();
        let made = Enterprise { display_name: enterprise.to_owned(), ..Enterprise::default() };
        let request = CreateEnterpriseRequest {
            enterprise: Some(made),
            enterprise_id: enterprise.to_owned(),
            ..Default::default()
        };
        // It may exist already.
        let _ = accounts.create_enterprise(request).await;
        let request = CreateAccountRequest {
            parent: format!("enterprises/{enterprise}"),
            account: Some(Account { display_name: id.to_owned(), ..Account::default() }),
            account_id: id.to_owned(),
            ..Default::default()
        };
        accounts.create_account(request).await.expect("a new account");
    }
}
