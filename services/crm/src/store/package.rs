use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};

use super::bitmap::{from_bytes, pieces, to_bytes};

statements! {
    INSERT = "INSERT INTO package (account_id, package_id, display_name, kind, source, fan_count, byte_count, as_of, \
              create_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    INSERT_PIECE = "INSERT INTO package_piece (account_id, package_id, piece, ordinals) VALUES ($1, $2, $3, $4)";
    GET = "SELECT * FROM package WHERE account_id = $1 AND package_id = $2";
    FANS = "SELECT ordinals FROM package_piece WHERE account_id = $1 AND package_id = $2";
    LIST = "SELECT * FROM package WHERE account_id = $1 AND package_id > $2 ORDER BY package_id LIMIT $3";
    COUNT = "SELECT COUNT(*) FROM package WHERE account_id = $1";
    DELETE = "DELETE FROM package WHERE account_id = $1 AND package_id = $2";
    DELETE_PIECES = "DELETE FROM package_piece WHERE account_id = $1 AND package_id = $2";
}

/// A package, as stored, without its fans.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct Package {
    pub(crate) package_id: String,
    pub(crate) display_name: String,
    pub(crate) kind: String,
    /// A filter, the id of a segment, or ids of packages with commas between, by the kind.
    pub(crate) source: String,
    pub(crate) fan_count: i64,
    pub(crate) byte_count: i64,
    pub(crate) as_of: i64,
    pub(crate) create_time: i64,
}

/// Stores a new package.
pub(crate) async fn insert(tx: &mut Tx, account_id: &str, package: &Package) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(&package.package_id)
        .bind(&package.display_name)
        .bind(&package.kind)
        .bind(&package.source)
        .bind(package.fan_count)
        .bind(package.byte_count)
        .bind(package.as_of)
        .bind(package.create_time)
        .execute(conn)
        .await
        .map(drop))
}

/// Stores the fans of a new package; answers how many bytes they take.
pub(crate) async fn insert_fans(
    tx: &mut Tx,
    account_id: &str,
    package_id: &str,
    fans: &RoaringBitmap,
) -> Result<usize, DbError> {
    let text = tx.pick(INSERT_PIECE);
    let mut byte_count = 0;
    for (number, piece) in pieces(fans) {
        let ordinals = to_bytes(&piece);
        byte_count += ordinals.len();
        on_db!(&mut *tx, |conn| sqlx::query(text)
            .bind(account_id)
            .bind(package_id)
            .bind(number)
            .bind(ordinals)
            .execute(conn)
            .await
            .map(drop))?;
    }
    Ok(byte_count)
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, package_id: &str) -> Result<Option<Package>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(package_id).fetch_optional(conn).await)
}

/// The ordinals of the fans in a package; nobody where there is none.
pub(crate) async fn fans(tx: &mut Tx, account_id: &str, package_id: &str) -> Result<RoaringBitmap, DbError> {
    let text = tx.pick(FANS);
    let found: Vec<Vec<u8>> =
        on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).bind(package_id).fetch_all(conn).await)?;
    let mut fans = RoaringBitmap::new();
    for piece in found {
        fans |= from_bytes(&piece)?;
    }
    Ok(fans)
}

/// Packages with ids above `after`, in their order.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Package>, DbError> {
    let text = tx.pick(LIST);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(after).bind(limit).fetch_all(conn).await)
}

/// Number of packages of an account.
pub(crate) async fn count(tx: &mut Tx, account_id: &str) -> Result<i64, DbError> {
    let text = tx.pick(COUNT);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_one(conn).await)
}

/// Deletes a package and its fans.
pub(crate) async fn delete(tx: &mut Tx, account_id: &str, package_id: &str) -> Result<(), DbError> {
    for statement in [DELETE, DELETE_PIECES] {
        let text = tx.pick(statement);
        on_db!(&mut *tx, |conn| sqlx::query(text)
            .bind(account_id)
            .bind(package_id)
            .execute(conn)
            .await
            .map(drop))?;
    }
    Ok(())
}
