use crate::{DbError, Engine};

/// Rows as the JSON array of arrays that `rows(n)` and `lookup(…)` of [`statements!`](crate::statements) read: one
/// parameter, which both databases read at a few hundred thousand rows a second and which needs no generated SQL.
///
/// # Errors
/// [`DbError::Broken`] for values that JSON cannot hold.
pub fn rows<T: serde::Serialize>(rows: impl IntoIterator<Item = T>) -> Result<String, DbError> {
    let rows: Vec<T> = rows.into_iter().collect();
    serde_json::to_string(&rows).map_err(|error| DbError::broken(error.to_string()))
}

/// What a statement answers as one JSON array of rows. SQLite hands rows over from a thread of its own, one by one: where
/// hundreds are read in a hot path, that costs more than to read them.
///
/// # Errors
/// [`DbError::Broken`] where the rows are not of this type.
pub fn from_rows<T: serde::de::DeserializeOwned>(json: &str) -> Result<Vec<T>, DbError> {
    serde_json::from_str(json).map_err(|error| DbError::broken(error.to_string()))
}

/// An SQL statement, in the one or two texts it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    /// What it is called in the code.
    pub name: &'static str,
    /// Its text for SQLite.
    pub sqlite: &'static str,
    /// Its text for PostgreSQL.
    pub postgres: &'static str,
}

impl Statement {
    /// The text for `engine`.
    #[must_use]
    pub fn text(self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }
}

/// Declares the statements of a module as constants, and lists them all in `STATEMENTS`, so that a test can prepare
/// each against a migrated database.
///
/// ```
/// siyu_db::statements! {
///     /// The same text on both databases.
///     GET = "SELECT name FROM account WHERE account_id = $1";
///     /// Where they must differ.
///     CLAIM = {
///         sqlite: "SELECT id FROM job LIMIT $1",
///         postgres: "SELECT id FROM job LIMIT $1 FOR UPDATE SKIP LOCKED",
///     };
///     /// Over the rows of a JSON array of arrays, given as one parameter: a bulk statement without bulk parameters.
///     /// `input` is what a row is called in the text, `input.value->>0` its first column as text.
///     INSERT = ["INSERT INTO account (account_id) SELECT input.value->>0 FROM ", rows(1), ""];
///     /// The rows of a table whose column is one of the values of such a parameter. Each is looked up in the index,
///     /// whatever the statistics of the table say or do not say yet.
///     FIND = ["SELECT name FROM ", lookup("account", "account_id", "TEXT", 1), " AND active = 1"];
/// }
/// assert_eq!(STATEMENTS.len(), 4);
/// assert!(INSERT.sqlite.ends_with("FROM json_each($1) AS input"));
/// assert!(FIND.postgres.contains("FROM account WHERE account.account_id = ANY"));
/// ```
#[macro_export]
macro_rules! statements {
    (@one $name:ident, { sqlite: $sqlite:expr, postgres: $postgres:expr $(,)? }) => {
        $crate::Statement { name: stringify!($name), sqlite: $sqlite, postgres: $postgres }
    };
    (@one $name:ident, [$before:literal, rows($number:literal), $after:literal]) => {
        $crate::Statement {
            name: stringify!($name),
            sqlite: concat!($before, "json_each($", $number, ") AS input", $after),
            postgres: concat!($before, "jsonb_array_elements($", $number, "::jsonb) AS input(value)", $after),
        }
    };
    (@one $name:ident, [
        $before:literal, lookup($table:literal, $column:literal, $type:literal, $number:literal), $after:literal
    ]) => {
        $crate::Statement {
            name: stringify!($name),
            sqlite: concat!(
                $before, "json_each($", $number, ") AS input CROSS JOIN ", $table,
                " WHERE ", $table, ".", $column, " = CAST(input.value->>0 AS ", $type, ")", $after
            ),
            postgres: concat!(
                $before, $table, " WHERE ", $table, ".", $column, " = ANY(ARRAY(SELECT CAST(value->>0 AS ", $type,
                ") FROM jsonb_array_elements($", $number, "::jsonb) AS input(value)))", $after
            ),
        }
    };
    (@one $name:ident, $text:tt) => {
        $crate::Statement { name: stringify!($name), sqlite: $text, postgres: $text }
    };
    ($($(#[$meta:meta])* $name:ident = $text:tt;)+) => {
        $($(#[$meta])* const $name: $crate::Statement = $crate::statements!(@one $name, $text);)+
        /// Every statement of this module.
        pub(crate) const STATEMENTS: &[$crate::Statement] = &[$($name),+];
    };
}
