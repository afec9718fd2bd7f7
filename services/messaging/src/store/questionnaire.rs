use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::questionnaire::{Definition, Questionnaire};

statements! {
    INSERT = "INSERT INTO questionnaire (account_id, questionnaire_id, number, revision, create_time, update_time) \
              VALUES ($1, $2, $3, $4, $5, $6)";
    UPDATE = "UPDATE questionnaire SET revision = $3, update_time = $4 WHERE account_id = $1 AND questionnaire_id = $2";
    DELETE = "DELETE FROM questionnaire WHERE account_id = $1 AND questionnaire_id = $2";
    GET = "SELECT questionnaire_id, number, revision, create_time, update_time, definition FROM questionnaire \
           JOIN questionnaire_version USING (account_id, number, revision) \
           WHERE account_id = $1 AND questionnaire_id = $2";
    LIST = "SELECT questionnaire_id, number, revision, create_time, update_time, definition FROM questionnaire \
            JOIN questionnaire_version USING (account_id, number, revision) \
            WHERE account_id = $1 AND questionnaire_id > $2 ORDER BY questionnaire_id LIMIT $3";
    COUNT = "SELECT COUNT(*) FROM questionnaire WHERE account_id = $1";
    INSERT_VERSION = "INSERT INTO questionnaire_version (account_id, number, revision, definition) VALUES ($1, $2, $3, $4)";
    VERSION = "SELECT definition FROM questionnaire_version WHERE account_id = $1 AND number = $2 AND revision = $3";
}

#[derive(sqlx::FromRow)]
struct Row {
    questionnaire_id: String,
    number: i64,
    revision: i64,
    create_time: i64,
    update_time: i64,
    definition: String,
}

impl TryFrom<Row> for Questionnaire {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        Ok(Self {
            definition: read(&row.definition)?,
            questionnaire_id: row.questionnaire_id,
            number: row.number,
            revision: row.revision,
            create_time: Micros(row.create_time),
            update_time: Micros(row.update_time),
        })
    }
}

fn read(definition: &str) -> Result<Definition, DbError> {
    serde_json::from_str(definition)
        .map_err(|error| DbError::broken(format!("questionnaire_version.definition: {error}")))
}

/// Stores a new one.
pub(crate) async fn insert(
    tx: &mut Tx,
    account_id: &str,
    questionnaire: &Questionnaire,
) -> Result<(), DbError> {
    insert_version(tx, account_id, questionnaire).await?;
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(&questionnaire.questionnaire_id)
        .bind(questionnaire.number)
        .bind(questionnaire.revision)
        .bind(questionnaire.create_time.0)
        .bind(questionnaire.update_time.0)
        .execute(conn)
        .await
        .map(drop))
}

/// Stores another revision.
pub(crate) async fn update(
    tx: &mut Tx,
    account_id: &str,
    questionnaire: &Questionnaire,
) -> Result<(), DbError> {
    insert_version(tx, account_id, questionnaire).await?;
    let text = tx.pick(UPDATE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(&questionnaire.questionnaire_id)
        .bind(questionnaire.revision)
        .bind(questionnaire.update_time.0)
        .execute(conn)
        .await
        .map(drop))
}

async fn insert_version(tx: &mut Tx, account_id: &str, questionnaire: &Questionnaire) -> Result<(), DbError> {
    let text = tx.pick(INSERT_VERSION);
    let definition = serde_json::to_string(&questionnaire.definition);
    let definition = definition.map_err(|error| DbError::broken(error.to_string()))?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(questionnaire.number)
        .bind(questionnaire.revision)
        .bind(definition)
        .execute(conn)
        .await
        .map(drop))
}

/// Deletes one. What it said stays, for runs of it.
pub(crate) async fn delete(tx: &mut Tx, account_id: &str, questionnaire_id: &str) -> Result<(), DbError> {
    let text = tx.pick(DELETE);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(questionnaire_id).execute(conn).await.map(drop))
}

pub(crate) async fn get(
    tx: &mut Tx,
    account_id: &str,
    questionnaire_id: &str,
) -> Result<Option<Questionnaire>, DbError> {
    let text = tx.pick(GET);
    let found: Option<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(questionnaire_id)
        .fetch_optional(conn)
        .await)?;
    found.map(Questionnaire::try_from).transpose()
}

/// Questionnaires with ids above `after`, in their order.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Questionnaire>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Questionnaire::try_from).collect()
}

pub(crate) async fn count(tx: &mut Tx, account_id: &str) -> Result<i64, DbError> {
    let text = tx.pick(COUNT);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_one(conn).await)
}

/// What a questionnaire said as it was at a number and revision.
pub(crate) async fn version(
    tx: &mut Tx,
    account_id: &str,
    (number, revision): (i64, i64),
) -> Result<Option<Definition>, DbError> {
    let text = tx.pick(VERSION);
    let found: Option<String> = on_db!(tx, |conn| sqlx::query_scalar(text)
        .bind(account_id)
        .bind(number)
        .bind(revision)
        .fetch_optional(conn)
        .await)?;
    found.map(|definition| read(&definition)).transpose()
}
