//! What an account has for envelopes, and how much of it it may use on a day.

use serde::{Deserialize, Serialize};

/// Most that is ever paid in: all sums can be reckoned.
const MOST_FUNDED: i64 = 100_000_000_000_000_000;

/// How much may be put into envelopes and got out of them on a day; none: no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Caps {
    pub(crate) daily_minor: Option<i64>,
    pub(crate) fan_daily_minor: Option<i64>,
}

/// Why there is not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OverBudget {
    /// The budget has less.
    Balance { balance: i64 },
    /// More than the account puts into envelopes on a day.
    Day { cap: i64, spent: i64 },
}

/// What an account has for envelopes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Budget {
    pub(crate) account_id: String,
    pub(crate) funded_minor: i64,
    pub(crate) balance_minor: i64,
    /// The last day on which something was put into an envelope, such as `2026-03-01`; empty: never.
    pub(crate) day: String,
    /// How much that was on the day.
    pub(crate) day_minor: i64,
    pub(crate) caps: Caps,
}

impl Budget {
    /// Adds what was paid in; answers false where that would be more than can be reckoned with.
    pub(crate) fn fund(&mut self, amount: i64) -> bool {
        let is_possible = amount <= MOST_FUNDED - self.funded_minor;
        if is_possible {
            self.funded_minor += amount;
            self.balance_minor += amount;
        }
        is_possible
    }

    /// What was put into envelopes on a day.
    pub(crate) fn spent_on(&self, day: &str) -> i64 {
        if self.day == day { self.day_minor } else { 0 }
    }

    /// Takes out what is put into an envelope on `day`; changes nothing where there is not enough.
    pub(crate) fn spend(&mut self, amount: i64, day: &str) -> Result<(), OverBudget> {
        let spent = self.spent_on(day);
        if let Some(cap) = self.caps.daily_minor.filter(|cap| spent.saturating_add(amount) > *cap) {
            return Err(OverBudget::Day { cap, spent });
        }
        if self.balance_minor < amount {
            return Err(OverBudget::Balance { balance: self.balance_minor });
        }
        self.balance_minor -= amount;
        self.day = day.to_owned();
        self.day_minor = spent.saturating_add(amount);
        Ok(())
    }

    /// Takes back what was left in an envelope. What was put in on the day stays put in.
    pub(crate) fn give_back(&mut self, amount: i64) {
        self.balance_minor += amount;
    }
}
