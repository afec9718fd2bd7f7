use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::{
    right::RightKind,
    wallet::{Lot, Origin, Validity},
};

statements! {
    ENSURE = "INSERT INTO right_wallet (account_id, kind, last_sequence, last_lot, available, reserved, used) \
              VALUES ($1, $2, 0, 0, 0, 0, 0) ON CONFLICT (account_id, kind) DO NOTHING";
    /// Takes the wallet's turn (SQLite has one writer anyway).
    LOCK = {
        sqlite: "SELECT last_sequence, last_lot, available, reserved, used FROM right_wallet \
                 WHERE account_id = $1 AND kind = $2",
        postgres: "SELECT last_sequence, last_lot, available, reserved, used FROM right_wallet \
                   WHERE account_id = $1 AND kind = $2 FOR UPDATE",
    };
    GET = "SELECT last_sequence, last_lot, available, reserved, used FROM right_wallet \
           WHERE account_id = $1 AND kind = $2";
    SAVE = "UPDATE right_wallet SET last_sequence = $3, last_lot = $4, available = $5, reserved = $6, used = $7 \
            WHERE account_id = $1 AND kind = $2";
    /// Allowances whose period is not over, and whatever has something in it: what is used up of a grant stays so.
    OPEN_LOTS = "SELECT * FROM right_lot WHERE account_id = $1 AND kind = $2 \
                 AND ((origin = 'policy' AND (end_time IS NULL OR end_time > $3)) OR available > 0 OR reserved > 0) \
                 ORDER BY lot";
    SAVE_LOTS = ["INSERT INTO right_lot (account_id, kind, lot, origin, start_time, end_time, available, reserved, used, \
                  granted, reason, create_time) \
                  SELECT $1, $2, CAST(input.value->>0 AS BIGINT), input.value->>1, CAST(input.value->>2 AS BIGINT), \
                  CAST(input.value->>3 AS BIGINT), CAST(input.value->>4 AS BIGINT), CAST(input.value->>5 AS BIGINT), \
                  CAST(input.value->>6 AS BIGINT), 0, '', $4 FROM ",
                 rows(3),
                 " WHERE TRUE ON CONFLICT (account_id, kind, lot) DO UPDATE SET available = excluded.available, \
                  reserved = excluded.reserved, used = excluded.used"];
    DESCRIBE_GRANT = "UPDATE right_lot SET granted = $4, reason = $5 WHERE account_id = $1 AND kind = $2 AND lot = $3";
    /// Wallets with something in a lot whose time is over.
    DUE = "SELECT DISTINCT account_id, kind FROM right_lot WHERE end_time <= $1 AND available > 0 LIMIT $2";
}

/// The sums of a wallet's ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Totals {
    pub(crate) last_sequence: i64,
    pub(crate) last_lot: i64,
    pub(crate) available: i64,
    pub(crate) reserved: i64,
    pub(crate) used: i64,
}

/// A lot, and for a grant why and how many.
#[derive(Debug, Clone)]
pub(crate) struct StoredLot {
    pub(crate) lot: Lot,
    pub(crate) granted: i64,
    pub(crate) reason: String,
    pub(crate) create_time: Micros,
}

#[derive(sqlx::FromRow)]
struct LotRow {
    lot: i64,
    origin: String,
    start_time: i64,
    end_time: Option<i64>,
    available: i64,
    reserved: i64,
    used: i64,
    granted: i64,
    reason: String,
    create_time: i64,
}

impl TryFrom<LotRow> for StoredLot {
    type Error = DbError;

    fn try_from(row: LotRow) -> Result<Self, DbError> {
        let origin = Origin::named(&row.origin)
            .ok_or_else(|| DbError::broken(format!("right_lot.origin {:?}", row.origin)))?;
        let validity = Validity { start: Micros(row.start_time), end: row.end_time.map(Micros) };
        let LotRow { lot: number, available, reserved, used, .. } = row;
        Ok(Self {
            lot: Lot { number, origin, validity, available, reserved, used },
            granted: row.granted,
            reason: row.reason,
            create_time: Micros(row.create_time),
        })
    }
}

/// The wallet, locked until the transaction ends: its writers take turns. Made on first use.
pub(crate) async fn lock(tx: &mut Tx, account_id: &str, kind: RightKind) -> Result<Totals, DbError> {
    let text = tx.pick(LOCK);
    let found = on_db!(&mut *tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(kind.name())
        .fetch_optional(conn)
        .await)?;
    if let Some(totals) = found {
        return Ok(totals);
    }
    let ensure = tx.pick(ENSURE);
    on_db!(&mut *tx, |conn| sqlx::query(ensure)
        .bind(account_id)
        .bind(kind.name())
        .execute(conn)
        .await
        .map(drop))?;
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(kind.name()).fetch_one(conn).await)
}

/// The sums as they are; all zero where nothing was ever done.
pub(crate) async fn totals(tx: &mut Tx, account_id: &str, kind: RightKind) -> Result<Totals, DbError> {
    let text = tx.pick(GET);
    let found = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(kind.name())
        .fetch_optional(conn)
        .await)?;
    Ok(found.unwrap_or_default())
}

pub(crate) async fn save(
    tx: &mut Tx,
    account_id: &str,
    kind: RightKind,
    totals: &Totals,
) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(kind.name())
        .bind(totals.last_sequence)
        .bind(totals.last_lot)
        .bind(totals.available)
        .bind(totals.reserved)
        .bind(totals.used)
        .execute(conn)
        .await
        .map(drop))
}

/// Those that may still change at `now`, by number.
pub(crate) async fn open_lots(
    tx: &mut Tx,
    account_id: &str,
    kind: RightKind,
    now: Micros,
) -> Result<Vec<StoredLot>, DbError> {
    let text = tx.pick(OPEN_LOTS);
    let found: Vec<LotRow> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(kind.name())
        .bind(now.0)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(StoredLot::try_from).collect()
}

/// Stores what is in the lots, and the new ones as of `now`.
pub(crate) async fn save_lots(
    tx: &mut Tx,
    account_id: &str,
    kind: RightKind,
    lots: impl Iterator<Item = &Lot>,
    now: Micros,
) -> Result<(), DbError> {
    let text = tx.pick(SAVE_LOTS);
    let lots = rows(lots.map(|lot| {
        let Validity { start, end } = lot.validity;
        let Lot { available, reserved, used, .. } = *lot;
        (lot.number, lot.origin.name(), start.0, end.map(|end| end.0), available, reserved, used)
    }))?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(kind.name())
        .bind(lots)
        .bind(now.0)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn describe_grant(
    tx: &mut Tx,
    account_id: &str,
    kind: RightKind,
    lot: i64,
    granted: i64,
    reason: &str,
) -> Result<(), DbError> {
    let text = tx.pick(DESCRIBE_GRANT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(kind.name())
        .bind(lot)
        .bind(granted)
        .bind(reason)
        .execute(conn)
        .await
        .map(drop))
}

/// Accounts and kinds of some wallets in which a lot has ended by `now` with something left.
pub(crate) async fn due(tx: &mut Tx, now: Micros, limit: i64) -> Result<Vec<(String, String)>, DbError> {
    let text = tx.pick(DUE);
    on_db!(tx, |conn| sqlx::query_as(text).bind(now.0).bind(limit).fetch_all(conn).await)
}
