//! Figures of random orders against a model that holds them all in memory and counts them the plain way.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rand::{Rng, RngExt};
use siyu_proto::crm::v1::{
    GetGmvConcentrationRequest, GetRfmRequest, GetSalesRequest, Interaction, InteractionKind as Kind,
    ListMonthlySalesRequest, PurchaseSummary, Sales,
};
use siyu_rpc::time::to_proto;
use siyu_tests::TestSuite;

use crate::support::{fan, purchase, seconds_ago, seeded, shuffled, store};

#[derive(Debug, Clone, Default)]
struct Order {
    user: String,
    /// Times and amounts of its lines.
    lines: Vec<(Timestamp, i64)>,
    refunded: i64,
    cancelled: bool,
}

impl Order {
    fn counts(&self) -> bool {
        !self.cancelled && !self.lines.is_empty()
    }

    fn time(&self) -> Timestamp {
        self.lines.iter().map(|(time, _)| *time).min().unwrap()
    }

    fn amount(&self) -> i64 {
        self.lines.iter().map(|(_, amount)| amount).sum()
    }

    fn day(&self) -> Date {
        self.time().to_zoned(TimeZone::get("Asia/Shanghai").unwrap()).date()
    }
}

/// Random events of 400 orders of 60 users over 400 days, and the orders they amount to.
fn random_orders(suite: &TestSuite, random: &mut impl Rng) -> (Vec<Interaction>, Vec<Order>) {
    let mut events = Vec::new();
    let mut orders = Vec::new();
    let now = suite.clock.now().to_timestamp();
    for number in 0..400 {
        let mut order = Order { user: format!("u{}", random.random_range(0..60)), ..Order::default() };
        let begin = random.random_range(2 * 86_400..400 * 86_400);
        let order_id = format!("o{number}");
        let mut add = |kind: Kind, later: i64, amount: i64| {
            let seconds = begin - later;
            let id = format!("{order_id}-{}", events.len());
            let time = seconds_ago(suite, seconds);
            events.push(purchase(&id, &order.user, kind, time, (&order_id, amount)));
            now - jiff::SignedDuration::from_secs(seconds)
        };
        // Some orders are only known by their cancellation or refund.
        for _ in 0..random.random_range(0..4) {
            let amount = random.random_range(0..5_000);
            let time = add(Kind::Order, random.random_range(0..86_400), amount);
            order.lines.push((time, amount));
        }
        if random.random_range(0..6) == 0 {
            order.refunded = random.random_range(0..500);
            add(Kind::Refund, 86_400, order.refunded);
        }
        if random.random_range(0..8) == 0 {
            order.cancelled = true;
            add(Kind::OrderCancel, 86_400, 0);
        }
        orders.push(order);
    }
    (events, orders)
}

#[derive(Debug, Default)]
struct Customer {
    orders: i64,
    days: BTreeSet<Date>,
    gmv: i64,
}

fn customers<'a>(orders: impl IntoIterator<Item = &'a Order>) -> BTreeMap<&'a str, Customer> {
    let mut customers = BTreeMap::<&str, Customer>::new();
    for order in orders {
        let customer = customers.entry(&order.user).or_default();
        customer.orders += 1;
        customer.days.insert(order.day());
        customer.gmv += order.amount();
    }
    customers
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap()
}

