//! A database for each test.

use std::str::FromStr;

use anyhow::Context;
use siyu_accounts::LeadKeys;
use siyu_clock::{Clock, Ids};
use siyu_db::Engine;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, postgres::PgConnectOptions};
use tempfile::TempDir;

/// Names the cluster that tests make their databases in; `tests/with-postgres.sh` starts one and sets it.
const CLUSTER: &str = "SIYU_TEST_POSTGRES";

/// The databases of one suite. They go with it.
#[derive(Debug)]
pub(crate) struct Databases {
    /// Holds the SQLite files, the keys of leads and the development secret.
    pub(crate) folder: TempDir,
    cluster: Option<Cluster>,
}

#[derive(Debug)]
struct Cluster {
    options: PgConnectOptions,
    url: String,
    prefix: String,
}

const LEAD_KEYS: &str = "test-lead.keys";
const SERVICES: [&str; 3] = ["accounts", "crm", "subscriptions"];

impl Databases {
    /// Makes them; none where the engine is not to be had.
    pub(crate) async fn create(engine: Engine) -> anyhow::Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let cluster = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => {
                let Ok(url) = std::env::var(CLUSTER) else {
                    eprintln!(
                        "SKIP postgres: {CLUSTER} does not name a cluster (tests/with-postgres.sh starts one)"
                    );
                    return Ok(None);
                };
                let prefix = format!("siyu_test_{}", Ids::random().ulid(Clock::System.now()));
                let cluster = Cluster { options: PgConnectOptions::from_str(&url)?, url, prefix };
                cluster.execute("CREATE DATABASE").await?;
                Some(cluster)
            }
        };
        let keys_file = folder.path().join(LEAD_KEYS);
        std::fs::write(keys_file, LeadKeys::generate())?;
        Ok(Some(Self { folder, cluster }))
    }

    /// The setting that names the keys of its leads, as `--set` takes it.
    pub(crate) fn lead_keys(&self) -> String {
        format!("accounts.lead_keys_file={}", self.folder.path().join(LEAD_KEYS).display())
    }

    /// The URL of the database of a service.
    pub(crate) fn url(&self, service: &str) -> anyhow::Result<String> {
        match &self.cluster {
            None => Ok(format!("sqlite:{}", self.folder.path().join(format!("{service}.db")).display())),
            Some(cluster) => {
                let (server, _) =
                    cluster.url.rsplit_once('/').context("the URL of the cluster names a database")?;
                Ok(format!("{server}/{}_{service}", cluster.prefix))
            }
        }
    }

    /// Removes them.
    pub(crate) async fn drop(self) -> anyhow::Result<()> {
        match &self.cluster {
            None => Ok(()),
            Some(cluster) => cluster.execute("DROP DATABASE IF EXISTS").await,
        }
    }
}

impl Cluster {
    async fn execute(&self, what: &str) -> anyhow::Result<()> {
        let force = if what.starts_with("DROP") { " WITH (FORCE)" } else { "" };
        let mut connection = self.options.connect().await?;
        for service in SERVICES {
            let statement = format!("{what} {}_{service}{force}", self.prefix);
            sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
        }
        Ok(connection.close().await?)
    }
}
