use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::Path, str::FromStr, time::Duration};

use sqlx::{
    Connection,
    migrate::MigrateError,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{Db, Migration};

/// How to open a database.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    pub url: String,
    /// Most connections to PostgreSQL, and readers of SQLite up to 8.
    pub max_connections: u32,
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names neither database.
    #[error("the URL must begin with `sqlite:` or `postgres://`")]
    UnknownScheme,
    /// The folder of the SQLite file could not be made.
    #[error("cannot create the folder {folder}")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        source: std::io::Error,
    },
    /// The database could not be reached.
    #[error("cannot connect")]
    Connect(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("cannot migrate")]
    Migrate(#[from] MigrateError),
}

const MAX_SQLITE_READERS: u32 = 8;
/// How long a caller waits for the SQLite writer or a PostgreSQL connection before the call fails as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a statement of PostgreSQL waits for a row that another transaction holds.
const LOCK_TIMEOUT: &str = "10s";
/// A process that stands still inside a transaction, stopped or cut off, must not hold its rows for ever: after this time
/// PostgreSQL ends the session.
const IDLE_IN_TRANSACTION_TIMEOUT: &str = "30s";

impl Db {
    /// Opens a database, creates the SQLite file where it is missing, and brings the schema up to date.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(options: &OpenOptions, migrations: &[Migration]) -> Result<Self, OpenError> {
        let db = Self::connect(options).await?;
        db.migrate(migrations).await?;
        Ok(db)
    }

    /// Opens a database as it is, without looking at its schema. Creates the SQLite file where it is missing.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn connect(options: &OpenOptions) -> Result<Self, OpenError> {
        if options.url.starts_with("postgres://") || options.url.starts_with("postgresql://") {
            let pool = PgPoolOptions::new()
                .max_connections(options.max_connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .test_before_acquire(false);
            // A plan made while a table was empty reads all of it, and a kept plan would go on doing so while it grows.
            let connect = PgConnectOptions::from_str(&options.url)?.options([
                ("plan_cache_mode", "force_custom_plan"),
                ("lock_timeout", LOCK_TIMEOUT),
                ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_TIMEOUT),
            ]);
            return Ok(Self::Postgres(pool.connect_with(connect).await?));
        }
        let path = sqlite_path(&options.url).ok_or(OpenError::UnknownScheme)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            // What is in it is nobody else's business.
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(|source| OpenError::Folder { folder: folder.display().to_string(), source })?;
        }
        let connect = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What is acknowledged is on disk, also when the power fails.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .foreign_keys(true)
            .pragma("cache_size", "-65536")
            .pragma("mmap_size", "268435456")
            // A statement that may fail half-way keeps what it undoes: not in a file made and removed each time.
            .pragma("temp_store", "MEMORY")
            // In pages, 32 MiB: a checkpoint after every larger batch would cost as much as the batch.
            .pragma("wal_autocheckpoint", "8000");
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            // After a COMMIT that failed SQLite has rolled back by itself, and sqlx does not know: such a connection
            // would never begin a transaction again.
            .after_release(|connection, _| {
                Box::pin(async move {
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
            .connect_with(connect.clone())
            .await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(options.max_connections.clamp(1, MAX_SQLITE_READERS))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_with(connect.read_only(true))
            .await?;
        Ok(Self::Sqlite { writer, readers })
    }
}

/// The file of a `sqlite:PATH` or `sqlite://PATH` URL; none for another database.
#[must_use]
pub fn sqlite_path(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite:")?;
    Some(Path::new(path.strip_prefix("//").unwrap_or(path)))
}
