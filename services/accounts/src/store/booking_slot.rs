use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::booking::Window;

statements! {
    INSERT = ["INSERT INTO booking_slot (account_id, card_id, start_time, end_time, capacity, booked, create_time) \
               SELECT $1, $2, CAST(input.value->>0 AS BIGINT), CAST(input.value->>1 AS BIGINT), \
               CAST(input.value->>2 AS BIGINT), 0, $3 FROM ", rows(4), ""];
    /// Reads it and keeps others from changing it until the transaction ends (SQLite has one writer anyway).
    GET_FOR_UPDATE = {
        sqlite: "SELECT * FROM booking_slot WHERE account_id = $1 AND card_id = $2 AND start_time = $3",
        postgres: "SELECT * FROM booking_slot WHERE account_id = $1 AND card_id = $2 AND start_time = $3 FOR UPDATE",
    };
    /// Those that are not over at `$3`.
    COUNT_OPEN = "SELECT COUNT(*) FROM booking_slot WHERE account_id = $1 AND card_id = $2 AND end_time > $3";
    WITHIN = "SELECT start_time, end_time FROM booking_slot \
              WHERE account_id = $1 AND card_id = $2 AND end_time > $3 AND start_time < $4 ORDER BY start_time";
    LIST = "SELECT * FROM booking_slot WHERE account_id = $1 AND card_id = $2 AND start_time > $3 AND end_time > $4 \
            ORDER BY start_time LIMIT $5";
    LIST_FREE = "SELECT * FROM booking_slot WHERE account_id = $1 AND card_id = $2 AND start_time > $3 \
                 AND start_time > $4 AND booked < capacity ORDER BY start_time LIMIT $5";
    CHANGE_BOOKED = "UPDATE booking_slot SET booked = booked + $4 \
                     WHERE account_id = $1 AND card_id = $2 AND start_time = $3";
    DELETE = "DELETE FROM booking_slot WHERE account_id = $1 AND card_id = $2 AND start_time = $3";
}

/// A time that can be booked, as stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct Slot {
    pub(crate) account_id: String,
    pub(crate) card_id: String,
    pub(crate) start_time: i64,
    pub(crate) end_time: i64,
    pub(crate) capacity: i64,
    /// Bookings that have a place in it.
    pub(crate) booked: i64,
    pub(crate) create_time: i64,
}

impl Slot {
    /// `accounts/{account}/cards/{card}/slots/{slot}`
    pub(crate) fn name(&self) -> String {
        name(&self.account_id, &self.card_id, self.start_time)
    }
}

/// `accounts/{account}/cards/{card}/slots/{slot}` of the slot that begins at `start_time`.
pub(crate) fn name(account_id: &str, card_id: &str, start_time: i64) -> String {
    format!("accounts/{account_id}/cards/{card_id}/slots/{}", start_time / Micros::PER_SECOND)
}

/// Adds slots of one card.
pub(crate) async fn insert(
    tx: &mut Tx,
    account_id: &str,
    card_id: &str,
    slots: &[Slot],
    now: i64,
) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    let slots = rows(slots.iter().map(|slot| (slot.start_time, slot.end_time, slot.capacity)))?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(card_id)
        .bind(now)
        .bind(&slots)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn get_for_update(
    tx: &mut Tx,
    account_id: &str,
    card_id: &str,
    start_time: i64,
) -> Result<Option<Slot>, DbError> {
    let text = tx.pick(GET_FOR_UPDATE);
    on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(card_id)
        .bind(start_time)
        .fetch_optional(conn)
        .await)
}

/// How many slots of a card are not over.
pub(crate) async fn count_open(
    tx: &mut Tx,
    account_id: &str,
    card_id: &str,
    now: i64,
) -> Result<i64, DbError> {
    let text = tx.pick(COUNT_OPEN);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).bind(card_id).bind(now).fetch_one(conn).await)
}

/// The times of the slots of a card that reach into `window`.
pub(crate) async fn within(
    tx: &mut Tx,
    account_id: &str,
    card_id: &str,
    window: Window,
) -> Result<Vec<Window>, DbError> {
    let text = tx.pick(WITHIN);
    let found: Vec<(i64, i64)> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(card_id)
        .bind(window.start.0)
        .bind(window.end.0)
        .fetch_all(conn)
        .await)?;
    Ok(found.into_iter().map(|(start, end)| Window { start: Micros(start), end: Micros(end) }).collect())
}

/// The slots of a card after the one that begins at `after`, by time: those that are not over at `now`, or only those that
/// can still be booked then.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    card_id: &str,
    only_free: bool,
    after: i64,
    now: i64,
    limit: i64,
) -> Result<Vec<Slot>, DbError> {
    let text = tx.pick(if only_free { LIST_FREE } else { LIST });
    on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(card_id)
        .bind(after)
        .bind(now)
        .bind(limit)
        .fetch_all(conn)
        .await)
}

/// Takes places (1) or gives them back (-1). The database refuses more than the capacity.
pub(crate) async fn change_booked(
    tx: &mut Tx,
    account_id: &str,
    card_id: &str,
    start_time: i64,
    change: i64,
) -> Result<(), DbError> {
    let text = tx.pick(CHANGE_BOOKED);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(card_id)
        .bind(start_time)
        .bind(change)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn delete(tx: &mut Tx, slot: &Slot) -> Result<(), DbError> {
    let text = tx.pick(DELETE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&slot.account_id)
        .bind(&slot.card_id)
        .bind(slot.start_time)
        .execute(conn)
        .await
        .map(drop))
}
