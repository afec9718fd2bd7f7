//! A month of a brand's traffic, made up: pure and seeded, so that a demo, a test and a benchmark see the same
//! month.

mod brand;
mod model;
pub mod places;
mod simulation;
#[cfg(test)]
mod tests;

use jiff::{
    SignedDuration,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use siyu_proto::crm::v1::Interaction;

pub use brand::{ENTERPRISE_ID, FLAGSHIP, HOST, STORE, TIME_ZONE, accounts, enterprise};
use simulation::Event;

const DAY_MILLIS: i64 = 86_400_000;

/// All interactions with the accounts of the brand over some days.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    days: Vec<Vec<(usize, Interaction)>>,
}

impl Traffic {
    /// Makes the traffic of `days` days from `first_day` on, in the time zone of the accounts. Equal arguments
    /// give equal traffic.
    ///
    /// # Errors
    /// When the calendar does not reach that far.
    pub fn new(seed: u64, first_day: Date, days: u32) -> anyhow::Result<Self> {
        let zone = TimeZone::get(TIME_ZONE)?;
        let day_count = usize::try_from(days)?;
        let mut events = simulation::run(seed, first_day, days)?;
        // Stable: lines of one order share a time and stay in their order.
        events.sort_by_key(|event| event.at);

        let mut by_day = vec![Vec::new(); day_count];
        let mut last_number = vec![[0_u32; brand::ACCOUNT_COUNT]; day_count];
        for event in events {
            let day = usize::try_from(event.at / DAY_MILLIS)?;
            // What would happen after the last day, e.g. the refund of a late order, is not part of the month.
            let Some(interactions) = by_day.get_mut(day) else { continue };
            let number = &mut last_number[day][event.account];
            *number += 1;
            let time = first_day.at(0, 0, 0, 0).checked_add(SignedDuration::from_millis(event.at))?;
            let account = event.account;
            interactions.push((account, interaction(event, *number, time, &zone)?));
        }
        Ok(Self { days: by_day })
    }

    /// The interactions of one day, counted from 0, by event time, each with the index of its account in
    /// [`accounts`]. Nothing after the last day.
    pub fn day(&self, day_index: usize) -> &[(usize, Interaction)] {
        self.days.get(day_index).map_or(&[], Vec::as_slice)
    }

    /// Number of days.
    pub fn day_count(&self) -> usize {
        self.days.len()
    }

    /// Number of interactions of all days and accounts.
    pub fn interaction_count(&self) -> usize {
        self.days.iter().map(Vec::len).sum()
    }
}

/// Event ids carry the date, so that they grow with time and months never collide.
fn interaction(event: Event, number: u32, time: DateTime, zone: &TimeZone) -> anyhow::Result<Interaction> {
    let timestamp = time.to_zoned(zone.clone())?.timestamp();
    Ok(Interaction {
        event_id: format!("d{}-{number:06}", time.strftime("%Y%m%d")),
        user: event.user,
        kind: event.kind.into(),
        event_time: Some(prost_types::Timestamp {
            seconds: timestamp.as_second(),
            nanos: timestamp.subsec_nanosecond(),
        }),
        target: event.target,
        source_domain: event.source.into(),
        purchase: event.purchase,
        mount: event.mount,
        ..Interaction::default()
    })
}
