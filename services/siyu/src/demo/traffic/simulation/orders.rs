//! Orders and what becomes of them. Amounts are made of integers alone, so that the same seed gives the same
//! bytes on every platform.

use rand::{RngExt, seq::IndexedRandom};
use siyu_proto::crm::v1::{InteractionKind as Kind, Purchase, SourceDomain};

use super::{DAY_MILLIS, HOUR, MINUTE, Relation, SECOND, Simulation, Visit, model, pick};

impl Simulation {
    /// Orders once, seldom twice, or not at all.
    pub(super) fn perhaps_order(
        &mut self,
        relation: &mut Relation,
        visit: &mut Visit,
        factor: f64,
    ) -> anyhow::Result<()> {
        let persona = relation.persona;
        let probability = if relation.bought { persona.repurchase } else { persona.first_order };
        if self.rng.random_bool((probability * factor).min(1.0)) {
            self.order(relation, visit)?;
            if self.rng.random_bool(model::SECOND_ORDER) {
                self.order(relation, visit)?;
            }
        }
        Ok(())
    }

    fn order(&mut self, relation: &mut Relation, visit: &mut Visit) -> anyhow::Result<()> {
        self.orders += 1;
        let order_id = format!("lumi-o{:05}", self.orders);
        let total_minor = self.amount_minor(relation.persona.median_order_minor);
        let line_count = *pick(&mut self.rng, &model::ORDER_LINES)?;

        let line = |simulation: &mut Self, product: &str, amount_minor, quantity| {
            let purchase = Purchase { order_id: order_id.clone(), amount_minor, quantity };
            simulation.record(relation, visit, Kind::Order, product.to_owned(), Some(purchase));
        };
        let mut rest_minor = total_minor;
        for line_number in 1..=line_count {
            let product = model::PRODUCTS.choose(&mut self.rng).copied().unwrap_or(model::SAMPLE);
            let last = line_number == line_count;
            let amount_minor =
                if last { rest_minor } else { rest_minor * self.rng.random_range(25..=65) / 100 };
            rest_minor -= amount_minor;
            let quantity = self.rng.random_range(1..=2);
            line(self, product, amount_minor, quantity);
        }
        if self.rng.random_bool(model::FREE_SAMPLE) {
            line(self, model::SAMPLE, 0, 1);
        }
        if !relation.coupons.is_empty() && self.rng.random_bool(model::REDEEM) {
            let coupon = relation.coupons.swap_remove(0);
            self.record(relation, visit, Kind::CouponRedeem, coupon, None);
        }
        relation.bought = true;
        self.perhaps_give_back(relation, visit, order_id, total_minor);
        visit.at += self.rng.random_range(20 * SECOND..3 * MINUTE);
        relation.free_from = visit.at;
        Ok(())
    }

    /// A product of many small independent factors: log-normal, near enough.
    fn amount_minor(&mut self, median_minor: i64) -> i64 {
        let mut amount_minor = median_minor;
        for _ in 0..6 {
            amount_minor = amount_minor * self.rng.random_range(720..=1_315) / 1_000;
        }
        // Prices end on ten fen.
        amount_minor / 10 * 10
    }

    fn perhaps_give_back(&mut self, relation: &Relation, visit: &Visit, order_id: String, total_minor: i64) {
        let (kind, later, amount_minor) = if self.rng.random_bool(model::CANCEL) {
            (Kind::OrderCancel, self.rng.random_range(10 * MINUTE..3 * HOUR), 0)
        } else if self.rng.random_bool(model::REFUND) {
            let in_full = self.rng.random_bool(0.5);
            let amount_minor = if in_full { total_minor } else { total_minor / 3 };
            (Kind::Refund, self.rng.random_range(DAY_MILLIS..8 * DAY_MILLIS), amount_minor)
        } else {
            return;
        };
        let target = format!("orders/{order_id}");
        let later_visit = Visit {
            at: visit.at + later,
            source: SourceDomain::Private,
            mount: String::new(),
            day: visit.day,
        };
        let purchase = Purchase { order_id, amount_minor, quantity: 0 };
        self.record(relation, &later_visit, kind, target, Some(purchase));
    }
}
