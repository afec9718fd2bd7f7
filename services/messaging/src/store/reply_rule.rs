use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::replies::{Definition, ReplyRule, Size};

statements! {
    INSERT = "INSERT INTO reply_rule (account_id, rule_id, number, definition, keyword_chars, patterns, once, revision, \
              create_time, update_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    UPDATE = "UPDATE reply_rule SET definition = $3, keyword_chars = $4, patterns = $5, once = $6, revision = $7, \
              update_time = $8 WHERE account_id = $1 AND rule_id = $2";
    DELETE = "DELETE FROM reply_rule WHERE account_id = $1 AND rule_id = $2";
    GET = "SELECT rule_id, number, definition, revision, create_time, update_time FROM reply_rule \
           WHERE account_id = $1 AND rule_id = $2";
    LIST = "SELECT rule_id, number, definition, revision, create_time, update_time FROM reply_rule \
            WHERE account_id = $1 AND rule_id > $2 ORDER BY rule_id LIMIT $3";
    SIZE = "SELECT COUNT(*), CAST(COALESCE(SUM(keyword_chars), 0) AS BIGINT), \
            CAST(COALESCE(SUM(patterns), 0) AS BIGINT), CAST(COALESCE(SUM(once), 0) AS BIGINT) \
            FROM reply_rule WHERE account_id = $1 AND rule_id <> $2";
}

#[derive(sqlx::FromRow)]
struct Row {
    rule_id: String,
    number: i64,
    definition: String,
    revision: i64,
    create_time: i64,
    update_time: i64,
}

impl TryFrom<Row> for ReplyRule {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let definition = serde_json::from_str(&row.definition);
        Ok(Self {
            definition: definition
                .map_err(|error| DbError::broken(format!("reply_rule.definition: {error}")))?,
            rule_id: row.rule_id,
            number: row.number,
            revision: row.revision,
            create_time: Micros(row.create_time),
            update_time: Micros(row.update_time),
        })
    }
}

fn json(definition: &Definition) -> Result<String, DbError> {
    serde_json::to_string(definition).map_err(|error| DbError::broken(error.to_string()))
}

pub(crate) async fn insert(tx: &mut Tx, account_id: &str, rule: &ReplyRule) -> Result<(), DbError> {
    let (text, definition, size) = (tx.pick(INSERT), json(&rule.definition)?, rule.definition.size());
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(&rule.rule_id)
        .bind(rule.number)
        .bind(definition)
        .bind(size.keyword_chars)
        .bind(size.patterns)
        .bind(size.once)
        .bind(rule.revision)
        .bind(rule.create_time.0)
        .bind(rule.update_time.0)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn update(tx: &mut Tx, account_id: &str, rule: &ReplyRule) -> Result<(), DbError> {
    let (text, definition, size) = (tx.pick(UPDATE), json(&rule.definition)?, rule.definition.size());
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(&rule.rule_id)
        .bind(definition)
        .bind(size.keyword_chars)
        .bind(size.patterns)
        .bind(size.once)
        .bind(rule.revision)
        .bind(rule.update_time.0)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn delete(tx: &mut Tx, account_id: &str, rule_id: &str) -> Result<(), DbError> {
    let text = tx.pick(DELETE);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(rule_id).execute(conn).await.map(drop))
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, rule_id: &str) -> Result<Option<ReplyRule>, DbError> {
    let text = tx.pick(GET);
    let found: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(rule_id).fetch_optional(conn).await)?;
    found.map(ReplyRule::try_from).transpose()
}

/// Rules with ids above `after`, in their order.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<ReplyRule>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(ReplyRule::try_from).collect()
}

/// What the rules of an account take, without one of them.
pub(crate) async fn size(tx: &mut Tx, account_id: &str, without: &str) -> Result<Size, DbError> {
    let text = tx.pick(SIZE);
    let (rules, keyword_chars, patterns, once): (i64, i64, i64, i64) =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(without).fetch_one(conn).await)?;
    Ok(Size { rules, keyword_chars, patterns, once })
}
