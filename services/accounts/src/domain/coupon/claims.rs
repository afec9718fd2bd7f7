use std::collections::BTreeMap;

use siyu_clock::Micros;

use super::{Coupon, Stock, Validity};

/// Why a fan does not get a coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimRefusal {
    /// It can be claimed from then on.
    NotYet { start: Micros },
    /// It could be claimed before then.
    Over { end: Micros },
    /// The fan has as many as one may have.
    CapReached { cap: i64 },
    /// All of them are claimed.
    SoldOut { stock: i64 },
}

impl Coupon {
    /// Why nobody can claim it at `now`, whoever it is.
    pub(crate) fn refusal(&self, stock: Stock, now: Micros) -> Option<ClaimRefusal> {
        if let Some(start) = self.claim_start.filter(|start| now < *start) {
            return Some(ClaimRefusal::NotYet { start });
        }
        let valid_end = match self.validity {
            Validity::Until(end) => Some(end),
            Validity::Days(_) => None,
        };
        // The claims end before the validity does, where both have an end.
        if let Some(end) = self.claim_end.or(valid_end).filter(|end| *end <= now) {
            return Some(ClaimRefusal::Over { end });
        }
        (stock.claimed >= stock.stock).then_some(ClaimRefusal::SoldOut { stock: stock.stock })
    }
}

/// Claims of one coupon, decided one after the other while nobody else changes its stock.
#[derive(Debug, Clone)]
pub(crate) struct Claims {
    coupon: Coupon,
    stock: Stock,
    /// How many a fan has.
    by_fan: BTreeMap<String, i64>,
    accepted: i64,
}

impl Claims {
    /// Of a coupon with this stock, of which fans have so many.
    pub(crate) fn new(coupon: Coupon, stock: Stock, by_fan: BTreeMap<String, i64>) -> Self {
        Self { coupon, stock, by_fan, accepted: 0 }
    }

    /// Gives one to the fan, valid until the moment it answers.
    ///
    /// # Errors
    /// Why the fan does not get it.
    pub(crate) fn claim(&mut self, user_id: &str, now: Micros) -> Result<Micros, ClaimRefusal> {
        let cap = self.coupon.per_fan_cap;
        let has = self.by_fan.get(user_id).copied().unwrap_or_default();
        let refusal = self.coupon.refusal(self.stock, now);
        match refusal {
            // Who has one already wants to know that, not that there are no more.
            None | Some(ClaimRefusal::SoldOut { .. }) if has >= cap => {
                return Err(ClaimRefusal::CapReached { cap });
            }
            Some(refusal) => return Err(refusal),
            None => {}
        }
        self.stock.claimed += 1;
        self.accepted += 1;
        self.by_fan.insert(user_id.to_owned(), has + 1);
        Ok(self.coupon.expiry(now))
    }

    /// How many were given.
    pub(crate) fn accepted(&self) -> i64 {
        self.accepted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::coupon::{Off, Value};

    fn coupon(per_fan_cap: i64) -> Coupon {
        Coupon {
            per_fan_cap,
            claim_start: Some(Micros(10)),
            claim_end: Some(Micros(20)),
            validity: Validity::Until(Micros(30)),
            value: Value { off: Off::Percent(10), threshold_minor: 0 },
        }
    }

    fn stock(stock: i64, claimed: i64) -> Stock {
        Stock { stock, claimed, redeemed: 0 }
    }

    #[test]
    fn claims_have_their_time() {
        let coupon = coupon(1);
        let refused = |now| coupon.refusal(stock(1, 0), Micros(now));
        assert_eq!(refused(9), Some(ClaimRefusal::NotYet { start: Micros(10) }));
        assert_eq!((refused(10), refused(19)), (None, None));
        assert_eq!(refused(20), Some(ClaimRefusal::Over { end: Micros(20) }));
        let open = Coupon { claim_start: None, claim_end: None, ..coupon };
        assert_eq!(open.refusal(stock(1, 0), Micros(29)), None);
        assert_eq!(open.refusal(stock(1, 0), Micros(30)), Some(ClaimRefusal::Over { end: Micros(30) }));
        let for_days = Coupon { validity: Validity::Days(2), ..open };
        assert_eq!(for_days.refusal(stock(0, 0), Micros(30)), Some(ClaimRefusal::SoldOut { stock: 0 }));
        assert_eq!(for_days.expiry(Micros(5)), Micros(5 + 2 * Micros::PER_DAY));
    }

    #[test]
    fn who_has_one_is_told_so_when_all_are_gone() {
        let coupon = coupon(1);
        let mut claims = Claims::new(coupon, stock(1, 1), BTreeMap::from([("u1".to_owned(), 1)]));
        assert_eq!(claims.claim("u1", Micros(10)), Err(ClaimRefusal::CapReached { cap: 1 }));
        assert_eq!(claims.claim("u2", Micros(10)), Err(ClaimRefusal::SoldOut { stock: 1 }));
        assert_eq!(claims.claim("u1", Micros(9)), Err(ClaimRefusal::NotYet { start: Micros(10) }));
    }

    proptest! {
        /// First come, first served, up to the cap of each and the stock of all, however the calls are cut into batches.
        #[test]
        fn stock_and_cap_are_kept_in_the_order_of_calls(
            users in prop::collection::vec(0..6_u8, 0..60),
            total in 0..12_i64,
            cap in 1..4_i64,
            batch in 1..9_usize,
        ) {
            let coupon = coupon(cap);
            let mut has: BTreeMap<String, i64> = BTreeMap::new();
            let (mut given, mut claimed) = (Vec::new(), 0);
            for calls in users.chunks(batch) {
                let mut claims = Claims::new(coupon, stock(total, claimed), has.clone());
                for user in calls {
                    if claims.claim(&user.to_string(), Micros(10)).is_ok() {
                        given.push(*user);
                        *has.entry(user.to_string()).or_default() += 1;
                    }
                }
                claimed += claims.accepted();
            }
            let (mut expected, mut counts, mut left) = (Vec::new(), BTreeMap::new(), total);
            for user in users {
                let of_user = counts.entry(user).or_insert(0);
                if *of_user < cap && left > 0 {
                    *of_user += 1;
                    left -= 1;
                    expected.push(user);
                }
            }
            prop_assert_eq!((given, claimed), (expected, total - left));
        }
    }
}
