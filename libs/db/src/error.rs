use std::sync::Arc;

/// What can go wrong in storage, as far as callers can do something about it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DbError {
    /// A row with this key exists already.
    #[error("a row with this key exists already ({constraint})")]
    Duplicate {
        /// The constraint or index that said so, as the database names it.
        constraint: String,
    },
    /// Concurrent transactions collided; running again may succeed.
    #[error("concurrent transactions collided")]
    Contention(#[source] Arc<sqlx::Error>),
    /// The database cannot be reached or has no connection free.
    #[error("the database is unavailable")]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// A mistake in a statement, a value or the schema.
    #[error("storage failed")]
    Broken(#[source] Arc<sqlx::Error>),
}

/// PostgreSQL: serialization failure, deadlock, a lock that was not to be had in time. SQLite: busy, busy snapshot, locked.
const CONTENTION_CODES: &[&str] = &["40001", "40P01", "55P03", "5", "517", "6"];
/// PostgreSQL: read-only after a failover, idle for too long in a transaction, disk full, out of memory, too many
/// connections, cancelled, the administrator shuts down, crash shutdown, starting up, I/O error.
const UNAVAILABLE_CODES: &[&str] =
    &["25006", "25P03", "53100", "53200", "53300", "57014", "57P01", "57P02", "57P03", "58030"];
/// SQLite: I/O error, disk full. An extended code has these in its lowest byte.
const SQLITE_UNAVAILABLE: [u32; 2] = [10, 13];

impl DbError {
    /// A stored value that no version of the software wrote, or one that cannot be written.
    #[must_use]
    pub fn broken(what: impl Into<String>) -> Self {
        Self::Broken(Arc::new(sqlx::Error::Decode(what.into().into())))
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                if database.is_unique_violation() {
                    let constraint = database.constraint().unwrap_or_else(|| database.message());
                    Self::Duplicate { constraint: constraint.to_owned() }
                } else if CONTENTION_CODES.contains(&code.as_ref()) {
                    Self::Contention(error.into())
                } else if UNAVAILABLE_CODES.contains(&code.as_ref())
                    || is_connection_broken(&code)
                    || is_sqlite_unavailable(&code)
                {
                    Self::Unavailable(error.into())
                } else {
                    Self::Broken(error.into())
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Tls(_) => Self::Unavailable(error.into()),
            _ => Self::Broken(error.into()),
        }
    }
}

/// PostgreSQL's class 08.
fn is_connection_broken(code: &str) -> bool {
    code.len() == 5 && code.starts_with("08")
}

/// PostgreSQL's codes have five characters, SQLite's are numbers of fewer.
fn is_sqlite_unavailable(code: &str) -> bool {
    code.len() < 5 && code.parse::<u32>().is_ok_and(|code| SQLITE_UNAVAILABLE.contains(&(code & 0xff)))
}

#[cfg(test)]
mod tests {
    use super::is_sqlite_unavailable;

    #[test]
    fn a_disk_that_fails_or_is_full_is_unavailable() {
        const FSYNC_FAILED: &str = "1034";
        assert!(
            is_sqlite_unavailable(FSYNC_FAILED) && is_sqlite_unavailable("10") && is_sqlite_unavailable("13")
        );
        assert!(
            !is_sqlite_unavailable("1") && !is_sqlite_unavailable("42P01") && !is_sqlite_unavailable("2067")
        );
    }
}
