use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::desk_macro::{Definition, DeskMacro};

statements! {
    GET = "SELECT * FROM desk_macro WHERE account_id = $1 AND macro_id = $2";
    LIST = "SELECT * FROM desk_macro WHERE account_id = $1 AND macro_id > $2 ORDER BY macro_id LIMIT $3";
    COUNT = "SELECT COUNT(*) FROM desk_macro WHERE account_id = $1";
    SAVE = "INSERT INTO desk_macro (account_id, macro_id, definition, revision, create_time, update_time) \
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id, macro_id) DO UPDATE SET \
            definition = excluded.definition, revision = excluded.revision, update_time = excluded.update_time";
    DELETE = "DELETE FROM desk_macro WHERE account_id = $1 AND macro_id = $2";
}

#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    macro_id: String,
    definition: String,
    revision: i64,
    create_time: i64,
    update_time: i64,
}

impl TryFrom<Row> for DeskMacro {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let definition: Result<Definition, _> = serde_json::from_str(&row.definition);
        Ok(Self {
            definition: definition
                .map_err(|error| DbError::broken(format!("desk_macro.definition: {error}")))?,
            account_id: row.account_id,
            macro_id: row.macro_id,
            revision: row.revision,
            create_time: Micros(row.create_time),
            update_time: Micros(row.update_time),
        })
    }
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, macro_id: &str) -> Result<Option<DeskMacro>, DbError> {
    let text = tx.pick(GET);
    let found: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(macro_id).fetch_optional(conn).await)?;
    found.map(DeskMacro::try_from).transpose()
}

/// Macros with ids above `after`, in their order.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<DeskMacro>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(DeskMacro::try_from).collect()
}

pub(crate) async fn count(tx: &mut Tx, account_id: &str) -> Result<i64, DbError> {
    let text = tx.pick(COUNT);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_one(conn).await)
}

/// Stores a macro, new or as it is now.
pub(crate) async fn save(tx: &mut Tx, desk_macro: &DeskMacro) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    let definition = serde_json::to_string(&desk_macro.definition);
    let definition = definition.map_err(|error| DbError::broken(error.to_string()))?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&desk_macro.account_id)
        .bind(&desk_macro.macro_id)
        .bind(definition)
        .bind(desk_macro.revision)
        .bind(desk_macro.create_time.0)
        .bind(desk_macro.update_time.0)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn delete(tx: &mut Tx, account_id: &str, macro_id: &str) -> Result<(), DbError> {
    let text = tx.pick(DELETE);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(macro_id).execute(conn).await.map(drop))
}
