//! Every key, its type and its default. `deploy/config/siyu.toml` explains them to operators.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use siyu_accounts::HomepageCache;
use siyu_outbox::Settings;
use siyu_realtime::{Redis, RedisUrlError};
use siyu_telemetry::TelemetryConfig;

use super::values::{HumanDuration, Secret};

/// All settings of a process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whether the comforts of development are allowed.
    pub environment: Environment,
    /// How the gRPC port behaves.
    pub server: Server,
    /// Where this process keeps files.
    pub storage: Storage,
    /// The accounts service.
    pub accounts: Accounts,
    /// The CRM service.
    pub crm: Crm,
    /// The subscriptions service.
    pub subscriptions: Subscriptions,
    /// The messaging service.
    pub messaging: Messaging,
    /// The groups service.
    pub groups: Groups,
    /// Events between services.
    pub events: Events,
    /// What happens, as it happens, between the processes of a service.
    pub realtime: Realtime,
    /// Whose tokens are accepted.
    pub auth: Auth,
    /// Services that run elsewhere.
    pub peers: Peers,
    /// Logs, traces and metrics.
    pub telemetry: TelemetryConfig,
}

/// Where the process runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// On the machine of a developer.
    #[default]
    Development,
    /// For real users: shared secrets and simulated time are refused.
    Production,
}

/// Section `[server]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address of the gRPC port.
    pub listen: SocketAddr,
    /// PEM file of its certificate; empty is no TLS.
    pub tls_cert_file: PathBuf,
    /// PEM file of the private key of that certificate.
    pub tls_key_file: PathBuf,
    /// PEM file of the authorities that sign the certificates of clients, which all must then show; empty is none.
    pub tls_client_ca_file: PathBuf,
    /// Connections held at once.
    pub max_connections: u32,
    /// Calls at once on one connection.
    pub max_streams_per_connection: u32,
    /// Calls worked on at once in the whole process.
    pub max_concurrent_requests: u32,
    /// Streams open at once in the whole process.
    pub max_open_streams: u32,
    /// Largest request accepted, in bytes.
    pub max_message_bytes: u32,
    /// Deadline of a call that names none.
    pub default_deadline: HumanDuration,
    /// Longest deadline a caller gets.
    pub max_deadline: HumanDuration,
    /// Pause between keepalive pings.
    pub keepalive_interval: HumanDuration,
    /// Wait for the answer to a ping.
    pub keepalive_timeout: HumanDuration,
    /// Age at which a connection is asked to reconnect.
    pub max_connection_age: HumanDuration,
    /// Time it then has for the calls under way on it.
    pub max_connection_age_grace: HumanDuration,
    /// Wait for the first bytes of a new connection.
    pub preface_timeout: HumanDuration,
    /// Wait for a client to take more of what is sent to it.
    pub send_timeout: HumanDuration,
    /// Wait for running calls at shutdown.
    pub drain_deadline: HumanDuration,
    /// Web origins that browsers may call from.
    pub grpc_web_origins: Vec<String>,
}

/// Section `[storage]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// Home of embedded databases and of the development secret.
    pub data_dir: PathBuf,
}

/// Section `[accounts]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// Its database; empty is a SQLite file. See [`Config::accounts_database_url`].
    pub database_url: Secret,
    /// Most connections to that database.
    pub max_connections: u32,
    /// Pause between two rounds of background work.
    pub sweep_interval: HumanDuration,
    /// Most bytes of homepages that are kept in memory, and as many of where viewers stand.
    pub homepage_cache_bytes: u32,
    /// How long what is kept of homepages and viewers is used at most.
    pub homepage_cache_ttl: HumanDuration,
    /// File of the keys that encrypt what users leave in lead forms; empty is a generated one in the data directory.
    pub lead_keys_file: PathBuf,
    /// What the addresses in entry codes begin with.
    pub entry_url_base: String,
    /// How long before a live starts those with an appointment get a heads-up.
    pub live_reminder_lead: HumanDuration,
}

impl Accounts {
    /// How homepages are kept in memory.
    pub(crate) fn homepage_cache(&self) -> HomepageCache {
        HomepageCache {
            most_bytes: self.homepage_cache_bytes.into(),
            time_to_live: self.homepage_cache_ttl.get(),
        }
    }
}

