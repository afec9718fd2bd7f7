use std::borrow::Cow;

use sqlx::migrate::{MigrateError, MigrationType, Migrator};

use crate::{Db, Engine};

/// One step of a schema, in the text of each database. Made by [`migrations!`](crate::migrations).
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// File name without ending, beginning with its number: `0001_accounts`.
    pub name: &'static str,
    /// Its text for SQLite.
    pub sqlite: &'static str,
    /// Its text for PostgreSQL.
    pub postgres: &'static str,
}

/// The migrations of the calling crate, read at build time from `migrations/{sqlite,postgres}/NAME.sql`.
#[macro_export]
macro_rules! migrations {
    ($($name:literal),+ $(,)?) => {
        &[$($crate::Migration {
            name: $name,
            sqlite: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres/", $name, ".sql")),
        }),+]
    };
}

impl Db {
    /// Applies the migrations that the database has not seen yet. Safe to call from several processes at once.
    ///
    /// # Errors
    /// When one fails, or when the database has migrations that this version of the software does not know.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<(), MigrateError> {
        let migrator = migrator(migrations, self.engine());
        match self {
            Self::Sqlite { writer, .. } => migrator.run(writer).await,
            Self::Postgres(pool) => migrator.run(pool).await,
        }
    }
}

fn migrator(migrations: &[Migration], engine: Engine) -> Migrator {
    let steps = migrations.iter().map(|migration| {
        let (number, description) = migration.name.split_once('_').unwrap_or((migration.name, ""));
        let text = match engine {
            Engine::Sqlite => migration.sqlite,
            Engine::Postgres => migration.postgres,
        };
        sqlx::migrate::Migration::new(
            number.parse().unwrap_or_default(),
            Cow::Borrowed(description),
            MigrationType::Simple,
            sqlx::SqlStr::from_static(text),
            false,
        )
    });
    Migrator::with_migrations(steps.collect())
}
