//! What the sales figures must be, computed from what was sent.

use std::collections::{BTreeMap, HashMap, HashSet};

use siyu_clock::Micros;
use siyu_proto::crm::v1::{Interaction, InteractionKind as Kind, Sales};
use siyu_rpc::time::{from_proto, to_proto};

/// Asia/Shanghai, where the accounts are, is 8 hours ahead all year.
const ZONE_OFFSET: i64 = 8 * 3_600 * Micros::PER_SECOND;

#[derive(Debug, Default)]
struct Order {
    user: String,
    first_line: Option<Micros>,
    amount_minor: i64,
    refunded_minor: i64,
    cancelled: bool,
}

#[derive(Debug, Default)]
struct Customer {
    orders: i64,
    days: HashSet<i64>,
    gmv_minor: i64,
}

/// The figures of all orders.
pub(super) fn sales<'a>(sent: impl IntoIterator<Item = &'a Interaction>) -> Sales {
    let mut customers: HashMap<String, Customer> = HashMap::new();
    let mut sales = Sales::default();
    let mut times = Vec::new();
    for order in orders(sent).into_values().filter(|order| !order.cancelled) {
        let Some(time) = order.first_line else { continue };
        let customer = customers.entry(order.user).or_default();
        customer.orders += 1;
        customer.days.insert((time.0 + ZONE_OFFSET).div_euclid(Micros::PER_DAY));
        customer.gmv_minor += order.amount_minor;
        sales.order_count += 1;
        sales.gmv_minor += order.amount_minor;
        sales.refunded_minor += order.refunded_minor;
        times.push(time);
    }
    sales.first_order_time = times.iter().min().copied().map(to_proto);
    sales.last_order_time = times.iter().max().copied().map(to_proto);
    for customer in customers.values() {
        let days = i64::try_from(customer.days.len()).unwrap_or(i64::MAX);
        sales.customer_count += 1;
        sales.order_day_count += days;
        if customer.orders >= 2 {
            sales.repeat_customers_by_order += 1;
            sales.repeat_gmv_minor_by_order += customer.gmv_minor;
        }
        if days >= 2 {
            sales.repeat_customers_by_day += 1;
            sales.repeat_gmv_minor_by_day += customer.gmv_minor;
        }
    }
    sales
}

fn orders<'a>(sent: impl IntoIterator<Item = &'a Interaction>) -> BTreeMap<&'a str, Order> {
    let mut orders: BTreeMap<&str, Order> = BTreeMap::new();
    for interaction in sent {
        let Some(purchase) = &interaction.purchase else { continue };
        let order = orders.entry(&purchase.order_id).or_default();
        order.user.clone_from(&interaction.user);
        match interaction.kind() {
            Kind::Order => {
                let time = interaction.event_time.as_ref().and_then(from_proto);
                order.first_line = order.first_line.into_iter().chain(time).min();
                order.amount_minor += purchase.amount_minor;
            }
            Kind::Refund => order.refunded_minor += purchase.amount_minor,
            Kind::OrderCancel => order.cancelled = true,
            _ => {}
        }
    }
    orders
}
