use std::collections::BTreeMap;

use siyu_db::{DbError, Tx, on_db, rows, statements};

statements! {
    OF_CONTENTS = ["SELECT content, topic FROM ", lookup("content_topic", "content", "TEXT", 2),
                   " AND content_topic.account_id = $1 ORDER BY content, topic"];
    REMOVE = "DELETE FROM content_topic WHERE account_id = $1 AND content = $2";
    INSERT = ["INSERT INTO content_topic (account_id, content, topic) SELECT $1, $3, input.value->>0 FROM ", rows(2), ""];
    NOTE_TOPICLESS = ["INSERT INTO topicless_content (account_id, content) SELECT $1, input.value->>0 FROM ", rows(2),
                      " WHERE TRUE ON CONFLICT (account_id, content) DO NOTHING"];
    IS_TOPICLESS = "SELECT COUNT(*) FROM topicless_content WHERE account_id = $1 AND content = $2";
    FORGET_TOPICLESS = "DELETE FROM topicless_content WHERE account_id = $1 AND content = $2";
}

/// The topics of those of the contents that have any, in alphabetical order.
pub(crate) async fn of_contents<'a>(
    tx: &mut Tx,
    account_id: &str,
    contents: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<String, Vec<String>>, DbError> {
    let text = tx.pick(OF_CONTENTS);
    let contents = rows(contents.into_iter().map(|content| [content]))?;
    let found: Vec<(String, String)> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(contents).fetch_all(conn).await)?;
    let mut topics: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (content, topic) in found {
        topics.entry(content).or_default().push(topic);
    }
    Ok(topics)
}

/// Takes all topics from a content.
pub(crate) async fn remove(tx: &mut Tx, account_id: &str, content: &str) -> Result<(), DbError> {
    let text = tx.pick(REMOVE);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(content).execute(conn).await.map(drop))
}

/// Gives topics, each once, to a content that has none.
pub(crate) async fn insert(
    tx: &mut Tx,
    account_id: &str,
    content: &str,
    topics: &[String],
) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    let topics = rows(topics.iter().map(|topic| [topic]))?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(topics)
        .bind(content)
        .execute(conn)
        .await
        .map(drop))
}

/// Notes contents, each once, that fans did something with while no topics of them were known.
pub(crate) async fn note_topicless(tx: &mut Tx, account_id: &str, contents: &[&str]) -> Result<(), DbError> {
    if contents.is_empty() {
        return Ok(());
    }
    let text = tx.pick(NOTE_TOPICLESS);
    let contents = rows(contents.iter().map(|content| [content]))?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(contents).execute(conn).await.map(drop))
}

/// Whether a content was noted so.
pub(crate) async fn is_topicless(tx: &mut Tx, account_id: &str, content: &str) -> Result<bool, DbError> {
    let text = tx.pick(IS_TOPICLESS);
    let count: i64 =
        on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).bind(content).fetch_one(conn).await)?;
    Ok(count > 0)
}

pub(crate) async fn forget_topicless(tx: &mut Tx, account_id: &str, content: &str) -> Result<(), DbError> {
    let text = tx.pick(FORGET_TOPICLESS);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(content).execute(conn).await.map(drop))
}
