//! What an account may do now, and the ledger of how it came to that (A10).
//!
//! A wallet holds one kind of right of one account, in *lots*: the allowance of a period by policy, or a grant. What is in
//! a lot is available, reserved or used; every step from one to another is an entry of the ledger, so that the entries
//! of a lot sum to what is in it. Nothing here knows of storage: the wallet is loaded under a lock, changed, and stored
//! with the entries that the change made.

mod entry;
#[cfg(test)]
mod tests;

pub(crate) use entry::{Entry, EntryKind};

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

/// Where the rights of a lot come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The policy allows them in a period.
    Policy,
    /// They were granted.
    Grant,
}

impl Origin {
    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Grant => "grant",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Policy, Self::Grant].into_iter().find(|origin| origin.name() == name)
    }
}

/// When a lot can be used: `start <= use_time < end`; without an end: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) start: Micros,
    pub(crate) end: Option<Micros>,
}

impl Validity {
    pub(crate) fn covers(self, time: Micros) -> bool {
        self.start <= time && self.end.is_none_or(|end| time < end)
    }

    fn is_over(self, now: Micros) -> bool {
        self.end.is_some_and(|end| end <= now)
    }
}

/// Rights from one origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lot {
    /// Counts up in the wallet, from 1.
    pub(crate) number: i64,
    pub(crate) origin: Origin,
    pub(crate) validity: Validity,
    pub(crate) available: i64,
    pub(crate) reserved: i64,
    pub(crate) used: i64,
}

impl Lot {
    /// What is reserved or used of it.
    pub(crate) fn taken(&self) -> i64 {
        self.reserved + self.used
    }
}

/// So many rights of one lot: what a reservation is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) lot: i64,
    pub(crate) amount: i64,
}

/// What the policy allows at the time of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Most of the period.
    pub(crate) limit: i64,
    pub(crate) period: Validity,
}

/// Why there is not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shortage {
    /// Reserved of the allowance of the period.
    pub(crate) reserved: i64,
    /// Used of the allowance of the period.
    pub(crate) used: i64,
    /// What is left of grants that are valid at the time of use.
    pub(crate) granted: i64,
}

/// One kind of right of one account.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wallet {
    /// Sequence of the last entry of the ledger.
    pub(crate) last_sequence: i64,
    /// Number of the last lot.
    pub(crate) last_lot: i64,
    /// Allowances whose period is not over, and lots with something available or reserved; by number.
    pub(crate) lots: Vec<Lot>,
    /// What was done since it was loaded.
    pub(crate) entries: Vec<Entry>,
}

impl Wallet {
    /// Reserves `amount` for use at `use_time`: of the allowance first, then of grants, those that end earliest first.
    /// Where there is not enough the wallet must not be stored.
    pub(crate) fn reserve(
        &mut self,
        reservation: &str,
        amount: i64,
        use_time: Micros,
        allowance: Option<Allowance>,
    ) -> Result<Vec<Part>, Shortage> {
        let base = allowance.map(|allowance| self.base_lot(allowance));
        let mut grants: Vec<usize> = (0..self.lots.len())
            .filter(|&place| {
                let lot = &self.lots[place];
                lot.origin == Origin::Grant && lot.validity.covers(use_time)
            })
            .collect();
        grants.sort_by_key(|&place| {
            let lot = &self.lots[place];
            (lot.validity.end.unwrap_or(Micros(i64::MAX)), lot.number)
        });

        let granted = grants.iter().map(|&place| self.lots[place].available).sum();
        let of_base = base.map_or(0, |place| self.lots[place].available);
        if granted + of_base < amount {
            let (reserved, used) =
                base.map_or((0, 0), |place| (self.lots[place].reserved, self.lots[place].used));
            return Err(Shortage { reserved, used, granted });
        }
        let mut left = amount;
        let mut parts = Vec::new();
        for place in base.into_iter().chain(grants) {
            let amount = left.min(self.lots[place].available);
            if amount > 0 {
                self.enter(place, EntryKind::Reserve, reservation, [-amount, amount, 0]);
                parts.push(Part { lot: self.lots[place].number, amount });
                left -= amount;
            }
        }
        Ok(parts)
    }

    /// What was reserved is used.
    pub(crate) fn commit(&mut self, reservation: &str, parts: &[Part]) {
        for part in parts {
            if let Some(place) = self.place_of(part.lot) {
                self.enter(place, EntryKind::Commit, reservation, [0, -part.amount, part.amount]);
            }
        }
    }

    /// What was reserved goes back where it came from.
    pub(crate) fn release(&mut self, reservation: &str, parts: &[Part]) {
        self.give_back(EntryKind::Release, reservation, parts);
    }

    /// Like [`Wallet::release`], because the time of the reservation is over.
    pub(crate) fn lapse(&mut self, reservation: &str, parts: &[Part]) {
        self.give_back(EntryKind::Lapse, reservation, parts);
    }

    fn give_back(&mut self, kind: EntryKind, reservation: &str, parts: &[Part]) {
        for part in parts {
            if let Some(place) = self.place_of(part.lot) {
                self.enter(place, kind, reservation, [part.amount, -part.amount, 0]);
            }
        }
    }

    /// Adds a grant; answers the number of its lot.
    pub(crate) fn grant(&mut self, amount: i64, validity: Validity) -> i64 {
        let place = self.open(Origin::Grant, validity);
        self.enter(place, EntryKind::Grant, "", [amount, 0, 0]);
        self.lots[place].number
    }

    /// What is left in lots whose time is over by `now` is no longer there.
    pub(crate) fn expire(&mut self, now: Micros) {
        for place in 0..self.lots.len() {
            let lot = &self.lots[place];
            let left = lot.available;
            if left > 0 && lot.validity.is_over(now) {
                self.enter(place, EntryKind::Expire, "", [-left, 0, 0]);
            }
        }
    }

    /// The lot of the allowance's period, with as much in it as the policy allows now. Where more was taken before than a
    /// policy allows that came later, nothing is left.
    fn base_lot(&mut self, allowance: Allowance) -> usize {
        let found =
            self.lots.iter().position(|lot| lot.origin == Origin::Policy && lot.validity == allowance.period);
        let place = found.unwrap_or_else(|| self.open(Origin::Policy, allowance.period));
        let lot = &self.lots[place];
        let change = (allowance.limit - lot.taken()).max(0) - lot.available;
        if change != 0 {
            self.enter(place, EntryKind::Allow, "", [change, 0, 0]);
        }
        place
    }

    fn open(&mut self, origin: Origin, validity: Validity) -> usize {
        self.last_lot += 1;
        self.lots.push(Lot { number: self.last_lot, origin, validity, available: 0, reserved: 0, used: 0 });
        self.lots.len() - 1
    }

    fn place_of(&self, number: i64) -> Option<usize> {
        self.lots.iter().position(|lot| lot.number == number)
    }

    /// Changes a lot, by what is added to available, reserved and used.
    fn enter(
        &mut self,
        place: usize,
        kind: EntryKind,
        reservation: &str,
        [available, reserved, used]: [i64; 3],
    ) {
        let lot = &mut self.lots[place];
        lot.available += available;
        lot.reserved += reserved;
        lot.used += used;
        self.last_sequence += 1;
        self.entries.push(Entry {
            sequence: self.last_sequence,
            kind,
            lot: lot.number,
            reservation: reservation.to_owned(),
            available,
            reserved,
            used,
        });
    }
}
