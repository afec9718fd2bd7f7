use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};
use siyu_observed::Origin;

use crate::{domain::booking::BookingState, sealing::Sealed};

statements! {
    INSERT = "INSERT INTO booking (account_id, booking_id, card_id, start_time, end_time, user_id, state, key_id, sealed, \
              decline_reason, mount, source_domain, campaign, create_time, update_time) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    GET = "SELECT * FROM booking WHERE account_id = $1 AND booking_id = $2";
    /// Reads it and keeps others from changing it until the transaction ends (SQLite has one writer anyway).
    GET_FOR_UPDATE = {
        sqlite: "SELECT * FROM booking WHERE account_id = $1 AND booking_id = $2",
        postgres: "SELECT * FROM booking WHERE account_id = $1 AND booking_id = $2 FOR UPDATE",
    };
    OF_USER_IN_SLOT = "SELECT * FROM booking WHERE account_id = $1 AND card_id = $2 AND start_time = $3 AND user_id = $4 \
                       AND state NOT IN ('cancelled', 'declined')";
    LIST = "SELECT * FROM booking WHERE account_id = $1 AND (start_time, booking_id) > ($2, $3) \
            ORDER BY start_time, booking_id LIMIT $4";
    LIST_OF_CARD = "SELECT * FROM booking WHERE account_id = $1 AND (start_time, booking_id) > ($2, $3) AND card_id = $5 \
                    ORDER BY start_time, booking_id LIMIT $4";
    LIST_OF_USER = "SELECT * FROM booking WHERE account_id = $1 AND (start_time, booking_id) > ($2, $3) AND user_id = $5 \
                    ORDER BY start_time, booking_id LIMIT $4";
    UPDATE = "UPDATE booking SET state = $3, decline_reason = $4, update_time = $5 \
              WHERE account_id = $1 AND booking_id = $2";
}

/// A place in a slot that a user has or had, as stored.
#[derive(Debug, Clone, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct Booking {
    pub(crate) account_id: String,
    pub(crate) booking_id: String,
    pub(crate) card_id: String,
    /// Of the slot.
    pub(crate) start_time: i64,
    pub(crate) end_time: i64,
    pub(crate) user_id: String,
    /// As [`BookingState::name`] writes it.
    pub(crate) state: String,
    pub(crate) key_id: String,
    /// The phone number, encrypted; empty where there is none.
    pub(crate) sealed: String,
    pub(crate) decline_reason: String,
    #[sqlx(flatten)]
    pub(crate) origin: Origin,
    pub(crate) create_time: i64,
    pub(crate) update_time: i64,
}

/// Where a booking stands in a list: the beginning of its slot, then its id.
pub(crate) type Place = (i64, String);

/// Which bookings of an account are listed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of<'a> {
    /// All of them.
    Account,
    /// Those of a card.
    Card(&'a str),
    /// Those of a user.
    User(&'a str),
}

impl Booking {
    /// `accounts/{account}/bookings/{booking}`
    pub(crate) fn name(&self) -> String {
        name(&self.account_id, &self.booking_id)
    }

    /// What became of it.
    pub(crate) fn state(&self) -> Result<BookingState, DbError> {
        let broken = || DbError::broken(format!("{:?} is no state of a booking", self.state));
        BookingState::named(&self.state).ok_or_else(broken)
    }

    pub(crate) fn sealed(&self) -> Sealed {
        Sealed { key_id: self.key_id.clone(), text: self.sealed.clone() }
    }
}

/// `accounts/{account}/bookings/{booking}`
pub(crate) fn name(account_id: &str, booking_id: &str) -> String {
    format!("accounts/{account_id}/bookings/{booking_id}")
}

pub(crate) async fn insert(tx: &mut Tx, booking: &Booking) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&booking.account_id)
        .bind(&booking.booking_id)
        .bind(&booking.card_id)
        .bind(booking.start_time)
        .bind(booking.end_time)
        .bind(&booking.user_id)
        .bind(&booking.state)
        .bind(&booking.key_id)
        .bind(&booking.sealed)
        .bind(&booking.decline_reason)
        .bind(&booking.origin.mount)
        .bind(&booking.origin.source_domain)
        .bind(&booking.origin.campaign)
        .bind(booking.create_time)
        .bind(booking.update_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, booking_id: &str) -> Result<Option<Booking>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(booking_id).fetch_optional(conn).await)
}

/// Like [`get`], and nobody else changes it until the transaction ends.
pub(crate) async fn get_for_update(
    tx: &mut Tx,
    account_id: &str,
    booking_id: &str,
) -> Result<Option<Booking>, DbError> {
    let text = tx.pick(GET_FOR_UPDATE);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(booking_id).fetch_optional(conn).await)
}

/// The place that a user has in the slot of a card that begins at `start_time`.
pub(crate) async fn of_user_in_slot(
    tx: &mut Tx,
    account_id: &str,
    card_id: &str,
    start_time: i64,
    user_id: &str,
) -> Result<Option<Booking>, DbError> {
    let text = tx.pick(OF_USER_IN_SLOT);
    on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(card_id)
        .bind(start_time)
        .bind(user_id)
        .fetch_optional(conn)
        .await)
}

/// Those after a place, by the beginning of their slots.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    of: Of<'_>,
    (time, booking_id): &Place,
    limit: i64,
) -> Result<Vec<Booking>, DbError> {
    let (statement, owner) = match of {
        Of::Account => (LIST, None),
        Of::Card(card_id) => (LIST_OF_CARD, Some(card_id)),
        Of::User(user_id) => (LIST_OF_USER, Some(user_id)),
    };
    let text = tx.pick(statement);
    on_db!(tx, |conn| {
        let query = sqlx::query_as(text).bind(account_id).bind(time).bind(booking_id).bind(limit);
        let query = match owner {
            Some(owner) => query.bind(owner),
            None => query,
        };
        query.fetch_all(conn).await
    })
}

/// Stores what may change of a booking.
pub(crate) async fn update(tx: &mut Tx, booking: &Booking) -> Result<(), DbError> {
    let text = tx.pick(UPDATE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&booking.account_id)
        .bind(&booking.booking_id)
        .bind(&booking.state)
        .bind(&booking.decline_reason)
        .bind(booking.update_time)
        .execute(conn)
        .await
        .map(drop))
}
