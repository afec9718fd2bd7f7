//! Bookings (A6): users take places in slots, and what becomes of them.

mod read;
mod slots;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_forms::phone;
use siyu_observed::{Origin, interaction, interactions_observed};
use siyu_proto::{common::v1::ErrorReason, crm::v1::InteractionKind};
use siyu_rpc::{Error, Mutation, retrying};
use tonic::Code;

use super::{
    cards::{card_in_use, check_conditions},
    collided,
};
use crate::{
    Accounts,
    domain::{
        booking::{BookingSettings, BookingState, Step},
        card::{Card, Settings},
    },
    sealing::Sealed,
    store::{self, booking::Booking, booking_slot::Slot},
};

pub(crate) use slots::NewSlot;

/// What a user books.
#[derive(Clone)]
pub(crate) struct NewBooking {
    pub(crate) account_id: String,
    pub(crate) booking_id: String,
    pub(crate) card_id: String,
    /// Of the slot.
    pub(crate) start: Micros,
    pub(crate) user_id: String,
    /// As the user wrote it; empty for none.
    pub(crate) contact_phone: String,
    pub(crate) origin: Origin,
}

/// A booking with as much of the phone number as its reader may see.
#[derive(Clone)]
pub(crate) struct BookingView {
    pub(crate) booking: Booking,
    /// Empty where there is none.
    pub(crate) contact_phone: String,
}

impl Accounts {
    /// Books a place in a slot.
    pub(crate) async fn create_booking(
        &self,
        mutation: &Mutation,
        new: &NewBooking,
    ) -> Result<BookingView, Error> {
        let mut tx = self.db.begin_read().await?;
        if let Some(first) = self.booked_before(&mut tx, new).await? {
            return Ok(first);
        }
        let (card, settings) = booking_card_in_use(&mut tx, &new.account_id, &new.card_id, "slot").await?;
        drop(tx);
        let contact_phone = checked_phone(&new.contact_phone, &settings)?;
        if !card.content.conditions.is_empty() {
            let standing = self.fans.standing(&new.account_id, &new.user_id).await?;
            check_conditions(&card.content.conditions, &standing, &card.name())?;
        }
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = self.booked_before(&mut tx, new).await? {
                return Ok(first);
            }
            let (card, _) = booking_card_in_use(&mut tx, &new.account_id, &new.card_id, "slot").await?;
            let slot = free_slot(&mut tx, new, now).await?;
            let booking = self.sealed_booking(new, &slot, &contact_phone, now)?;
            store::booking::insert(&mut tx, &booking).await.map_err(collided)?;
            take_place(&mut tx, &booking, 1).await?;
            let interaction = interaction(
                format!("booking:{}", new.booking_id),
                &new.user_id,
                InteractionKind::Booking,
                now,
                card.name(),
                &new.origin,
            );
            let events = interactions_observed(&new.account_id, [interaction.into()]);
            self.outbox.write(&mut tx, events).await?;
            mutation.finish(tx, &(), now).await?;
            self.outbox.wake();
            Ok(BookingView { booking, contact_phone: masked(&contact_phone) })
        })
        .await
    }

    /// What `step` makes of a booking; of `user_id`, where that is given. Cancelled or declined, its place is free again.
    pub(crate) async fn settle_booking(
        &self,
        mutation: &Mutation,
        (account_id, booking_id): (&str, &str),
        user_id: Option<&str>,
        step: Step,
        decline_reason: &str,
    ) -> Result<BookingView, Error> {
        let settled = retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let found = store::booking::get_for_update(&mut tx, account_id, booking_id).await?;
            let found = found.filter(|booking| user_id.is_none_or(|user_id| booking.user_id == user_id));
            let name = store::booking::name(account_id, booking_id);
            let mut booking: Booking = found.ok_or_else(|| Error::not_found(&name))?;
            let before = booking.state()?;
            let after = before
                .after(step, Micros(booking.start_time), now)
                .map_err(|why| wrong_state(&name, format!("{name} cannot be changed: {why}")))?;
            if after != before {
                booking.state = after.name().to_owned();
                booking.decline_reason = decline_reason.to_owned();
                booking.update_time = now.0;
                store::booking::update(&mut tx, &booking).await?;
            }
            if before.has_place() && !after.has_place() {
                take_place(&mut tx, &booking, -1).await?;
            }
            mutation.finish(tx, &booking, now).await?;
            Ok(booking)
        })
        .await?;
        self.masked_view(settled)
    }

    /// The booking as it is, where this user asked for the same before.
    async fn booked_before(&self, tx: &mut Tx, new: &NewBooking) -> Result<Option<BookingView>, Error> {
        let Some(booking) = store::booking::get(tx, &new.account_id, &new.booking_id).await? else {
            return Ok(None);
        };
        let stored = self.contact_phone(&booking)?;
        let is_same = booking.card_id == new.card_id
            && booking.start_time == new.start.0
            && booking.user_id == new.user_id
            && phone::any_number(&new.contact_phone).unwrap_or_default() == stored;
        if !is_same {
            return Err(Error::exists(&booking.name()));
        }
        Ok(Some(BookingView { booking, contact_phone: masked(&stored) }))
    }

    fn sealed_booking(
        &self,
        new: &NewBooking,
        slot: &Slot,
        contact_phone: &str,
        now: Micros,
    ) -> Result<Booking, Error> {
        let mut booking = Booking {
            account_id: new.account_id.clone(),
            booking_id: new.booking_id.clone(),
            card_id: new.card_id.clone(),
            start_time: slot.start_time,
            end_time: slot.end_time,
            user_id: new.user_id.clone(),
            state: BookingState::Booked.name().to_owned(),
            key_id: String::new(),
            sealed: String::new(),
            decline_reason: String::new(),
            origin: new.origin.clone(),
            create_time: now.0,
            update_time: now.0,
        };
        let sealed = match contact_phone {
            "" => Sealed::default(),
            phone => self.lead_keys.seal(&owner(&booking), phone.as_bytes())?,
        };
        (booking.key_id, booking.sealed) = (sealed.key_id, sealed.text);
        Ok(booking)
    }

    /// The phone number in full; empty where there is none.
    fn contact_phone(&self, booking: &Booking) -> Result<String, Error> {
        if booking.sealed.is_empty() {
            return Ok(String::new());
        }
        let plain = self.lead_keys.open(&owner(booking), &booking.sealed())?;
        // What is behind a mistake here would be the data.
        String::from_utf8(plain)
            .map_err(|_| Error::internal(format!("the phone number of {}", booking.name())))
    }

    fn masked_view(&self, booking: Booking) -> Result<BookingView, Error> {
        let contact_phone = masked(&self.contact_phone(&booking)?);
        Ok(BookingView { booking, contact_phone })
    }
}

