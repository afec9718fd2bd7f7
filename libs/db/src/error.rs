/// What can go wrong in storage, as far as callers can do something about it.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A row with this key exists already.
    #[error("a row with this key exists already ({constraint})")]
    Duplicate {
        /// The constraint or index that said so, as the database names it.
        constraint: String,
    },
    /// Concurrent transactions collided; running again may succeed.
    #[error("concurrent transactions collided")]
    Contention(#[source] sqlx::Error),
    /// The database cannot be reached or has no connection free.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// A mistake in a statement, a value or the schema.
    #[error("storage failed")]
    Broken(#[source] sqlx::Error),
}

/// PostgreSQL: serialization failure, deadlock. SQLite: busy, busy snapshot, locked.
const CONTENTION_CODES: &[&str] = &["40001", "40P01", "5", "517", "6"];
/// PostgreSQL: too many connections, the administrator shuts down, crash shutdown, starting up.
const UNAVAILABLE_CODES: &[&str] = &["53300", "57P01", "57P02", "57P03"];

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                if database.is_unique_violation() {
                    let constraint = database.constraint().unwrap_or_else(|| database.message());
                    Self::Duplicate { constraint: constraint.to_owned() }
                } else if CONTENTION_CODES.contains(&code.as_ref()) {
                    Self::Contention(error)
                } else if UNAVAILABLE_CODES.contains(&code.as_ref()) {
                    Self::Unavailable(error)
                } else {
                    Self::Broken(error)
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Tls(_) => Self::Unavailable(error),
            _ => Self::Broken(error),
        }
    }
}
