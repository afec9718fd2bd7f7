//! What outlives a `siyu` process: its databases, its keys, its settings.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use siyu::{
    config::{self, Overrides},
    connect::Client,
    keys::Keys,
    suite::ServiceName,
};
use siyu_clock::Micros;
use siyu_db::{Db, Migration, OpenOptions};
use siyu_proto::accounts::v1::{
    Account, CreateAccountRequest, CreateEnterpriseRequest, Enterprise,
    accounts_service_client::AccountsServiceClient,
};
use siyu_rpc::auth::Caller;
use tokio::process::Command;

use crate::{
    Engine,
    database::Databases,
    process::{Process, siyu_binary},
};

/// Tokens are minted for a time that no test leaves.
const TOKEN_FROM: Micros = Micros::from_seconds(1_600_000_000);
const TOKEN_TTL: Duration = Duration::from_secs(50 * 365 * 24 * 3600);
const ENTERPRISE: &str = "installation";
/// Readers of SQLite, connections to PostgreSQL.
const CONNECTIONS: u32 = 8;

/// Databases and keys for processes that come and go.
#[derive(Debug)]
pub struct Installation {
    databases: Databases,
    binary: PathBuf,
    settings: Vec<String>,
    /// Accepted from whoever may call everything.
    pub token: String,
}

/// How to start a process.
#[derive(Debug, Default, Clone)]
pub struct Launch {
    /// What it serves; nothing is everything.
    pub services: Vec<ServiceName>,
    /// Where a simulated clock begins; none is the machine's time.
    pub clock: Option<Micros>,
    /// The URL of the process whose clock it follows, instead of one of its own.
    pub follows: Option<String>,
    /// A program that starts it, with its arguments: `taskset --cpu-list 0`.
    pub wrapper: Vec<String>,
    /// More settings, `section.key=value`.
    pub set: Vec<String>,
}

impl Installation {
    /// An empty one; none, and a line `SKIP …`, where the engine is not to be had.
    ///
    /// # Errors
    /// When databases or keys cannot be made, or the binary is missing.
    pub async fn create(engine: Engine) -> anyhow::Result<Option<Self>> {
        let binary = siyu_binary()?;
        let Some(databases) = Databases::create(engine).await? else { return Ok(None) };
        let mut settings = vec![
            "server.listen=127.0.0.1:0".to_owned(),
            format!("storage.data_dir={}", databases.folder.path().display()),
            format!("accounts.database_url={}", databases.url("accounts")?),
            format!("crm.database_url={}", databases.url("crm")?),
            format!("subscriptions.database_url={}", databases.url("subscriptions")?),
            format!("messaging.database_url={}", databases.url("messaging")?),
            format!("groups.database_url={}", databases.url("groups")?),
            databases.lead_keys(),
            "accounts.max_connections=2".to_owned(),
            format!("crm.max_connections={CONNECTIONS}"),
            "subscriptions.max_connections=4".to_owned(),
            "messaging.max_connections=4".to_owned(),
            "groups.max_connections=4".to_owned(),
        ];
        let overrides = Overrides { set: settings.clone(), ..Overrides::default() };
        let signer = Keys::load(&config::load(&overrides)?.config)?.signer.context("a development secret")?;
        let token = signer.sign(&Caller::service("test"), TOKEN_FROM, TOKEN_TTL)?;
        let service_token_file = databases.folder.path().join("service.token");
        fs::write(&service_token_file, &token)?;
        settings.push(format!("auth.service_token_file={}", service_token_file.display()));
        Ok(Some(Self { databases, binary, settings, token }))
    }

    /// Starts a process.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, launch: &Launch) -> anyhow::Result<Process> {
        let mut line = launch.wrapper.clone();
        line.push(self.binary.display().to_string());
        for setting in self.settings.iter().chain(&launch.set) {
            line.extend(["--set".to_owned(), setting.clone()]);
        }
        let services: &[ServiceName] =
            if launch.services.is_empty() { &ServiceName::ALL } else { &launch.services };
        line.push("serve".to_owned());
        line.extend(services.iter().map(|service| service.name().to_owned()));
        line.extend(launch.clock.map(|time| format!("--sim-clock={time}")));
        line.extend(launch.follows.as_ref().map(|url| format!("--sim-clock={url}")));
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]);
        Process::spawn(command)
    }

    /// The settings of its processes, as `--set` takes them.
    #[must_use]
    pub fn settings(&self) -> &[String] {
        &self.settings
    }

    /// Opens the database of the CRM, beside the service.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open_crm(&self) -> anyhow::Result<Db> {
        self.open("crm", &siyu_crm::migrations()).await
    }

    /// Opens the database of messaging, beside the service.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open_messaging(&self) -> anyhow::Result<Db> {
        self.open("messaging", &siyu_messaging::migrations()).await
    }

    async fn open(&self, service: &str, migrations: &[Migration]) -> anyhow::Result<Db> {
        let options = OpenOptions { url: self.databases.url(service)?, max_connections: CONNECTIONS };
        Ok(Db::open(&options, migrations).await?)
    }

    /// The folder of the SQLite files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.databases.folder.path()
    }

    /// Removes everything. Its processes must be gone.
    ///
    /// # Errors
    /// When a database cannot be removed.
    pub async fn remove(self) -> anyhow::Result<()> {
        self.databases.drop().await
    }
}

/// Makes `accounts/{id}` for every id, in CNY and Asia/Shanghai.
///
/// # Errors
/// When the service refuses.
pub async fn create_accounts(client: &Client, ids: &[String]) -> anyhow::Result<()> {
    let mut accounts = AccountsServiceClient::new(client.clone());
    let enterprise = Enterprise { display_name: ENTERPRISE.to_owned(), ..Enterprise::default() };
    let request = CreateEnterpriseRequest {
        enterprise: Some(enterprise),
        enterprise_id: ENTERPRISE.to_owned(),
        ..Default::default()
    };
    accounts.create_enterprise(request).await?;
    for id in ids {
        let request = CreateAccountRequest {
            parent: format!("enterprises/{ENTERPRISE}"),
            account: Some(Account { display_name: id.clone(), ..Account::default() }),
            account_id: id.clone(),
            ..Default::default()
        };
        accounts.create_account(request).await?;
    }
    Ok(())
}