/// Section `[crm]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crm {
    /// Its database; empty is a SQLite file. See [`Config::crm_database_url`].
    pub database_url: Secret,
    /// Most connections to that database.
    pub max_connections: u32,
    /// Pause between two searches for due tier changes.
    pub sweep_interval: HumanDuration,
    /// Most concurrent calls whose interactions are stored in one transaction; 1 is a transaction for each.
    pub max_calls_per_commit: u32,
    /// Most bytes of fans that are kept in memory, so that filters over them are answered at once.
    pub audience_cache_bytes: u64,
}

/// Section `[subscriptions]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscriptions {
    /// Its database; empty is a SQLite file. See [`Config::subscriptions_database_url`].
    pub database_url: Secret,
    /// Most connections to that database.
    pub max_connections: u32,
    /// Pause between two rounds of background work.
    pub sweep_interval: HumanDuration,
    /// Most bytes of pushes and their audiences that are kept in memory.
    pub audience_cache_bytes: u32,
}

/// Section `[messaging]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Messaging {
    /// Its database; empty is a SQLite file. See [`Config::messaging_database_url`].
    pub database_url: Secret,
    /// Most connections to that database.
    pub max_connections: u32,
    /// Pause between two rounds of background work.
    pub sweep_interval: HumanDuration,
    /// Most concurrent calls whose messages are stored in one transaction; 1 is a transaction for each.
    pub max_calls_per_commit: u32,
}

/// Section `[groups]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Groups {
    /// Its database; empty is a SQLite file. See [`Config::groups_database_url`].
    pub database_url: Secret,
    /// Most connections to that database.
    pub max_connections: u32,
    /// Pause between two rounds of background work.
    pub sweep_interval: HumanDuration,
    /// Most concurrent calls whose messages are stored in one transaction; 1 is a transaction for each.
    pub max_calls_per_commit: u32,
}

/// Section `[events]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Pause between two looks for events of other processes of the same service.
    pub poll_interval: HumanDuration,
    /// After this time without work done, though there is some, another process publishes.
    pub lease_timeout: HumanDuration,
    /// How long events are kept for those who read them.
    pub retention: HumanDuration,
}

impl Events {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            poll_interval: self.poll_interval.get(),
            lease_timeout: self.lease_timeout.get(),
            retention: self.retention.get(),
        }
    }
}

impl Default for Events {
    fn default() -> Self {
        let Settings { poll_interval, lease_timeout, retention } = Settings::default();
        Self {
            poll_interval: HumanDuration::from(poll_interval),
            lease_timeout: HumanDuration::from(lease_timeout),
            retention: HumanDuration::from(retention),
        }
    }
}

/// Section `[realtime]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Realtime {
    /// URL of the Redis over which processes tell each other what changed; empty is none.
    pub redis_url: Secret,
}

impl Realtime {
    /// The Redis, where there is one.
    pub(crate) fn redis(&self) -> Result<Option<Redis>, RedisUrlError> {
        if self.redis_url.is_empty() {
            return Ok(None);
        }
        Redis::at(self.redis_url.expose()).map(Some)
    }
}

/// Section `[auth]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// The audience tokens must name.
    pub audience: String,
    /// The issuer tokens must name.
    pub issuer: String,
    /// Shared secret of development tokens; empty is a generated one in the data directory.
    pub hs256_secret: Secret,
    /// PEM file of the keys that sign tokens; empty is none.
    pub public_key_file: PathBuf,
    /// JSON Web Key Set of the keys that sign tokens; empty is none.
    pub jwks_file: PathBuf,
    /// File of the token shown to other services; empty is none.
    pub service_token_file: PathBuf,
    /// Pause between two looks whether these files have changed.
    pub reload_interval: HumanDuration,
}

/// Section `[peers]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    /// URL of the accounts service where it does not run in this process.
    pub accounts: String,
    /// URL of the CRM where it does not run in this process.
    pub crm: String,
    /// URL of the subscriptions service where it does not run in this process.
    pub subscriptions: String,
    /// URL of the messaging service where it does not run in this process.
    pub messaging: String,
    /// URL of the groups service where it does not run in this process.
    pub groups: String,
    /// PEM file of the authorities that sign the certificates of `https` servers; empty is none.
    pub ca_file: PathBuf,
    /// PEM file of the certificate shown to them; empty is none.
    pub cert_file: PathBuf,
    /// PEM file of the private key of that certificate.
    pub key_file: PathBuf,
}

