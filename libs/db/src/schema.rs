use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

use crate::{DbError, Engine, Statement, Tx, on_db};

/// Tables, their columns, and for each column its type with `NOT NULL` where that holds. Types are written as SQLite
/// calls them, so that the schemas of both databases can be compared.
pub type Schema = BTreeMap<String, BTreeMap<String, String>>;

/// Table, column, type and `1` for NOT NULL of every column of the service's own tables.
const COLUMNS: Statement = Statement {
    name: "COLUMNS",
    sqlite: "SELECT t.name, c.name, c.type, c.\"notnull\" FROM sqlite_schema t, pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name <> '_sqlx_migrations'",
    postgres: "SELECT table_name::TEXT, column_name::TEXT, data_type::TEXT, \
               CASE is_nullable WHEN 'NO' THEN 1::BIGINT ELSE 0::BIGINT END \
               FROM information_schema.columns \
               JOIN information_schema.tables USING (table_schema, table_name) \
               WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> '_sqlx_migrations'",
};

/// Reads the schema of the database behind `tx`.
///
/// # Errors
/// When the catalogue cannot be read.
pub async fn read_schema(tx: &mut Tx) -> Result<Schema, DbError> {
    let engine = tx.engine();
    let text = tx.pick(COLUMNS);
    let rows: Vec<(String, String, String, i64)> =
        on_db!(tx, |conn| sqlx::query_as(text).fetch_all(conn).await)?;
    let mut schema = Schema::new();
    for (table, column, kind, not_null) in rows {
        let kind = if engine == Engine::Postgres { sqlite_type(&kind) } else { &kind };
        let suffix = if not_null == 1 { " NOT NULL" } else { "" };
        schema.entry(table).or_default().insert(column, format!("{kind}{suffix}"));
    }
    Ok(schema)
}

/// What a PostgreSQL type is called in a STRICT table of SQLite.
fn sqlite_type(postgres: &str) -> &str {
    match postgres {
        "bigint" => "INTEGER",
        "text" => "TEXT",
        "double precision" => "REAL",
        "bytea" => "BLOB",
        other => other,
    }
}

/// Has the database prepare a statement without running it: it must parse, and every table and column must exist.
///
/// # Errors
/// What the database finds wrong with it.
pub async fn prepare(tx: &mut Tx, statement: Statement) -> Result<(), DbError> {
    let text = tx.pick(statement);
    on_db!(tx, |conn| conn.prepare(AssertSqlSafe(text).into_sql_str()).await.map(drop))
}
