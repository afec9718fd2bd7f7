use prost_types::Timestamp;
use siyu_clock::Micros;
use siyu_observed::{Origin, named_domain, stored_domain};
use siyu_proto::accounts::v1::{self as pb, CreateBookingRequest};
use siyu_rpc::{
    Error, name,
    time::{from_proto, to_proto},
};

use crate::{
    app::{BookingView, NewBooking, NewSlot},
    domain::booking::{BookingState, Window},
    store::booking_slot::{self, Slot},
};

/// The ids in `accounts/{account}/cards/{card}/slots/{slot}`, the last as the time it stands for.
pub(super) fn slot_ids<'a>(name: &'a str, field: &str) -> Result<(&'a str, &'a str, Micros), Error> {
    let ids = name::ids(name, ["accounts", "cards", "slots"]);
    let parsed = ids.and_then(|[account_id, card_id, slot]| {
        Some((account_id, card_id, Micros::from_seconds(slot.parse().ok()?)))
    });
    parsed.ok_or_else(|| Error::invalid_field(field, "must be accounts/{account}/cards/{card}/slots/{slot}"))
}

/// The ids in `accounts/{account}/bookings/{booking}`.
pub(super) fn booking_ids(name: &str) -> Result<(&str, &str), Error> {
    let ids =
        name::ids(name, ["accounts", "bookings"]).map(|[account_id, booking_id]| (account_id, booking_id));
    ids.ok_or_else(|| Error::invalid_field("name", "must be accounts/{account}/bookings/{booking}"))
}

pub(super) fn new_slots(slots: &[pb::Slot]) -> Result<Vec<NewSlot>, Error> {
    let new = |(place, slot): (usize, &pb::Slot)| {
        let time = |time: &Option<Timestamp>, field: &str| {
            let wrong =
                || Error::invalid_field(format!("slots[{place}].{field}"), "must be a valid timestamp");
            time.as_ref().and_then(from_proto).ok_or_else(wrong)
        };
        let (start, end) = (time(&slot.start_time, "start_time")?, time(&slot.end_time, "end_time")?);
        Ok(NewSlot { window: Window { start, end }, capacity: slot.capacity.into() })
    };
    slots.iter().enumerate().map(new).collect()
}

pub(super) fn new_booking(request: CreateBookingRequest) -> Result<NewBooking, Error> {
    let account_id = name::id(&request.parent, "accounts", "parent")?;
    let (slot_account_id, card_id, start) = slot_ids(&request.slot, "slot")?;
    if slot_account_id != account_id {
        return Err(Error::invalid_field("slot", format!("must be a slot of {}", request.parent)));
    }
    Ok(NewBooking {
        account_id: account_id.to_owned(),
        card_id: card_id.to_owned(),
        start,
        user_id: name::id(&request.user, "users", "user")?.to_owned(),
        origin: Origin {
            source_domain: stored_domain(request.source_domain()),
            mount: request.mount,
            campaign: request.campaign,
        },
        booking_id: request.booking_id,
        contact_phone: request.contact_phone,
    })
}

pub(super) fn to_slot(slot: Slot) -> pb::Slot {
    pb::Slot {
        name: slot.name(),
        start_time: Some(to_proto(Micros(slot.start_time))),
        end_time: Some(to_proto(Micros(slot.end_time))),
        capacity: i32::try_from(slot.capacity).unwrap_or(i32::MAX),
        free_count: i32::try_from(slot.capacity - slot.booked).unwrap_or(i32::MAX),
    }
}

pub(super) fn to_booking(view: BookingView) -> Result<pb::Booking, Error> {
    let BookingView { booking, contact_phone } = view;
    let state = match booking.state()? {
        BookingState::Booked => pb::BookingState::Booked,
        BookingState::Cancelled => pb::BookingState::Cancelled,
        BookingState::Declined => pb::BookingState::Declined,
        BookingState::Completed => pb::BookingState::Completed,
        BookingState::NoShow => pb::BookingState::NoShow,
    };
    Ok(pb::Booking {
        name: booking.name(),
        slot: booking_slot::name(&booking.account_id, &booking.card_id, booking.start_time),
        user: format!("users/{}", booking.user_id),
        state: state.into(),
        start_time: Some(to_proto(Micros(booking.start_time))),
        end_time: Some(to_proto(Micros(booking.end_time))),
        contact_phone,
        decline_reason: booking.decline_reason,
        source_domain: named_domain(&booking.origin.source_domain).into(),
        mount: booking.origin.mount,
        campaign: booking.origin.campaign,
        create_time: Some(to_proto(Micros(booking.create_time))),
        update_time: Some(to_proto(Micros(booking.update_time))),
    })
}
