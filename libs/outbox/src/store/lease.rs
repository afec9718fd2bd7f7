use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    CREATE = "INSERT INTO event_lease (lease_name, holder, token, beat) VALUES ($1, '', 0, 0) \
              ON CONFLICT (lease_name) DO NOTHING";
    GET = "SELECT holder, token, beat FROM event_lease WHERE lease_name = $1";
    /// Nobody else may have taken it, or worked under it, since it was read.
    TAKE = "UPDATE event_lease SET holder = $2, token = token + 1, beat = beat + 1 \
            WHERE lease_name = $1 AND token = $3 AND beat = $4";
    /// Also keeps others from taking it until the transaction ends.
    BEAT = "UPDATE event_lease SET beat = beat + 1 WHERE lease_name = $1 AND token = $2";
    /// Keeps the holder from working until the transaction ends (SQLite has one writer anyway).
    LOCK = {
        sqlite: "SELECT token FROM event_lease WHERE lease_name = $1",
        postgres: "SELECT token FROM event_lease WHERE lease_name = $1 FOR UPDATE",
    };
    RELEASE = "UPDATE event_lease SET holder = '' WHERE lease_name = $1 AND token = $2";
}

/// Who holds a lease, and how far they have worked.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct State {
    /// Empty: nobody.
    pub(crate) holder: String,
    pub(crate) token: i64,
    pub(crate) beat: i64,
}

pub(crate) async fn create(tx: &mut Tx, name: &str) -> Result<(), DbError> {
    let text = tx.pick(CREATE);
    on_db!(tx, |conn| sqlx::query(text).bind(name).execute(conn).await.map(drop))
}

pub(crate) async fn get(tx: &mut Tx, name: &str) -> Result<Option<State>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(name).fetch_optional(conn).await)
}

/// Whether it could be taken.
pub(crate) async fn take(tx: &mut Tx, name: &str, holder: &str, seen: &State) -> Result<bool, DbError> {
    let text = tx.pick(TAKE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(name)
        .bind(holder)
        .bind(seen.token)
        .bind(seen.beat)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() == 1))
}

/// Whether it is still held under this token.
pub(crate) async fn beat(tx: &mut Tx, name: &str, token: i64) -> Result<bool, DbError> {
    let text = tx.pick(BEAT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(name)
        .bind(token)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() == 1))
}

/// Waits until the holder is not at work, and keeps it from working until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx, name: &str) -> Result<(), DbError> {
    let text = tx.pick(LOCK);
    on_db!(tx, |conn| sqlx::query(text).bind(name).fetch_optional(conn).await.map(drop))
}

pub(crate) async fn release(tx: &mut Tx, name: &str, token: i64) -> Result<(), DbError> {
    let text = tx.pick(RELEASE);
    on_db!(tx, |conn| sqlx::query(text).bind(name).bind(token).execute(conn).await.map(drop))
}
