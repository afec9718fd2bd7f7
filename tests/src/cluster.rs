//! Accounts and crm in processes of their own, with one simulated clock.

use std::{net::TcpListener, time::Duration};

use siyu::{
    connect::{Client, connect},
    suite::ServiceName,
};
use siyu_clock::Micros;
use siyu_proto::testing::v1::{
    AdvanceTimeRequest, AdvanceTimeResponse, clock_service_client::ClockServiceClient,
};

use crate::{
    Engine,
    installation::{Installation, Launch},
    process::Process,
};

/// A process that serves, and a connection to it.
#[derive(Debug)]
pub struct Node {
    /// The process.
    pub process: Process,
    /// Where it serves.
    pub url: String,
    /// Calls it as a service of the platform.
    pub client: Client,
}

/// One process of accounts, whose clock those of the crm follow.
#[derive(Debug)]
pub struct Cluster {
    installation: Installation,
    settings: Vec<String>,
    /// The same for each process of accounts, so that the crm finds the next one.
    accounts_address: String,
    /// Where the clock stands.
    pub now: Micros,
    /// The process of accounts; none while it is down.
    pub accounts: Option<Node>,
    /// The processes of the crm.
    pub crm: Vec<Node>,
}

impl Cluster {
    /// Starts the process of accounts and so many of the crm, with the clock at `now` and more settings, each as `--set`
    /// takes it; none where the engine is not to be had. From an SQLite file one process alone may serve.
    ///
    /// # Errors
    /// When a process does not become ready.
    pub async fn start(
        engine: Engine,
        crm_count: usize,
        now: Micros,
        settings: &[&str],
    ) -> anyhow::Result<Option<Self>> {
        let Some(installation) = Installation::create(engine).await? else { return Ok(None) };
        let mut cluster = Self {
            installation,
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            accounts_address: free_address()?,
            now,
            accounts: None,
            crm: Vec::new(),
        };
        cluster.start_accounts().await?;
        for _ in 0..crm_count {
            let node = cluster.start_crm().await?;
            cluster.crm.push(node);
        }
        Ok(Some(cluster))
    }

    /// Starts the process of accounts, at the address it always has.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_accounts(&mut self) -> anyhow::Result<()> {
        let launch = Launch {
            services: vec![ServiceName::Accounts],
            clock: Some(self.now),
            set: self.settings_and(format!("server.listen={}", self.accounts_address)),
            ..Launch::default()
        };
        let process = self.installation.start(&launch)?;
        self.accounts = Some(self.node(process).await?);
        Ok(())
    }

    /// Starts one more process of the crm, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_crm(&self) -> anyhow::Result<Node> {
        self.node(self.launch_crm()?).await
    }

    /// Starts one more process of the crm, and does not wait for it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn launch_crm(&self) -> anyhow::Result<Process> {
        let accounts = format!("http://{}", self.accounts_address);
        self.installation.start(&Launch {
            services: vec![ServiceName::Crm],
            follows: Some(accounts.clone()),
            set: self.settings_and(format!("peers.accounts={accounts}")),
            ..Launch::default()
        })
    }

    fn settings_and(&self, setting: String) -> Vec<String> {
        self.settings.iter().cloned().chain([setting]).collect()
    }

    /// Waits until the process is ready, and connects to it.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn node(&self, mut process: Process) -> anyhow::Result<Node> {
        let url = process.ready().await?;
        let client = connect(&url, &self.installation.token).await?;
        Ok(Node { process, url, client })
    }

    /// The connection to accounts.
    ///
    /// # Panics
    /// While it is down.
    #[must_use]
    pub fn accounts_client(&self) -> Client {
        self.accounts.as_ref().expect("accounts is up").client.clone()
    }

    /// The connections to the processes of the crm.
    #[must_use]
    pub fn crm_clients(&self) -> Vec<Client> {
        self.crm.iter().map(|node| node.client.clone()).collect()
    }

    /// Moves the clock of all processes.
    ///
    /// # Errors
    /// When the work that became due fails.
    pub async fn advance(&mut self, by: Duration) -> anyhow::Result<AdvanceTimeResponse> {
        let request = AdvanceTimeRequest { by: Some(prost_types::Duration::try_from(by)?) };
        let moved = ClockServiceClient::new(self.accounts_client()).advance_time(request).await?;
        self.now = self.now.plus(by);
        Ok(moved.into_inner())
    }

    /// Ends all processes and removes what they stored.
    ///
    /// # Errors
    /// When something resists.
    pub async fn remove(self) -> anyhow::Result<()> {
        for node in self.crm.into_iter().chain(self.accounts) {
            node.process.kill().await?;
        }
        self.installation.remove().await
    }
}

/// An address that nobody listens on now.
fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
