//! A change to tell of, and an effect that shows what was skipped, doubled or disordered.

use siyu_db::{Db, DbError, Tx, on_db};

const TALLY: &str = "CREATE TABLE tally (account_id TEXT PRIMARY KEY, changes BIGINT NOT NULL)";
const EFFECT: &str = "CREATE TABLE effect (account_id TEXT PRIMARY KEY, last BIGINT NOT NULL, \
                      applied BIGINT NOT NULL, disordered BIGINT NOT NULL)";
const TALLIES: &str = "SELECT account_id, changes FROM tally ORDER BY account_id";
const EFFECTS: &str = "SELECT account_id, last, applied, disordered FROM effect ORDER BY account_id";
const CHANGE: &str = "INSERT INTO tally (account_id, changes) VALUES ($1, $2) \
                      ON CONFLICT (account_id) DO UPDATE SET changes = tally.changes + $2 RETURNING changes";
const APPLY: &str = "INSERT INTO effect (account_id, last, applied, disordered) \
                     VALUES ($1, $2, 1, CASE WHEN $2 = 1 THEN 0 ELSE 1 END) \
                     ON CONFLICT (account_id) DO UPDATE SET disordered = effect.disordered + \
                     CASE WHEN excluded.last = effect.last + 1 THEN 0 ELSE 1 END, \
                     last = excluded.last, applied = effect.applied + 1";

/// How far things are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Changes made, each with its event.
    pub written: i64,
    /// Events applied.
    pub applied: i64,
}

/// Makes the tables.
///
/// # Errors
/// When a database fails.
pub async fn create(source: &Db, sink: &Db) -> Result<(), DbError> {
    for (db, table) in [(source, TALLY), (sink, EFFECT)] {
        let mut tx = db.begin().await?;
        on_db!(&mut tx, |conn| sqlx::query(table).execute(conn).await.map(drop))?;
        tx.commit().await?;
    }
    Ok(())
}

/// Makes so many changes to an account, whose row stays locked; answers the number of the last.
pub(super) async fn change(tx: &mut Tx, account_id: &str, changes: i64) -> Result<i64, DbError> {
    on_db!(tx, |conn| sqlx::query_scalar(CHANGE).bind(account_id).bind(changes).fetch_one(conn).await)
}

/// Notes that the event of a change was applied.
pub(super) async fn apply(tx: &mut Tx, account_id: &str, number: i64) -> Result<(), DbError> {
    on_db!(tx, |conn| sqlx::query(APPLY).bind(account_id).bind(number).execute(conn).await.map(drop))
}

async fn tallies(db: &Db) -> Result<Vec<(String, i64)>, DbError> {
    let mut tx = db.begin_read().await?;
    on_db!(&mut tx, |conn| sqlx::query_as(TALLIES).fetch_all(conn).await)
}

async fn effects(db: &Db) -> Result<Vec<(String, i64, i64, i64)>, DbError> {
    let mut tx = db.begin_read().await?;
    on_db!(&mut tx, |conn| sqlx::query_as(EFFECTS).fetch_all(conn).await)
}

/// Changes made and events applied so far.
///
/// # Errors
/// When a database fails.
pub async fn counts(source: &Db, sink: &Db) -> Result<Counts, DbError> {
    let applied = effects(sink).await?.iter().map(|(_, _, applied, _)| applied).sum();
    Ok(Counts { written: written(source).await?, applied })
}

/// Changes made so far.
pub(super) async fn written(source: &Db) -> Result<i64, DbError> {
    Ok(tallies(source).await?.iter().map(|(_, changes)| changes).sum())
}

/// Accounts whose effect is not what their changes were.
pub(super) async fn violations(source: &Db, sink: &Db) -> Result<Vec<String>, DbError> {
    let expected: Vec<_> =
        tallies(source).await?.into_iter().map(|(account, changes)| (account, changes, changes, 0)).collect();
    let found = effects(sink).await?;
    let mut violations: Vec<String> = expected
        .iter()
        .filter(|expected| !found.contains(expected))
        .map(|expected| format!("expected {expected:?} (account, last, applied, disordered)"))
        .collect();
    violations.extend(
        found.iter().filter(|found| !expected.contains(found)).map(|found| format!("found {found:?}")),
    );
    Ok(violations)
}
