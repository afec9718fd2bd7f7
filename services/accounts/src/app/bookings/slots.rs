use siyu_clock::Micros;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, retrying};
use tonic::Code;

use super::{booking_card_in_use, wrong_state};
use crate::{
    Accounts,
    domain::{
        booking::{MOST_SLOTS, Overlap, Window, overlap},
        card,
    },
    store::{self, booking_slot::Slot},
};

/// A slot to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewSlot {
    pub(crate) window: Window,
    pub(crate) capacity: i64,
}

impl Accounts {
    /// Adds slots to a card: all of them, or none. Answers them by time.
    pub(crate) async fn create_slots(
        &self,
        mutation: &Mutation,
        account_id: &str,
        card_id: &str,
        new: &[NewSlot],
    ) -> Result<Vec<Slot>, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            // Nobody else adds slots to it until the transaction ends.
            store::card::lock(&mut tx, account_id, card_id).await?;
            booking_card_in_use(&mut tx, account_id, card_id, "parent").await?;
            let windows: Vec<Window> = new.iter().map(|slot| slot.window).collect();
            check_windows(&windows, now)?;
            let count = store::booking_slot::count_open(&mut tx, account_id, card_id, now.0).await?;
            check_count(account_id, card_id, count.saturating_add_unsigned(new.len() as u64))?;
            let stored = store::booking_slot::within(&mut tx, account_id, card_id, around(&windows)).await?;
            if let Some(overlap) = overlap(&windows, &stored) {
                return Err(overlapping(account_id, card_id, overlap));
            }
            let mut slots: Vec<Slot> = new.iter().map(|slot| slot.of(account_id, card_id, now)).collect();
            slots.sort_by_key(|slot| slot.start_time);
            store::booking_slot::insert(&mut tx, account_id, card_id, &slots, now.0).await?;
            mutation.finish(tx, &slots, now).await?;
            Ok(slots)
        })
        .await
    }

    /// Deletes a slot in which nobody has a place.
    pub(crate) async fn delete_slot(
        &self,
        mutation: &Mutation,
        account_id: &str,
        card_id: &str,
        start: Micros,
    ) -> Result<(), Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(()) = mutation.first_answer(&mut tx, now).await? {
                return Ok(());
            }
            let name = store::booking_slot::name(account_id, card_id, start.0);
            let found = store::booking_slot::get_for_update(&mut tx, account_id, card_id, start.0).await?;
            let slot = found.ok_or_else(|| Error::not_found(&name))?;
            if slot.booked > 0 {
                let message = format!("{name} has {} bookings: decline them first", slot.booked);
                return Err(wrong_state(&name, message));
            }
            store::booking_slot::delete(&mut tx, &slot).await?;
            mutation.finish(tx, &(), now).await
        })
        .await
    }

    /// A page of the slots of a card that are not over, or only of those that can still be booked, by time, and the token of
    /// the next.
    pub(crate) async fn list_slots(
        &self,
        account_id: &str,
        card_id: &str,
        only_free: bool,
        page: &Page<i64>,
    ) -> Result<(Vec<Slot>, String), Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        if only_free {
            booking_card_in_use(&mut tx, account_id, card_id, "parent").await?;
        } else if store::card::get(&mut tx, account_id, card_id).await?.is_none() {
            return Err(Error::not_found(&card::name(account_id, card_id)));
        }
        let after = page.after.unwrap_or(i64::MIN);
        let mut found =
            store::booking_slot::list(&mut tx, account_id, card_id, only_free, after, now.0, page.limit())
                .await?;
        let next = page.finish(&mut found, |last| last.start_time)?;
        Ok((found, next))
    }
}

impl NewSlot {
    fn of(&self, account_id: &str, card_id: &str, now: Micros) -> Slot {
        Slot {
            account_id: account_id.to_owned(),
            card_id: card_id.to_owned(),
            start_time: self.window.start.0,
            end_time: self.window.end.0,
            capacity: self.capacity,
            booked: 0,
            create_time: now.0,
        }
    }
}

fn check_windows(windows: &[Window], now: Micros) -> Result<(), Error> {
    let mut numbered = windows.iter().enumerate();
    let mistake = numbered.find_map(|(place, window)| Some((place, window.mistake(now)?)));
    match mistake {
        Some((place, (field, rule))) => Err(Error::invalid_field(format!("slots[{place}].{field}"), rule)),
        None => Ok(()),
    }
}

fn check_count(account_id: &str, card_id: &str, count: i64) -> Result<(), Error> {
    if count <= MOST_SLOTS {
        return Ok(());
    }
    let name = card::name(account_id, card_id);
    let message = format!("{name} would have {count} slots that are not over: more than {MOST_SLOTS}");
    let error = Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message);
    Err(error.with("resource", name).with("limit", MOST_SLOTS.to_string()))
}

/// The time from the first beginning to the last end.
fn around(windows: &[Window]) -> Window {
    let start = windows.iter().map(|window| window.start).min().unwrap_or_default();
    let end = windows.iter().map(|window| window.end).max().unwrap_or_default();
    Window { start, end }
}

fn overlapping(account_id: &str, card_id: &str, overlap: Overlap) -> Error {
    let other = match overlap.other_place {
        Some(place) => format!("slots[{place}]"),
        None => store::booking_slot::name(account_id, card_id, overlap.other.start.0),
    };
    let Window { start, end } = overlap.other;
    let rule = format!("must not overlap {other}, from {start} to {end}");
    Error::invalid_field(format!("slots[{}]", overlap.place), rule)
}
