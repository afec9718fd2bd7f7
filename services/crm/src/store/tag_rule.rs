use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::tag_rule::Criterion;

statements! {
    INSERT = "INSERT INTO tag_rule (account_id, rule_id, tag, tag_id, form, condition, deleted, revision, create_time, \
              update_time, due_time, done_ordinal) VALUES ($1, $2, $3, $4, $5, $6, 0, 1, $7, $7, $7, 0)";
    GET = "SELECT * FROM tag_rule WHERE account_id = $1 AND rule_id = $2";
    OF_TAG = "SELECT rule_id FROM tag_rule WHERE account_id = $1 AND tag = $2";
    LIST = "SELECT * FROM tag_rule WHERE account_id = $1 AND deleted = 0 AND rule_id > $2 ORDER BY rule_id LIMIT $3";
    OF_BEHAVIOUR = "SELECT * FROM tag_rule WHERE account_id = $1 AND form = 'behaviour' AND deleted = 0 \
                    ORDER BY rule_id";
    COUNT = "SELECT COUNT(*) FROM tag_rule WHERE account_id = $1";
    UPDATE = "UPDATE tag_rule SET condition = $3, deleted = $4, revision = $5, update_time = $6, due_time = $7, \
              done_ordinal = $8, pass_time = $9 WHERE account_id = $1 AND rule_id = $2";
    DELETE = "DELETE FROM tag_rule WHERE account_id = $1 AND rule_id = $2";
    DUE = "SELECT account_id, rule_id FROM tag_rule WHERE due_time <= $1 ORDER BY due_time, account_id, rule_id \
           LIMIT 100";
}

/// A time that does not come.
pub(crate) const NEVER: i64 = i64::MAX;

/// A rule, and how far it has gone through the fans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TagRule {
    pub(crate) rule_id: String,
    /// Number of the tag that it gives.
    pub(crate) tag: i64,
    pub(crate) tag_id: String,
    pub(crate) criterion: Criterion,
    /// It holds of nobody any more, and goes when it has gone through all.
    pub(crate) deleted: bool,
    pub(crate) revision: i64,
    pub(crate) create_time: i64,
    pub(crate) update_time: i64,
    /// When all fans are to be gone through; [`NEVER`] where that is done once.
    pub(crate) due_time: i64,
    /// The last ordinal that this was done for; 0 before the first.
    pub(crate) done_ordinal: i64,
    /// When that was last finished.
    pub(crate) pass_time: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct Row {
    rule_id: String,
    tag: i64,
    tag_id: String,
    form: String,
    condition: String,
    deleted: i64,
    revision: i64,
    create_time: i64,
    update_time: i64,
    due_time: i64,
    done_ordinal: i64,
    pass_time: Option<i64>,
}

impl TryFrom<Row> for TagRule {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let text = &row.condition;
        let criterion = match row.form.as_str() {
            "behaviour" => serde_json::from_str(text).map(Criterion::Behaviour),
            _ => serde_json::from_str(text).map(Criterion::Condition),
        };
        let criterion = criterion.map_err(|error| DbError::broken(format!("tag_rule.condition: {error}")))?;
        Ok(Self {
            rule_id: row.rule_id,
            tag: row.tag,
            tag_id: row.tag_id,
            criterion,
            deleted: row.deleted == 1,
            revision: row.revision,
            create_time: row.create_time,
            update_time: row.update_time,
            due_time: row.due_time,
            done_ordinal: row.done_ordinal,
            pass_time: row.pass_time,
        })
    }
}

/// The columns `form` and `condition`.
fn columns(criterion: &Criterion) -> Result<(&'static str, String), DbError> {
    let (form, json) = match criterion {
        Criterion::Condition(condition) => ("condition", serde_json::to_string(condition)),
        Criterion::Behaviour(behaviour) => ("behaviour", serde_json::to_string(behaviour)),
    };
    Ok((form, json.map_err(|error| DbError::broken(error.to_string()))?))
}

/// Stores a new rule, due since it was made.
pub(crate) async fn insert(tx: &mut Tx, account_id: &str, rule: &TagRule) -> Result<(), DbError> {
    let (form, condition) = columns(&rule.criterion)?;
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(&rule.rule_id)
        .bind(rule.tag)
        .bind(&rule.tag_id)
        .bind(form)
        .bind(condition)
        .bind(rule.create_time)
        .execute(conn)
        .await
        .map(drop))
}

/// One rule, also a deleted one that is not gone yet.
pub(crate) async fn get(tx: &mut Tx, account_id: &str, rule_id: &str) -> Result<Option<TagRule>, DbError> {
    let text = tx.pick(GET);
    let found: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(rule_id).fetch_optional(conn).await)?;
    found.map(TagRule::try_from).transpose()
}

/// The id of the rule that gives a tag, if there is one, also a deleted one that is not gone yet.
pub(crate) async fn of_tag(tx: &mut Tx, account_id: &str, tag: i64) -> Result<Option<String>, DbError> {
    let text = tx.pick(OF_TAG);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).bind(tag).fetch_optional(conn).await)
}

/// Rules with ids above `after`, in their order.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<TagRule>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(TagRule::try_from).collect()
}

/// Number of rules of an account, with deleted ones that are not gone yet.
pub(crate) async fn count(tx: &mut Tx, account_id: &str) -> Result<i64, DbError> {
    let text = tx.pick(COUNT);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_one(conn).await)
}

/// The rules that give tags by what fans did, by id.
pub(crate) async fn of_behaviour(tx: &mut Tx, account_id: &str) -> Result<Vec<TagRule>, DbError> {
    let text = tx.pick(OF_BEHAVIOUR);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_all(conn).await)?;
    found.into_iter().map(TagRule::try_from).collect()
}

/// Stores what may change of a rule: all but its form.
pub(crate) async fn update(tx: &mut Tx, account_id: &str, rule: &TagRule) -> Result<(), DbError> {
    let (_, condition) = columns(&rule.criterion)?;
    let text = tx.pick(UPDATE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(&rule.rule_id)
        .bind(condition)
        .bind(i64::from(rule.deleted))
        .bind(rule.revision)
        .bind(rule.update_time)
        .bind(rule.due_time)
        .bind(rule.done_ordinal)
        .bind(rule.pass_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn delete(tx: &mut Tx, account_id: &str, rule_id: &str) -> Result<(), DbError> {
    let text = tx.pick(DELETE);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(rule_id).execute(conn).await.map(drop))
}

/// Account and id of some rules that are to go through the fans, longest due first.
pub(crate) async fn due(tx: &mut Tx, now: i64) -> Result<Vec<(String, String)>, DbError> {
    let text = tx.pick(DUE);
    on_db!(tx, |conn| sqlx::query_as(text).bind(now).fetch_all(conn).await)
}
