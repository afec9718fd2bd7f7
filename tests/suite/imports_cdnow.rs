//! The CDNOW file, 69,659 real orders: its published figures, and that no way of importing it changes them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use siyu::import::{ImportArgs, Summary};
use siyu_proto::crm::v1::{
    GetGmvConcentrationRequest, GetRfmRequest, GetTierFunnelRequest, ListMonthlySalesRequest, MonthlySales,
    RfmCell, Sales, TierCount, TopShare,
};
use siyu_tests::TestSuite;
use tempfile::TempDir;

use crate::{
    imports::{import, import_args, import_error},
    support::{sales, shuffled},
};

/// The rows of the file, where it is there.
fn cdnow() -> Option<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/cdnow/CDNOW_master.txt");
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text.lines().skip(1).map(str::to_owned).collect()),
        Err(error) => {
            eprintln!("SKIP cdnow: ../shared/data/cdnow/CDNOW_master.txt cannot be read: {error}");
            None
        }
    }
}

/// The arguments of an import of rows, as `cdnow` into `account`.
fn job(folder: &TempDir, name: &str, rows: &[String], account: &str) -> ImportArgs {
    let path: PathBuf = folder.path().join(name);
    let header = "customer_id date number_of_cds dollar_value";
    std::fs::write(&path, format!("{header}\n{}\n", rows.join("\n"))).unwrap();
    let flags = "--format cdnow --follow-on first-order --shift-to now --import-id cdnow --account";
    import_args(&format!("{flags} {account}"), path)
}

/// What the rows say, counted the plain way.
#[derive(Debug, PartialEq, Eq)]
struct Known {
    customers: i64,
    orders: i64,
    gmv_minor: i64,
    order_days: i64,
    repeat_by_order: i64,
    repeat_by_day: i64,
    repeat_gmv_by_order: i64,
    repeat_gmv_by_day: i64,
    largest_customer_minor: i64,
}

#[derive(Default)]
struct Customer<'a> {
    orders: i64,
    days: BTreeSet<&'a str>,
    minor: i64,
}

