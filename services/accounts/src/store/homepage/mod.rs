//! Drafts of homepages; beside them what was published, and what is scheduled.

mod document;
pub(crate) mod schedule;
pub(crate) mod version;

pub(crate) use document::Document;

use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    GET = "SELECT * FROM homepage WHERE account_id = $1";
    SAVE = "INSERT INTO homepage (account_id, draft, revision, author, update_time, last_number) \
            VALUES ($1, $2, $3, $4, $5, $6) \
            ON CONFLICT (account_id) DO UPDATE SET draft = excluded.draft, revision = excluded.revision, \
            author = excluded.author, update_time = excluded.update_time, last_number = excluded.last_number";
}

/// The draft of an account's homepage, as stored.
#[derive(Debug, Clone, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct Draft {
    pub(crate) account_id: String,
    pub(crate) draft: Document,
    /// Grows with every change of the draft and of what is scheduled.
    pub(crate) revision: i64,
    pub(crate) author: String,
    pub(crate) update_time: Option<i64>,
    /// Number of the version published last.
    pub(crate) last_number: i64,
}

/// The draft, if anybody ever worked on the homepage.
pub(crate) async fn get(tx: &mut Tx, account_id: &str) -> Result<Option<Draft>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_optional(conn).await)
}

pub(crate) async fn save(tx: &mut Tx, draft: &Draft) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&draft.account_id)
        .bind(&draft.draft)
        .bind(draft.revision)
        .bind(&draft.author)
        .bind(draft.update_time)
        .bind(draft.last_number)
        .execute(conn)
        .await
        .map(drop))
}
