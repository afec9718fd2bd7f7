//! Interactions with one account, made up: seeded, endless, half of them about orders.

use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use siyu_clock::Micros;
use siyu_proto::crm::v1::{Interaction, InteractionKind as Kind, Purchase, SourceDomain};
use siyu_rpc::time::to_proto;

/// Interactions reach so far back.
const SPAN: i64 = 60 * Micros::PER_DAY;
/// Cancellations and refunds are about one of so many latest orders.
const RECENT: usize = 100;

/// An endless row of interactions.
#[derive(Debug)]
pub struct Traffic {
    random: ChaCha8Rng,
    /// Begins the ids of events and orders, so that several sources of one account do not collide.
    prefix: String,
    fan_count: u32,
    latest: Micros,
    produced: u64,
    recent_orders: Vec<Purchased>,
}

#[derive(Debug, Clone)]
struct Purchased {
    order_id: String,
    user: String,
    time: Micros,
    amount_minor: i64,
}

/// What is not about orders, as often as it stands here.
const OTHER_KINDS: [Kind; 12] = [
    Kind::View,
    Kind::View,
    Kind::View,
    Kind::Like,
    Kind::Like,
    Kind::Comment,
    Kind::Share,
    Kind::LiveWatch,
    Kind::HomepageVisit,
    Kind::Follow,
    Kind::Follow,
    Kind::Unfollow,
];

impl Traffic {
    /// Interactions of `fan_count` users in the 60 days before `latest`, with ids that begin with `prefix`. The same
    /// arguments give the same interactions.
    #[must_use]
    pub fn new(seed: u64, prefix: &str, fan_count: u32, latest: Micros) -> Self {
        Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            prefix: prefix.to_owned(),
            fan_count,
            latest,
            produced: 0,
            recent_orders: Vec::new(),
        }
    }

    /// The next `size` interactions.
    pub fn batch(&mut self, size: usize) -> Vec<Interaction> {
        (0..size).map(|_| self.interaction()).collect()
    }

    fn interaction(&mut self) -> Interaction {
        self.produced += 1;
        let event_id = format!("{}-{:09}", self.prefix, self.produced);
        if self.random.random_bool(0.5) {
            return self.about_an_order(event_id);
        }
        let kind = OTHER_KINDS.choose(&mut self.random).copied().unwrap_or(Kind::View);
        let (user, time) = (self.user(), self.time());
        Interaction {
            target: format!("videos/{}", self.random.random_range(0..500)),
            ..made(event_id, user, kind, time)
        }
    }

    /// Mostly a new order; sometimes another line of a recent one, its cancellation or a refund.
    fn about_an_order(&mut self, event_id: String) -> Interaction {
        let amount_minor = self.random.random_range(0..50_000);
        let recent = self.recent_orders.choose(&mut self.random).cloned();
        let kind = match (self.random.random_range(0..100), &recent) {
            (0..4, Some(_)) => Kind::OrderCancel,
            (4..10, Some(_)) => Kind::Refund,
            _ => Kind::Order,
        };
        let another_line = kind != Kind::Order || self.random.random_bool(0.2);
        let order = recent.filter(|_| another_line).unwrap_or_else(|| {
            let order_id = format!("{}-o{}", self.prefix, self.produced);
            let order = Purchased { order_id, user: self.user(), time: self.time(), amount_minor };
            self.remember(order.clone());
            order
        });
        let amount_minor = match kind {
            Kind::OrderCancel => 0,
            Kind::Refund => order.amount_minor,
            _ => amount_minor,
        };
        let later = Micros(self.random.random_range(0..Micros::PER_DAY));
        let time = Micros((order.time.0 + later.0).min(self.latest.0));
        let purchase = Purchase { order_id: order.order_id, amount_minor, quantity: 1 };
        Interaction { purchase: Some(purchase), ..made(event_id, order.user, kind, time) }
    }

    fn remember(&mut self, order: Purchased) {
        if self.recent_orders.len() >= RECENT {
            let forgotten = self.random.random_range(0..RECENT);
            self.recent_orders.swap_remove(forgotten);
        }
        self.recent_orders.push(order);
    }

    fn user(&mut self) -> String {
        format!("users/u{}", self.random.random_range(0..self.fan_count))
    }

    fn time(&mut self) -> Micros {
        Micros(self.latest.0 - self.random.random_range(0..SPAN))
    }
}

fn made(event_id: String, user: String, kind: Kind, time: Micros) -> Interaction {
    Interaction {
        event_id,
        user,
        kind: kind.into(),
        event_time: Some(to_proto(time)),
        source_domain: SourceDomain::Private.into(),
        ..Interaction::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_interactions_half_of_them_about_orders() {
        let batch = |seed| Traffic::new(seed, "a", 100, Micros::from_seconds(1_772_323_200)).batch(2_000);
        assert_eq!(batch(1), batch(1));
        assert_ne!(batch(1), batch(2));
        let about_orders = batch(1).iter().filter(|interaction| interaction.purchase.is_some()).count();
        assert!((900..1_100).contains(&about_orders), "{about_orders}");
    }
}
