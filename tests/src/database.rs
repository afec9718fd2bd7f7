//! A database for each test.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    str::FromStr,
};

use anyhow::Context;
use siyu_accounts::LeadKeys;
use siyu_clock::{Clock, Ids};
use siyu_db::{Db, Engine, Migration, OpenOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
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

/// The services that store something, and their schemas.
fn schemas() -> [(&'static str, Vec<Migration>); 5] {
    [
        ("accounts", siyu_accounts::migrations()),
        ("crm", siyu_crm::migrations()),
        ("subscriptions", siyu_subscriptions::migrations()),
        ("messaging", siyu_messaging::migrations()),
        ("groups", siyu_groups::migrations()),
    ]
}

impl Databases {
    /// Makes them; none where the engine is not to be had. On PostgreSQL they have the schemas of the services.
    pub(crate) async fn create(engine: Engine) -> anyhow::Result<Option<Self>> {
        Self::make(engine, true).await
    }

    /// Makes them with nothing in them.
    pub(crate) async fn create_empty(engine: Engine) -> anyhow::Result<Option<Self>> {
        Self::make(engine, false).await
    }

    async fn make(engine: Engine, with_schemas: bool) -> anyhow::Result<Option<Self>> {
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
                cluster.create(with_schemas).await?;
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
            Some(cluster) => cluster.url_of(&format!("{}_{service}", cluster.prefix)),
        }
    }

    /// Removes them.
    pub(crate) async fn drop(self) -> anyhow::Result<()> {
        match &self.cluster {
            None => Ok(()),
            Some(cluster) => cluster.drop().await,
        }
    }
}

impl Cluster {
    /// Makes the databases, each as a copy of one that has its schema: that takes a fraction of the time of the migrations.
    async fn create(&self, with_schemas: bool) -> anyhow::Result<()> {
        let mut connection = self.options.connect().await?;
        for (service, migrations) in schemas() {
            let template = if with_schemas {
                self.template(&mut connection, service, &migrations).await?
            } else {
                "template0".to_owned()
            };
            let statement = format!("CREATE DATABASE {}_{service} TEMPLATE {template}", self.prefix);
            sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
        }
        Ok(connection.close().await?)
    }

    /// The name of a database with the schema of a service. Whichever test comes first makes it.
    async fn template(
        &self,
        connection: &mut PgConnection,
        service: &str,
        migrations: &[Migration],
    ) -> anyhow::Result<String> {
        let mut hasher = DefaultHasher::new();
        for migration in migrations {
            (migration.name, migration.postgres).hash(&mut hasher);
        }
        let name = format!("siyu_template_{service}_{:016x}", hasher.finish());
        if !exists(connection, &name).await? {
            sqlx::query("SELECT pg_advisory_lock(hashtext($1))")
                .bind(&name)
                .execute(&mut *connection)
                .await?;
            if !exists(connection, &name).await? {
                self.make_template(connection, &name, migrations).await?;
            }
            sqlx::query("SELECT pg_advisory_unlock(hashtext($1))").bind(&name).execute(connection).await?;
        }
        Ok(name)
    }

    /// It has its name only once it is complete.
    async fn make_template(
        &self,
        connection: &mut PgConnection,
        name: &str,
        migrations: &[Migration],
    ) -> anyhow::Result<()> {
        let unfinished = format!("{name}_unfinished");
        for statement in
            [format!("DROP DATABASE IF EXISTS {unfinished}"), format!("CREATE DATABASE {unfinished}")]
        {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection).await?;
        }
        let options = OpenOptions { url: self.url_of(&unfinished)?, max_connections: 1 };
        Db::open(&options, migrations).await?.close().await;
        let statement = format!("ALTER DATABASE {unfinished} RENAME TO {name}");
        sqlx::query(AssertSqlSafe(statement)).execute(connection).await?;
        Ok(())
    }

    async fn drop(&self) -> anyhow::Result<()> {
        let mut connection = self.options.connect().await?;
        for (service, _) in schemas() {
            let statement = format!("DROP DATABASE IF EXISTS {}_{service} WITH (FORCE)", self.prefix);
            sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
        }
        Ok(connection.close().await?)
    }

    fn url_of(&self, database: &str) -> anyhow::Result<String> {
        let (server, _) = self.url.rsplit_once('/').context("the URL of the cluster names a database")?;
        Ok(format!("{server}/{database}"))
    }
}

async fn exists(connection: &mut PgConnection, database: &str) -> anyhow::Result<bool> {
    let found: Option<i32> = sqlx::query_scalar("SELECT 1 FROM pg_database WHERE datname = $1")
        .bind(database)
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}