impl Server {
    /// Whether clients must use TLS.
    pub(crate) fn has_tls(&self) -> bool {
        !self.tls_cert_file.as_os_str().is_empty()
    }

    /// What its URLs begin with.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.has_tls() { "https" } else { "http" }
    }
}

impl Config {
    /// The database of accounts: the configured one, or `accounts.db` in the data directory.
    pub fn accounts_database_url(&self) -> String {
        self.database_url(&self.accounts.database_url, "accounts.db")
    }

    /// The database of the CRM: the configured one, or `crm.db` in the data directory.
    pub fn crm_database_url(&self) -> String {
        self.database_url(&self.crm.database_url, "crm.db")
    }

    /// The database of subscriptions: the configured one, or `subscriptions.db` in the data directory.
    pub fn subscriptions_database_url(&self) -> String {
        self.database_url(&self.subscriptions.database_url, "subscriptions.db")
    }

    /// The database of messaging: the configured one, or `messaging.db` in the data directory.
    pub fn messaging_database_url(&self) -> String {
        self.database_url(&self.messaging.database_url, "messaging.db")
    }

    /// The database of groups: the configured one, or `groups.db` in the data directory.
    pub fn groups_database_url(&self) -> String {
        self.database_url(&self.groups.database_url, "groups.db")
    }

    fn database_url(&self, configured: &Secret, embedded_file: &str) -> String {
        if configured.is_empty() {
            return format!("sqlite:{}", self.storage.data_dir.join(embedded_file).display());
        }
        configured.expose().to_owned()
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 50051)),
            tls_cert_file: PathBuf::new(),
            tls_key_file: PathBuf::new(),
            tls_client_ca_file: PathBuf::new(),
            max_connections: 10_000,
            max_streams_per_connection: 256,
            max_concurrent_requests: 1024,
            max_open_streams: 1024,
            max_message_bytes: 1024 * 1024,
            default_deadline: HumanDuration::from_secs(10),
            max_deadline: HumanDuration::from_secs(60),
            keepalive_interval: HumanDuration::from_secs(30),
            keepalive_timeout: HumanDuration::from_secs(10),
            max_connection_age: HumanDuration::from_secs(30 * 60),
            max_connection_age_grace: HumanDuration::from_secs(10 * 60),
            preface_timeout: HumanDuration::from_secs(2),
            send_timeout: HumanDuration::from_secs(30),
            drain_deadline: HumanDuration::from_secs(10),
            grpc_web_origins: Vec::new(),
        }
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self { data_dir: PathBuf::from("./data") }
    }
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            database_url: Secret::default(),
            max_connections: 16,
            sweep_interval: HumanDuration::from_secs(5),
            homepage_cache_bytes: 64 * 1024 * 1024,
            homepage_cache_ttl: HumanDuration::from_secs(600),
            lead_keys_file: PathBuf::new(),
            entry_url_base: "https://example.com/e".to_owned(),
            live_reminder_lead: HumanDuration::from_secs(10 * 60),
        }
    }
}

impl Default for Crm {
    fn default() -> Self {
        Self {
            database_url: Secret::default(),
            max_connections: 16,
            sweep_interval: HumanDuration::from_secs(5),
            max_calls_per_commit: 256,
            audience_cache_bytes: 512 * 1024 * 1024,
        }
    }
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self {
            database_url: Secret::default(),
            max_connections: 16,
            sweep_interval: HumanDuration::from_secs(1),
            audience_cache_bytes: 256 * 1024 * 1024,
        }
    }
}

impl Default for Messaging {
    fn default() -> Self {
        Self {
            database_url: Secret::default(),
            max_connections: 16,
            sweep_interval: HumanDuration::from_secs(1),
            max_calls_per_commit: 512,
        }
    }
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            database_url: Secret::default(),
            max_connections: 16,
            sweep_interval: HumanDuration::from_secs(1),
            max_calls_per_commit: 512,
        }
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            audience: "siyu".to_owned(),
            issuer: "siyu".to_owned(),
            hs256_secret: Secret::default(),
            public_key_file: PathBuf::new(),
            jwks_file: PathBuf::new(),
            service_token_file: PathBuf::new(),
            reload_interval: HumanDuration::from_secs(10),
        }
    }
}
