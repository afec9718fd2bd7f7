//! How often one user is reached by all enterprises together, and what each of them may have of that (ADR 28).
//!
//! An enterprise reaches a user once more while, in every window, what all have sent and what it has sent itself, **counted once
//! more**, is less than the cap allows. So it takes at most half of what it finds free, who has sent a user less goes before who
//! has sent more, and who has sent nothing is refused only where others have used up everything.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use siyu_clock::Micros;

use super::caps::{Cap, Touch, capped, reset_time};

#[cfg(test)]
mod tests;

/// So many ordinals make a page.
const PAGE: u32 = 1 << 16;

/// Who the fans of an account are over all accounts: a user is one person, whose number is the same in each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Persons {
    /// Numbers in the order of ordinals; 0: nobody.
    pages: BTreeMap<u32, Vec<u32>>,
}

impl Persons {
    /// The pages that have some of the fans.
    pub(crate) fn pages_of(fans: &RoaringBitmap) -> Vec<u32> {
        let last = fans.max().map_or(0, |max| max / PAGE + 1);
        let has_fans = |page: &u32| fans.range_cardinality(page * PAGE..=page * PAGE + (PAGE - 1)) > 0;
        (0..last).filter(has_fans).collect()
    }

    /// Takes in a page as [`Persons::pages`] gave it.
    pub(crate) fn insert_page(&mut self, page: u32, numbers: Vec<u32>) {
        self.pages.insert(page, numbers);
    }

    /// All pages, in their order.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (u32, &[u32])> {
        self.pages.iter().map(|(page, numbers)| (*page, numbers.as_slice()))
    }

    /// Says who a fan is.
    pub(crate) fn set(&mut self, ordinal: u32, number: u32) {
        let numbers = self.pages.entry(ordinal / PAGE).or_default();
        let place = place(ordinal);
        if numbers.len() <= place {
            numbers.resize(place + 1, 0);
        }
        numbers[place] = number;
    }

    /// Who a fan is.
    fn get(&self, ordinal: u32) -> Option<u32> {
        let number = self.pages.get(&(ordinal / PAGE))?.get(place(ordinal))?;
        (*number > 0).then_some(*number)
    }

    /// Who the fans are.
    pub(crate) fn of(&self, fans: &RoaringBitmap) -> RoaringBitmap {
        let mut numbers = Vec::new();
        for (page, known) in &self.pages {
            let ordinals = fans.range(page * PAGE..=page * PAGE + (PAGE - 1));
            numbers.extend(ordinals.filter_map(|ordinal| known.get(place(ordinal)).copied()));
        }
        numbers.retain(|number| *number > 0);
        numbers.sort_unstable();
        numbers.into_iter().collect()
    }
}

/// Where an ordinal stands on its page.
fn place(ordinal: u32) -> usize {
    usize::try_from(ordinal % PAGE).unwrap_or_default()
}

/// A touch by some account. Its fans are persons.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SharedTouch {
    pub(crate) enterprise_id: String,
    pub(crate) touch: Touch,
}

/// What decides for a message of one enterprise whom all of them have reached too often.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shared {
    /// None: nothing is too often, the message only counts.
    pub(crate) cap: Option<Cap>,
    pub(crate) persons: Persons,
    /// In the order of time; those of the enterprise itself stand there twice.
    touches: Vec<Touch>,
}

impl Shared {
    /// For a message of the enterprise: `touches` are all that may lie in one window with it, in the order of time.
    pub(crate) fn new(
        cap: Option<Cap>,
        persons: Persons,
        enterprise_id: &str,
        touches: Vec<SharedTouch>,
    ) -> Self {
        let weighed = touches.into_iter().flat_map(|shared| {
            let times = if shared.enterprise_id == enterprise_id { 2 } else { 1 };
            std::iter::repeat_n(shared.touch, times)
        });
        Self { cap, persons, touches: weighed.collect() }
    }

    /// Those of the fans whom nothing more may reach at the time.
    pub(super) fn capped(&self, time: Micros, fans: &RoaringBitmap) -> RoaringBitmap {
        let Some(cap) = &self.cap else { return RoaringBitmap::new() };
        let persons = self.persons.of(fans);
        let too_often = capped(cap, cap.allowed(false), time, &persons, &self.touches);
        if too_often.is_empty() {
            return too_often;
        }
        let is_capped =
            |ordinal: &u32| self.persons.get(*ordinal).is_some_and(|person| too_often.contains(person));
        fans.iter().filter(is_capped).collect()
    }

    /// The first moment from `time` on when one more may reach a fan; none when nothing ever can.
    pub(crate) fn reset_time(&self, time: Micros, ordinal: u32) -> Option<Micros> {
        let cap = self.cap.as_ref()?;
        let person = self.persons.get(ordinal)?;
        let counted = self.touches.iter().filter(|touch| touch.fans.contains(person));
        let times: Vec<Micros> = counted.map(|touch| touch.time).collect();
        reset_time(cap, cap.allowed(false), time, &times)
    }
}