fn known(rows: &[String]) -> Known {
    let mut customers = BTreeMap::<&str, Customer<'_>>::new();
    for row in rows {
        let cells: Vec<&str> = row.split_whitespace().collect();
        let (dollars, cents) = cells[3].split_once('.').unwrap();
        assert_eq!(cents.len(), 2, "{row}");
        let customer = customers.entry(cells[0]).or_default();
        customer.orders += 1;
        customer.days.insert(cells[1]);
        customer.minor += dollars.parse::<i64>().unwrap() * 100 + cents.parse::<i64>().unwrap();
    }
    let count = |number: usize| i64::try_from(number).unwrap();
    let sum = |of: &dyn Fn(&Customer<'_>) -> i64| customers.values().map(of).sum::<i64>();
    let twice = |customer: &Customer<'_>| i64::from(customer.orders >= 2);
    let two_days = |customer: &Customer<'_>| i64::from(customer.days.len() >= 2);
    Known {
        customers: count(customers.len()),
        orders: sum(&|customer| customer.orders),
        gmv_minor: sum(&|customer| customer.minor),
        order_days: sum(&|customer| count(customer.days.len())),
        repeat_by_order: sum(&twice),
        repeat_by_day: sum(&two_days),
        repeat_gmv_by_order: sum(&|customer| twice(customer) * customer.minor),
        repeat_gmv_by_day: sum(&|customer| two_days(customer) * customer.minor),
        largest_customer_minor: customers.values().map(|customer| customer.minor).max().unwrap(),
    }
}

/// Everything the suite says about an account.
#[derive(Debug, PartialEq)]
struct Figures {
    sales: Sales,
    months: Vec<MonthlySales>,
    shares: Vec<TopShare>,
    rfm: Vec<RfmCell>,
    tiers: Vec<TierCount>,
}

async fn figures(suite: &TestSuite, account: &str) -> Figures {
    let mut analytics = suite.analytics();
    let parent = format!("accounts/{account}");
    let months = ListMonthlySalesRequest { parent: parent.clone(), ..ListMonthlySalesRequest::default() };
    // A thousandth of a percent is one customer.
    let top_percents = vec![0.001, 1.0, 20.0, 100.0];
    let shares = GetGmvConcentrationRequest { parent: parent.clone(), top_percents };
    let rfm = GetRfmRequest { parent: parent.clone() };
    Figures {
        sales: sales(suite, account).await,
        months: analytics.list_monthly_sales(months).await.unwrap().into_inner().months,
        shares: analytics.get_gmv_concentration(shares).await.unwrap().into_inner().shares,
        rfm: analytics.get_rfm(rfm).await.unwrap().into_inner().cells,
        tiers: analytics.get_tier_funnel(GetTierFunnelRequest { parent }).await.unwrap().into_inner().tiers,
    }
}

fn check_against_the_file(figures: &Figures, known: &Known) {
    let sales = &figures.sales;
    let found = Known {
        customers: sales.customer_count,
        orders: sales.order_count,
        gmv_minor: sales.gmv_minor,
        order_days: sales.order_day_count,
        repeat_by_order: sales.repeat_customers_by_order,
        repeat_by_day: sales.repeat_customers_by_day,
        repeat_gmv_by_order: sales.repeat_gmv_minor_by_order,
        repeat_gmv_by_day: sales.repeat_gmv_minor_by_day,
        largest_customer_minor: figures.shares[0].gmv_minor,
    };
    assert_eq!(&found, known);
    assert_eq!(figures.months.iter().map(|month| month.gmv_minor).sum::<i64>(), known.gmv_minor);
    assert_eq!(figures.rfm.iter().map(|cell| cell.customer_count).sum::<i64>(), known.customers);
    assert_eq!(figures.tiers.iter().map(|tier| tier.fan_count).sum::<i64>(), known.customers);
    // Everybody follows, and the last orders are near enough to now for some to be warm.
    assert_eq!(figures.tiers[0].fan_count, 0);
    assert!(figures.tiers[1..].iter().all(|tier| tier.fan_count > 0), "{:?}", figures.tiers);
}

/// Sent, accepted, duplicates, and whether it was the first call, of an import without a bad row.
fn outcome(summary: &Summary, known: &Known) -> (i64, i64, i64, bool) {
    let number = |count: u64| i64::try_from(count).unwrap();
    assert_eq!((number(summary.rows), number(summary.follows)), (known.orders, known.customers));
    assert_eq!((summary.rejected, summary.skipped_by_reason.len()), (0, 0));
    (number(summary.sent), number(summary.accepted), number(summary.duplicates), summary.created)
}

async fn the_published_figures_come_out(suite: TestSuite) {
    let Some(rows) = cdnow() else {
        suite.finish().await;
        return;
    };
    let known = known(&rows);
    assert_eq!((known.customers, known.orders, known.gmv_minor), (23_570, 69_659, 250_031_563));
    assert_eq!((known.repeat_by_order, known.repeat_by_day), (11_662, 11_516));

    let folder = TempDir::new().unwrap();
    suite.account("cdnow", "master").await;
    let all = known.orders + known.customers;
    let summary = import(&suite, job(&folder, "master.txt", &rows, "master")).await.unwrap();
    assert_eq!(outcome(&summary, &known), (all, all, 0, true));
    check_against_the_file(&figures(&suite, "master").await, &known);
    suite.finish().await;
}

async fn neither_repetition_nor_order_nor_interruption_matters(suite: TestSuite) {
    let Some(rows) = cdnow() else {
        suite.finish().await;
        return;
    };
    // A tenth of the customers: the whole file takes minutes where the build is not optimised.
    let of_tenth =
        |row: &&String| row.split_whitespace().next().is_some_and(|customer| customer.ends_with('4'));
    let rows: Vec<String> = rows.iter().filter(of_tenth).cloned().collect();
    let known = known(&rows);
    let all = known.orders + known.customers;
    let folder = TempDir::new().unwrap();
    for account in ["in-order", "shuffled", "resumed"] {
        suite.account("cdnow", account).await;
    }
    let first = job(&folder, "in-order.txt", &rows, "in-order");
    let in_order = import(&suite, first.clone()).await.unwrap();
    assert_eq!(outcome(&in_order, &known), (all, all, 0, true));
    let expected = figures(&suite, "in-order").await;
    check_against_the_file(&expected, &known);
    let again = import(&suite, first).await.unwrap();
    assert_eq!(outcome(&again, &known), (all, 0, all, false));
    assert_eq!(figures(&suite, "in-order").await, expected);

    let other_order = shuffled(&rows, 42);
    let copied = import(&suite, job(&folder, "shuffled.txt", &other_order, "shuffled")).await.unwrap();
    assert_eq!(outcome(&copied, &known), (all, all, 0, true));
    assert_eq!(figures(&suite, "shuffled").await, expected);

    // The same rows must not count twice, neither under the same id nor under another one.
    let same_id = job(&folder, "again.txt", &other_order, "in-order");
    let error = import_error(&suite, same_id.clone()).await;
    assert!(error.contains("cdnow has the same rows in another order"), "{error}");
    let other_id = ImportArgs { import_id: Some("other".to_owned()), ..same_id };
    let error = import_error(&suite, other_id).await;
    assert!(error.contains("the same rows were imported as \"cdnow\""), "{error}");
    assert_eq!(figures(&suite, "in-order").await, expected);

    // What an interrupted import has sent: the first half of the lines.
    let half = job(&folder, "half.txt", &rows[..rows.len() / 2], "resumed");
    let interrupted = import(&suite, half).await.unwrap();
    assert_eq!(interrupted.shift_days, in_order.shift_days);
    assert_ne!(figures(&suite, "resumed").await, expected);
    let whole = job(&folder, "whole.txt", &rows, "resumed");
    let resumed = import(&suite, whole.clone()).await.unwrap();
    let stored = i64::try_from(interrupted.accepted).unwrap();
    assert!((all / 3..all).contains(&stored), "{stored}");
    assert_eq!(outcome(&resumed, &known), (all, all - stored, stored, false));
    assert_eq!(figures(&suite, "resumed").await, expected);
    // Now that it is whole, it is the whole file that no other import may bring.
    let other_id = ImportArgs { import_id: Some("other".to_owned()), ..whole };
    let error = import_error(&suite, other_id).await;
    assert!(error.contains("the same rows were imported as \"cdnow\""), "{error}");
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    the_published_figures_come_out,
    neither_repetition_nor_order_nor_interruption_matters,
);
