use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::{
    right::RightKind,
    wallet::{Entry, EntryKind},
};

statements! {
    INSERT = ["INSERT INTO right_ledger (account_id, kind, sequence, entry_kind, lot, reservation_id, available, \
               reserved, used, reason, actor, create_time) \
               SELECT $1, $2, CAST(input.value->>0 AS BIGINT), input.value->>1, CAST(input.value->>2 AS BIGINT), \
               input.value->>3, CAST(input.value->>4 AS BIGINT), CAST(input.value->>5 AS BIGINT), \
               CAST(input.value->>6 AS BIGINT), input.value->>7, input.value->>8, $4 FROM ", rows(3), ""];
    LIST = "SELECT right_ledger.*, right_lot.origin FROM right_ledger JOIN right_lot \
            ON right_lot.account_id = right_ledger.account_id AND right_lot.kind = right_ledger.kind \
            AND right_lot.lot = right_ledger.lot \
            WHERE right_ledger.account_id = $1 AND right_ledger.kind = $2 AND sequence < $3 \
            ORDER BY sequence DESC LIMIT $4";
}

/// An entry, and who made it when and why.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) entry: Entry,
    pub(crate) of_grant: bool,
    pub(crate) reason: String,
    pub(crate) actor: String,
    pub(crate) create_time: Micros,
}

#[derive(sqlx::FromRow)]
struct Row {
    sequence: i64,
    entry_kind: String,
    lot: i64,
    origin: String,
    reservation_id: String,
    available: i64,
    reserved: i64,
    used: i64,
    reason: String,
    actor: String,
    create_time: i64,
}

impl TryFrom<Row> for Recorded {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let kind = EntryKind::named(&row.entry_kind)
            .ok_or_else(|| DbError::broken(format!("right_ledger.entry_kind {:?}", row.entry_kind)))?;
        let entry = Entry {
            sequence: row.sequence,
            kind,
            lot: row.lot,
            reservation: row.reservation_id,
            available: row.available,
            reserved: row.reserved,
            used: row.used,
        };
        let of_grant = row.origin == "grant";
        Ok(Self {
            entry,
            of_grant,
            reason: row.reason,
            actor: row.actor,
            create_time: Micros(row.create_time),
        })
    }
}

/// Who does something, and why, where they said so.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cause<'a> {
    pub(crate) actor: &'a str,
    pub(crate) reason: &'a str,
}

/// Stores entries. Only those that a caller made have its name and reason.
pub(crate) async fn insert(
    tx: &mut Tx,
    account_id: &str,
    kind: RightKind,
    entries: &[Entry],
    cause: Cause<'_>,
    now: Micros,
) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    let entries = rows(entries.iter().map(|entry| {
        let Cause { actor, reason } = if entry.kind.has_actor() { cause } else { Cause::default() };
        let Entry { available, reserved, used, .. } = *entry;
        let reservation = &entry.reservation;
        (entry.sequence, entry.kind.name(), entry.lot, reservation, available, reserved, used, reason, actor)
    }))?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(kind.name())
        .bind(entries)
        .bind(now.0)
        .execute(conn)
        .await
        .map(drop))
}

/// Entries before the sequence `before`, newest first.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    kind: RightKind,
    before: i64,
    limit: i64,
) -> Result<Vec<Recorded>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(kind.name())
        .bind(before)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Recorded::try_from).collect()
}