/// Whose phone number it is: moved to another booking or user, it cannot be read.
fn owner(booking: &Booking) -> String {
    format!("{} of users/{}", booking.name(), booking.user_id)
}

fn masked(contact_phone: &str) -> String {
    if contact_phone.is_empty() { String::new() } else { phone::masked(contact_phone) }
}

/// The card and what it offers, unless it is archived or of another kind; `field` of the request names it.
async fn booking_card_in_use(
    tx: &mut Tx,
    account_id: &str,
    card_id: &str,
    field: &str,
) -> Result<(Card, BookingSettings), Error> {
    let card = card_in_use(tx, account_id, card_id).await?;
    match card.content.settings.clone() {
        Settings::Booking(settings) => Ok((card, settings)),
        _ => Err(Error::invalid_field(field, "must be of a card of the kind BOOKING")),
    }
}

fn checked_phone(contact_phone: &str, settings: &BookingSettings) -> Result<String, Error> {
    const FIELD: &str = "contact_phone";
    match contact_phone.trim() {
        "" if settings.contact_required => {
            Err(Error::invalid_field(FIELD, "must be set: the card asks for it"))
        }
        "" => Ok(String::new()),
        text => phone::any_number(text).map_err(|rule| Error::invalid_field(FIELD, rule)),
    }
}

/// The slot, in which there is a place for the user. Nobody else books or cancels in it until the transaction ends.
async fn free_slot(tx: &mut Tx, new: &NewBooking, now: Micros) -> Result<Slot, Error> {
    let NewBooking { account_id, card_id, start, user_id, .. } = new;
    let name = store::booking_slot::name(account_id, card_id, start.0);
    let found = store::booking_slot::get_for_update(tx, account_id, card_id, start.0).await?;
    let slot = found.ok_or_else(|| Error::not_found(&name))?;
    if *start <= now {
        let message = format!("{name} began at {start}");
        let error = Error::new(Code::FailedPrecondition, ErrorReason::OutsideValidity, message);
        return Err(error.with("resource", name).with("end_time", start.to_string()));
    }
    if let Some(other) = store::booking::of_user_in_slot(tx, account_id, card_id, start.0, user_id).await? {
        let message = format!("users/{user_id} has a place in {name} already: {}", other.name());
        let error = Error::new(Code::AlreadyExists, ErrorReason::ResourceExists, message);
        return Err(error.with("resource", other.name()));
    }
    if slot.booked >= slot.capacity {
        let message = format!("{name} is full");
        let error = Error::new(Code::ResourceExhausted, ErrorReason::SoldOut, message);
        return Err(error.with("resource", name));
    }
    Ok(slot)
}

/// Takes the place of a booking in its slot (1), or gives it back (-1).
async fn take_place(tx: &mut Tx, booking: &Booking, change: i64) -> Result<(), Error> {
    let Booking { account_id, card_id, start_time, .. } = booking;
    Ok(store::booking_slot::change_booked(tx, account_id, card_id, *start_time, change).await?)
}

fn wrong_state(name: &str, message: String) -> Error {
    Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message).with("resource", name)
}
