//! Coupons: what they are worth, and who gets one.

mod claim;
mod claims;
pub(crate) mod code;

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::card::Mistake;

pub(crate) use claim::{Claim, Order, Redemption, TillRefusal, name as claim_name};
pub(crate) use claims::{ClaimRefusal, Claims};

/// What is chosen of a coupon, beside its stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Coupon {
    /// How many one fan can claim.
    pub(crate) per_fan_cap: i64,
    pub(crate) claim_start: Option<Micros>,
    /// From then on nobody can claim it.
    pub(crate) claim_end: Option<Micros>,
    pub(crate) validity: Validity,
    pub(crate) value: Value,
}

/// How long what was claimed can be redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Validity {
    /// Before that moment.
    Until(Micros),
    /// For so many days of 24 hours after the claim.
    Days(i64),
}

/// What a coupon is worth. Amounts are in the minor unit of the account's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Value {
    pub(crate) off: Off,
    /// The least order it is good for.
    pub(crate) threshold_minor: i64,
}

/// What is taken off an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Off {
    AmountMinor(i64),
    Percent(i32),
}

/// How many there are of a coupon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stock {
    /// How many can be claimed in all.
    pub(crate) stock: i64,
    pub(crate) claimed: i64,
    /// Of those claimed.
    pub(crate) redeemed: i64,
}

impl Coupon {
    /// The first rule that is broken.
    pub(crate) fn mistake(&self) -> Option<Mistake> {
        let claim_start = self.claim_start.unwrap_or(Micros(i64::MIN));
        if self.claim_end.is_some_and(|end| end <= claim_start) {
            return Some(("coupon.claim_end_time", "must be later than claim_start_time"));
        }
        if let Validity::Until(end) = self.validity
            && (end <= claim_start || self.claim_end.is_some_and(|claim_end| end < claim_end))
        {
            return Some(("coupon.valid_end_time", "must not be before the claims end"));
        }
        match self.value.off {
            Off::AmountMinor(amount) if amount < 1 => {
                Some(("coupon.value.amount_off_minor", "must be at least 1"))
            }
            Off::AmountMinor(amount) if (1..amount).contains(&self.value.threshold_minor) => {
                Some(("coupon.value.amount_off_minor", "must be at most threshold_minor"))
            }
            Off::Percent(percent) if !(1..=100).contains(&percent) => {
                Some(("coupon.value.percent_off", "must be 1 to 100"))
            }
            _ => None,
        }
    }

    /// Until when a coupon that is claimed at `now` can be redeemed.
    pub(crate) fn expiry(&self, now: Micros) -> Micros {
        match self.validity {
            Validity::Until(end) => end,
            Validity::Days(days) => Micros(now.0.saturating_add(days.saturating_mul(Micros::PER_DAY))),
        }
    }
}
