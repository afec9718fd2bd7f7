use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::moderation::{Matching, WordAction};

statements! {
    GET_MATCHING = "SELECT matching FROM word_matching WHERE owner = $1";
    SET_MATCHING = "INSERT INTO word_matching (owner, matching) VALUES ($1, $2) \
                    ON CONFLICT (owner) DO UPDATE SET matching = excluded.matching";
    ADD_WORDS = ["INSERT INTO moderation_word (owner, word, action, update_time) \
                  SELECT $2, input.value->>0, input.value->>1, $3 FROM ", rows(1),
                 " WHERE TRUE ON CONFLICT (owner, word) DO UPDATE SET action = excluded.action, \
                  update_time = excluded.update_time"];
    REMOVE_WORDS = ["DELETE FROM moderation_word WHERE owner = $2 AND word IN (SELECT input.value->>0 FROM ", rows(1),
                    ")"];
    COUNT_WORDS = "SELECT COUNT(*) FROM moderation_word WHERE owner = $1";
    LIST_WORDS = "SELECT word, action, update_time FROM moderation_word WHERE owner = $1 AND word > $2 \
                  ORDER BY word LIMIT $3";
    GET_BLOCKED = "SELECT * FROM blocked_user WHERE account_id = $1 AND user_id = $2";
    BLOCK = "INSERT INTO blocked_user (account_id, user_id, reason, author, create_time) VALUES ($1, $2, $3, $4, $5)";
    UNBLOCK = "DELETE FROM blocked_user WHERE account_id = $1 AND user_id = $2";
    COUNT_BLOCKED = "SELECT COUNT(*) FROM blocked_user WHERE account_id = $1";
    ALL_BLOCKED = "SELECT user_id FROM blocked_user WHERE account_id = $1";
    BLOCKED_OF = ["SELECT blocked_user.user_id FROM ", rows(1), " CROSS JOIN blocked_user \
                   WHERE blocked_user.account_id = $2 AND blocked_user.user_id = input.value->>0"];
    LIST_BLOCKED = "SELECT * FROM blocked_user WHERE account_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3";
}

/// A word of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) action: WordAction,
    pub(crate) update_time: Micros,
}

/// A user who cannot write to an account.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct BlockedUser {
    pub(crate) account_id: String,
    pub(crate) user_id: String,
    pub(crate) reason: String,
    pub(crate) author: String,
    pub(crate) create_time: i64,
}

/// How the words of a list are looked for.
pub(crate) async fn matching(tx: &mut Tx, owner: &str) -> Result<Matching, DbError> {
    let text = tx.pick(GET_MATCHING);
    let found: Option<String> =
        on_db!(tx, |conn| sqlx::query_scalar(text).bind(owner).fetch_optional(conn).await)?;
    let broken = |error: serde_json::Error| DbError::broken(format!("word_matching.matching: {error}"));
    found.map_or(Ok(Matching::ANY), |json| serde_json::from_str(&json).map_err(broken))
}

pub(crate) async fn set_matching(tx: &mut Tx, owner: &str, matching: Matching) -> Result<(), DbError> {
    let text = tx.pick(SET_MATCHING);
    let json = serde_json::to_string(&matching).map_err(|error| DbError::broken(error.to_string()))?;
    on_db!(tx, |conn| sqlx::query(text).bind(owner).bind(json).execute(conn).await.map(drop))
}

/// Adds words, each once, or gives them another action.
pub(crate) async fn add_words<'a>(
    tx: &mut Tx,
    owner: &str,
    words: impl IntoIterator<Item = (&'a str, WordAction)>,
    now: Micros,
) -> Result<(), DbError> {
    let text = tx.pick(ADD_WORDS);
    let words = rows(words.into_iter().map(|(word, action)| (word, action.name())))?;
    on_db!(tx, |conn| sqlx::query(text).bind(words).bind(owner).bind(now.0).execute(conn).await.map(drop))
}

pub(crate) async fn remove_words(tx: &mut Tx, owner: &str, words: &[String]) -> Result<(), DbError> {
    let text = tx.pick(REMOVE_WORDS);
    let words = rows(words.iter().map(|word| [word]))?;
    on_db!(tx, |conn| sqlx::query(text).bind(words).bind(owner).execute(conn).await.map(drop))
}

pub(crate) async fn count_words(tx: &mut Tx, owner: &str) -> Result<i64, DbError> {
    let text = tx.pick(COUNT_WORDS);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(owner).fetch_one(conn).await)
}

/// Words of a list above `after`, in their order.
pub(crate) async fn list_words(
    tx: &mut Tx,
    owner: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Word>, DbError> {
    let text = tx.pick(LIST_WORDS);
    let found: Vec<(String, String, i64)> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(owner).bind(after).bind(limit).fetch_all(conn).await)?;
    let word = |(text, action, update_time): (String, String, i64)| {
        let broken = || DbError::broken(format!("moderation_word.action {action:?}"));
        let action = WordAction::named(&action).ok_or_else(broken)?;
        Ok(Word { text, action, update_time: Micros(update_time) })
    };
    found.into_iter().map(word).collect()
}

pub(crate) async fn blocked(
    tx: &mut Tx,
    account_id: &str,
    user_id: &str,
) -> Result<Option<BlockedUser>, DbError> {
    let text = tx.pick(GET_BLOCKED);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(user_id).fetch_optional(conn).await)
}

pub(crate) async fn block(tx: &mut Tx, blocked: &BlockedUser) -> Result<(), DbError> {
    let text = tx.pick(BLOCK);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&blocked.account_id)
        .bind(&blocked.user_id)
        .bind(&blocked.reason)
        .bind(&blocked.author)
        .bind(blocked.create_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn unblock(tx: &mut Tx, account_id: &str, user_id: &str) -> Result<(), DbError> {
    let text = tx.pick(UNBLOCK);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(user_id).execute(conn).await.map(drop))
}

pub(crate) async fn count_blocked(tx: &mut Tx, account_id: &str) -> Result<i64, DbError> {
    let text = tx.pick(COUNT_BLOCKED);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_one(conn).await)
}

/// The ids of all users who cannot write to an account.
pub(crate) async fn all_blocked(tx: &mut Tx, account_id: &str) -> Result<Vec<String>, DbError> {
    let text = tx.pick(ALL_BLOCKED);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_all(conn).await)
}

/// Which of some users cannot write to an account.
pub(crate) async fn blocked_of(
    tx: &mut Tx,
    account_id: &str,
    users: &[&str],
) -> Result<Vec<String>, DbError> {
    let text = tx.pick(BLOCKED_OF);
    let users = rows(users.iter().map(|user_id| [user_id]))?;
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(users).bind(account_id).fetch_all(conn).await)
}

/// Users who cannot write to an account, with ids above `after`, in their order.
pub(crate) async fn list_blocked(
    tx: &mut Tx,
    account_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<BlockedUser>, DbError> {
    let text = tx.pick(LIST_BLOCKED);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(after).bind(limit).fetch_all(conn).await)
}
