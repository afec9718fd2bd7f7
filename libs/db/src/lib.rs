//! One seam over SQLite and PostgreSQL: the same statements and the same code on both, chosen by URL.
//!
//! ```
//! # async fn example(db: &siyu_db::Db) -> Result<(), siyu_db::DbError> {
//! siyu_db::statements! {
//!     /// How many rows there are.
//!     COUNT = "SELECT COUNT(*) FROM account";
//! }
//! let mut tx = db.begin_read().await?;
//! let text = tx.pick(COUNT);
//! let count: i64 = siyu_db::on_db!(&mut tx, |conn| sqlx::query_scalar(text).fetch_one(conn).await)?;
//! # Ok(()) }
//! ```

mod error;
mod migrate;
mod open;
mod schema;
mod statement;

use sqlx::{Database, PgPool, Pool, Postgres, SqlStr, Sqlite, SqlitePool, Transaction};

pub use error::DbError;
pub use migrate::Migration;
pub use open::{OpenError, OpenOptions, sqlite_path};
pub use schema::{Schema, prepare, read_schema};
pub use statement::{Statement, from_rows, rows};

/// The storage of one service. Clones share their connections.
#[derive(Debug, Clone)]
pub enum Db {
    /// SQLite: one connection that writes and several that read. One writer that queues beats many that collide.
    Sqlite {
        /// The only connection that writes.
        writer: SqlitePool,
        /// Connections that only read.
        readers: SqlitePool,
    },
    /// PostgreSQL.
    Postgres(PgPool),
}

/// Which database a [`Db`] stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Engine {
    /// `sqlite` or `postgres`: the label of metrics and folders.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// A transaction. Dropped without commit, it is rolled back.
#[derive(Debug)]
pub enum Tx {
    /// On SQLite.
    Sqlite(Transaction<'static, Sqlite>),
    /// On PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// Begins a transaction that may write. On SQLite it holds the only write lock until it ends, so no call to
    /// another service may be made inside.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when no connection can be had in time.
    pub async fn begin(&self) -> Result<Tx, DbError> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Tx::Sqlite(begin(writer, "BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Tx::Postgres(begin(pool, "BEGIN").await?),
        })
    }

    /// Begins a transaction that reads one consistent state, however many statements it runs.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when no connection can be had in time.
    pub async fn begin_read(&self) -> Result<Tx, DbError> {
        const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(match self {
            Self::Sqlite { readers, .. } => Tx::Sqlite(begin(readers, "BEGIN").await?),
            Self::Postgres(pool) => Tx::Postgres(begin(pool, READ).await?),
        })
    }

    /// Which database it is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self {
            Self::Sqlite { .. } => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    /// Closes all connections, after those in use came back.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Begins a transaction on a connection of the pool. Whoever stops waiting for a connection leaves the queue; BEGIN itself
/// goes on to its end in a task of its own, and what nobody waits for any longer is dropped, which rolls it back: sqlx
/// counts a transaction only once BEGIN is answered, so a caller cut off in between would leave the connection inside.
async fn begin<D: Database>(
    pool: &Pool<D>,
    statement: &'static str,
) -> Result<Transaction<'static, D>, sqlx::Error> {
    let connection = pool.acquire().await?;
    let begin = Transaction::begin(connection, Some(SqlStr::from_static(statement)));
    match tokio::spawn(begin).await {
        Ok(begun) => begun,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is shutting down.
        Err(_) => Err(sqlx::Error::PoolClosed),
    }
}

impl Tx {
    /// Makes the changes durable: when it answers, they are on disk.
    ///
    /// # Errors
    /// [`DbError::Contention`] when a concurrent transaction won, [`DbError::Unavailable`] when the database is gone.
    pub async fn commit(self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// The text of a statement for this database.
    #[must_use]
    pub fn pick(&self, statement: Statement) -> &'static str {
        statement.text(self.engine())
    }

    /// Which database it runs on.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }
}

/// Runs the body with the connection of a transaction, whichever database it is on. The body is compiled once for
/// each, and must suit both.
///
/// Evaluates to `Result<_, DbError>`.
#[macro_export]
macro_rules! on_db {
    ($tx:expr, |$conn:ident| $body:expr) => {
        match $tx {
            $crate::Tx::Sqlite(transaction) => {
                let $conn = &mut **transaction;
                ($body).map_err($crate::DbError::from)
            }
            $crate::Tx::Postgres(transaction) => {
                let $conn = &mut **transaction;
                ($body).map_err($crate::DbError::from)
            }
        }
    };
}