fn ratio(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn expected_sales(orders: &[&Order]) -> Sales {
    let customers = customers(orders.iter().copied());
    let customer_count = count(customers.len());
    let by_order: Vec<_> = customers.values().filter(|customer| customer.orders >= 2).collect();
    let by_day: Vec<_> = customers.values().filter(|customer| customer.days.len() >= 2).collect();
    let gmv = |of: &[&Customer]| of.iter().map(|customer| customer.gmv).sum();
    let moment = |time: Option<Timestamp>| time.map(|time| to_proto(time.into()));
    Sales {
        order_count: count(orders.len()),
        customer_count,
        gmv_minor: orders.iter().map(|order| order.amount()).sum(),
        refunded_minor: orders.iter().map(|order| order.refunded).sum(),
        repeat_customers_by_order: count(by_order.len()),
        repeat_customers_by_day: count(by_day.len()),
        repurchase_rate_by_order: ratio(count(by_order.len()), customer_count),
        repurchase_rate_by_day: ratio(count(by_day.len()), customer_count),
        repeat_gmv_minor_by_order: gmv(&by_order),
        repeat_gmv_minor_by_day: gmv(&by_day),
        order_day_count: customers.values().map(|customer| count(customer.days.len())).sum(),
        first_order_time: moment(orders.iter().map(|order| order.time()).min()),
        last_order_time: moment(orders.iter().map(|order| order.time()).max()),
    }
}

async fn check_sales(suite: &TestSuite, orders: &[&Order], random: &mut impl Rng) {
    let mut intervals = vec![(None, None)];
    for _ in 0..10 {
        let (one, other) = (random.random_range(0..400 * 86_400_i64), random.random_range(0..400 * 86_400));
        intervals.push((Some(one.max(other) + 1), Some(one.min(other))));
    }
    for (start, end) in intervals {
        let request = GetSalesRequest {
            parent: "accounts/shop".to_owned(),
            start_time: start.map(|seconds| seconds_ago(suite, seconds)),
            end_time: end.map(|seconds| seconds_ago(suite, seconds)),
        };
        let after = |order: &Order, bound: Option<i64>| {
            bound.is_none_or(|ago| {
                order.time() >= suite.clock.now().to_timestamp() - jiff::SignedDuration::from_secs(ago)
            })
        };
        let within: Vec<&Order> = orders
            .iter()
            .copied()
            .filter(|order| after(order, start) && (end.is_none() || !after(order, end)))
            .collect();
        let found = suite.analytics().get_sales(request).await.unwrap().into_inner().sales.unwrap();
        assert_eq!(found, expected_sales(&within));
    }
}

async fn check_months(suite: &TestSuite, orders: &[&Order]) {
    let mut months = BTreeMap::<String, Vec<&Order>>::new();
    for order in orders {
        months.entry(order.day().strftime("%Y-%m").to_string()).or_default().push(order);
    }
    let request =
        ListMonthlySalesRequest { parent: "accounts/shop".to_owned(), ..ListMonthlySalesRequest::default() };
    let found = suite.analytics().list_monthly_sales(request).await.unwrap().into_inner().months;
    assert_eq!(found.len(), months.len());
    for (found, (month, orders)) in found.iter().zip(months) {
        let expected = expected_sales(&orders);
        assert_eq!(found.month, month);
        assert_eq!(
            (found.order_count, found.customer_count),
            (expected.order_count, expected.customer_count)
        );
        assert_eq!((found.gmv_minor, found.refunded_minor), (expected.gmv_minor, expected.refunded_minor));
    }
}

async fn check_concentration(suite: &TestSuite, orders: &[&Order]) {
    let customers = customers(orders.iter().copied());
    let mut spent: Vec<i64> = customers.values().map(|customer| customer.gmv).collect();
    spent.sort_unstable_by(|a, b| b.cmp(a));
    let total: i64 = spent.iter().sum();
    for percent in 1..=100_usize {
        let top_percents = vec![percent as f64];
        let request = GetGmvConcentrationRequest { parent: "accounts/shop".to_owned(), top_percents };
        let found = suite.analytics().get_gmv_concentration(request).await.unwrap().into_inner();
        let best = (spent.len() * percent).div_ceil(100);
        let share = &found.shares[0];
        let gmv = spent[..best].iter().sum::<i64>();
        assert_eq!((share.customer_count, share.gmv_minor), (count(best), gmv), "{percent} %");
        assert_eq!((share.share, found.gmv_minor), (ratio(gmv, total), total));
    }
}

async fn check_rfm(suite: &TestSuite, orders: &[&Order]) {
    let customers = customers(orders.iter().copied());
    let number = count(customers.len());
    let mut cells = BTreeMap::<(i64, i64, i64), (i64, i64)>::new();
    for one in customers.values() {
        let score = |worse: &dyn Fn(&Customer) -> bool| {
            1 + count(customers.values().filter(|other| worse(other)).count()) * 5 / number
        };
        let recency = score(&|other| other.days.last() < one.days.last());
        let frequency = score(&|other| other.days.len() < one.days.len());
        let monetary = score(&|other| other.gmv < one.gmv);
        let cell = cells.entry((recency, frequency, monetary)).or_default();
        *cell = (cell.0 + 1, cell.1 + one.gmv);
    }
    let request = GetRfmRequest { parent: "accounts/shop".to_owned() };
    let found = suite.analytics().get_rfm(request).await.unwrap().into_inner();
    let found: Vec<_> = found
        .cells
        .iter()
        .map(|c| ((c.recency.into(), c.frequency.into(), c.monetary.into()), (c.customer_count, c.gmv_minor)))
        .collect();
    assert_eq!(found, cells.into_iter().rev().collect::<Vec<_>>());
}

async fn check_summaries(suite: &TestSuite, orders: &[&Order]) {
    for (user, customer) in customers(orders.iter().copied()) {
        let own: Vec<&Order> = orders.iter().copied().filter(|order| order.user == user).collect();
        let sales = expected_sales(&own);
        let expected = PurchaseSummary {
            order_count: customer.orders,
            order_day_count: sales.order_day_count,
            gmv_minor: customer.gmv,
            refunded_minor: sales.refunded_minor,
            first_order_time: sales.first_order_time,
            last_order_time: sales.last_order_time,
        };
        assert_eq!(fan(suite, "shop", user).await.purchases, Some(expected), "{user}");
    }
}

async fn figures_of_random_orders_are_those_of_the_model(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let mut random = seeded(20_260_301);
    let (events, orders) = random_orders(&suite, &mut random);
    store(&suite, "shop", &shuffled(&events, 1)).await;
    let orders: Vec<&Order> = orders.iter().filter(|order| order.counts()).collect();
    assert!((200..350).contains(&orders.len()), "{}", orders.len());
    check_sales(&suite, &orders, &mut random).await;
    check_months(&suite, &orders).await;
    check_concentration(&suite, &orders).await;
    check_rfm(&suite, &orders).await;
    check_summaries(&suite, &orders).await;
    suite.finish().await;
}

siyu_tests::on_both_engines!(figures_of_random_orders_are_those_of_the_model);
