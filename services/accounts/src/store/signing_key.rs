use std::fmt;

use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    /// Does nothing where there is a key of that stage already, made by another process at the same time.
    INSERT = "INSERT INTO signing_key (kid, stage, seed, x, create_time) VALUES ($1, $2, $3, $4, $5) \
              ON CONFLICT DO NOTHING";
    CURRENT = "SELECT kid, x, seed FROM signing_key WHERE stage = 'current'";
    NEXT_CREATE_TIME = "SELECT create_time FROM signing_key WHERE stage = 'next'";
    /// Has others who change keys wait until the transaction ends (SQLite has one writer anyway).
    LOCK = {
        sqlite: "SELECT kid FROM signing_key ORDER BY kid",
        postgres: "SELECT kid FROM signing_key ORDER BY kid FOR UPDATE",
    };
    LISTED = "SELECT kid, x FROM signing_key WHERE retire_time IS NULL OR retire_time > $1 ORDER BY create_time, kid";
    RETIRE_CURRENT = "UPDATE signing_key SET stage = 'past', seed = '', retire_time = $1 WHERE stage = 'current'";
    RETIRE_ALL = "UPDATE signing_key SET stage = 'past', seed = '', retire_time = $1 \
                  WHERE retire_time IS NULL OR retire_time > $1";
    PROMOTE = "UPDATE signing_key SET stage = 'current' WHERE stage = 'next'";
    FORGET = "DELETE FROM signing_key WHERE retire_time <= $1";
}

/// What a key is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Signs after the next rotation.
    Next,
    /// Signs.
    Current,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Current => "current",
        }
    }
}

/// A key that signs, or will.
pub(crate) struct NewKey {
    pub(crate) kid: String,
    pub(crate) stage: Stage,
    /// The private key, hexadecimal.
    pub(crate) seed: String,
    pub(crate) x: String,
    pub(crate) create_time: i64,
}

/// The key that signs.
#[derive(sqlx::FromRow)]
pub(crate) struct CurrentKey {
    #[sqlx(flatten)]
    pub(crate) public: PublicKey,
    /// The private key, hexadecimal.
    pub(crate) seed: String,
}

impl fmt::Debug for CurrentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentKey").field("public", &self.public).finish_non_exhaustive()
    }
}

/// The public half of a key.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct PublicKey {
    pub(crate) kid: String,
    /// In base64url.
    pub(crate) x: String,
}

pub(crate) async fn insert(tx: &mut Tx, key: &NewKey) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&key.kid)
        .bind(key.stage.name())
        .bind(&key.seed)
        .bind(&key.x)
        .bind(key.create_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn current(tx: &mut Tx) -> Result<Option<CurrentKey>, DbError> {
    let text = tx.pick(CURRENT);
    on_db!(tx, |conn| sqlx::query_as(text).fetch_optional(conn).await)
}

/// When the key was made that signs after the next rotation.
pub(crate) async fn next_create_time(tx: &mut Tx) -> Result<Option<i64>, DbError> {
    let text = tx.pick(NEXT_CREATE_TIME);
    on_db!(tx, |conn| sqlx::query_scalar(text).fetch_optional(conn).await)
}

pub(crate) async fn lock(tx: &mut Tx) -> Result<(), DbError> {
    let text = tx.pick(LOCK);
    on_db!(tx, |conn| sqlx::query(text).fetch_all(conn).await.map(drop))
}

/// All that are not retired at `now`, oldest first.
pub(crate) async fn listed(tx: &mut Tx, now: i64) -> Result<Vec<PublicKey>, DbError> {
    let text = tx.pick(LISTED);
    on_db!(tx, |conn| sqlx::query_as(text).bind(now).fetch_all(conn).await)
}

/// The key that signs no longer does, and is listed until `retire_time`.
pub(crate) async fn retire_current(tx: &mut Tx, retire_time: i64) -> Result<(), DbError> {
    let text = tx.pick(RETIRE_CURRENT);
    on_db!(tx, |conn| sqlx::query(text).bind(retire_time).execute(conn).await.map(drop))
}

/// No key that there is signs or is listed any more.
pub(crate) async fn retire_all(tx: &mut Tx, now: i64) -> Result<(), DbError> {
    let text = tx.pick(RETIRE_ALL);
    on_db!(tx, |conn| sqlx::query(text).bind(now).execute(conn).await.map(drop))
}

/// The next key signs from now on.
pub(crate) async fn promote_next(tx: &mut Tx) -> Result<(), DbError> {
    let text = tx.pick(PROMOTE);
    on_db!(tx, |conn| sqlx::query(text).execute(conn).await.map(drop))
}

/// Forgets those that are retired at `now`.
pub(crate) async fn forget(tx: &mut Tx, now: i64) -> Result<(), DbError> {
    let text = tx.pick(FORGET);
    on_db!(tx, |conn| sqlx::query(text).bind(now).execute(conn).await.map(drop))
}
