use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_observed::Origin;

use super::Value;

/// A coupon in the hands of a fan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) account_id: String,
    pub(crate) card_id: String,
    pub(crate) claim_id: String,
    pub(crate) user_id: String,
    pub(crate) code: String,
    /// Where it was claimed.
    pub(crate) origin: Origin,
    pub(crate) claim_time: Micros,
    /// From then on it cannot be redeemed.
    pub(crate) expire_time: Micros,
    pub(crate) redemption: Option<Redemption>,
}

/// That a claim was redeemed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Redemption {
    pub(crate) time: Micros,
    pub(crate) order: Order,
}

/// What the till tells of the order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Empty: it did not tell.
    pub(crate) id: String,
    /// Before the coupon; none: it did not tell.
    pub(crate) amount_minor: Option<i64>,
}

/// Why a claim is not redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TillRefusal {
    /// It was redeemed then.
    Redeemed { time: Micros },
    /// It could be redeemed before then.
    Expired { end: Micros },
    /// The order is too small.
    BelowThreshold { threshold_minor: i64 },
}

impl Claim {
    /// `accounts/{account}/cards/{card}/claims/{claim}`
    pub(crate) fn name(&self) -> String {
        name(&self.account_id, &self.card_id, &self.claim_id)
    }

    /// Redeems it, for an order.
    ///
    /// # Errors
    /// Why it cannot be redeemed: then it is as it was.
    pub(crate) fn redeem(&mut self, value: Value, order: &Order, now: Micros) -> Result<(), TillRefusal> {
        if let Some(redemption) = &self.redemption {
            return Err(TillRefusal::Redeemed { time: redemption.time });
        }
        if self.expire_time <= now {
            return Err(TillRefusal::Expired { end: self.expire_time });
        }
        let Value { threshold_minor, .. } = value;
        if order.amount_minor.is_some_and(|amount| amount < threshold_minor) {
            return Err(TillRefusal::BelowThreshold { threshold_minor });
        }
        self.redemption = Some(Redemption { time: now, order: order.clone() });
        Ok(())
    }
}

/// `accounts/{account}/cards/{card}/claims/{claim}`
pub(crate) fn name(account_id: &str, card_id: &str, claim_id: &str) -> String {
    format!("accounts/{account_id}/cards/{card_id}/claims/{claim_id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::coupon::Off;

    #[test]
    fn a_claim_is_redeemed_once_in_its_time_for_a_large_enough_order() {
        let value = Value { off: Off::AmountMinor(10), threshold_minor: 100 };
        let mut claim = Claim {
            account_id: "shop".to_owned(),
            card_id: "ten-off".to_owned(),
            claim_id: "1".to_owned(),
            user_id: "u1".to_owned(),
            code: "000000000000".to_owned(),
            origin: Origin::default(),
            claim_time: Micros(1),
            expire_time: Micros(10),
            redemption: None,
        };
        let order = |amount_minor| Order { id: "o1".to_owned(), amount_minor };
        let late = claim.redeem(value, &order(None), Micros(10));
        assert_eq!(late, Err(TillRefusal::Expired { end: Micros(10) }));
        let small = claim.redeem(value, &order(Some(99)), Micros(9));
        assert_eq!(small, Err(TillRefusal::BelowThreshold { threshold_minor: 100 }));
        assert_eq!(claim.redemption, None);
        assert_eq!(claim.redeem(value, &order(Some(100)), Micros(9)), Ok(()));
        let again = claim.redeem(value, &order(None), Micros(99));
        assert_eq!(again, Err(TillRefusal::Redeemed { time: Micros(9) }));
    }
}
