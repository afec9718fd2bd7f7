//! Answers of the analytics service as titled tables.

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use siyu_proto::crm::v1::{
    GetGmvConcentrationResponse, GetMatrixResponse, GetRfmResponse, GetSalesResponse, GetTierFlowResponse,
    GetTierFunnelResponse, MonthlySales, Tier,
};

use super::format::{count, money, money_rate, rate, time};

const TIERS: [Tier; 4] = [Tier::Potential, Tier::Passerby, Tier::Favorable, Tier::TrueLove];

/// What the report of an account is made of.
#[derive(Debug, Default)]
pub(super) struct AccountFigures {
    pub(super) funnel: GetTierFunnelResponse,
    pub(super) sales: GetSalesResponse,
    pub(super) months: Vec<MonthlySales>,
    pub(super) concentration: GetGmvConcentrationResponse,
    pub(super) rfm: GetRfmResponse,
    pub(super) flow: GetTierFlowResponse,
}

/// The report of an account.
pub(super) fn account(name: &str, display_name: &str, figures: &AccountFigures) -> anyhow::Result<String> {
    let currency_code = &figures.sales.currency_code;
    let title = format!("{display_name} ({name}), as of {}", time(figures.funnel.as_of)?);
    let sections = [
        title,
        funnel(&figures.funnel),
        flow(&figures.flow)?,
        sales(&figures.sales)?,
        monthly_sales(&figures.months, currency_code),
        concentration(&figures.concentration, currency_code),
        rfm(&figures.rfm),
    ];
    Ok(sections.join("\n\n") + "\n")
}

/// The report of a matrix.
pub(super) fn matrix(name: &str, matrix: &GetMatrixResponse) -> anyhow::Result<String> {
    let accounts = matrix.accounts.iter().map(|account| {
        [
            account.account.clone(),
            count(account.following_count),
            count(account.known_count),
            count(account.order_count),
            money(account.gmv_minor, &account.currency_code),
        ]
    });
    let gmv = matrix.gmv.iter().map(|amount| {
        ["GMV, accounts added up".to_owned(), money(amount.amount_minor, &amount.currency_code)]
    });
    let more_than_one = matrix.following_count - matrix.distinct_following_count;
    let people = [
        ["followers, accounts added up".to_owned(), count(matrix.following_count)],
        ["followers, each person once".to_owned(), count(matrix.distinct_following_count)],
        ["overlap: sum minus distinct".to_owned(), rate(more_than_one, matrix.following_count)],
        ["known users, each person once".to_owned(), count(matrix.distinct_known_count)],
    ];
    Ok([
        format!("Matrix of {name}, as of {}", time(matrix.as_of)?),
        section("Accounts", &["account", "followers", "known users", "orders", "GMV"], accounts),
        section("Together", &["figure", "value"], people.into_iter().chain(gmv)),
    ]
    .join("\n\n")
        + "\n")
}

fn funnel(funnel: &GetTierFunnelResponse) -> String {
    let known = funnel.known_count;
    let tiers = funnel
        .tiers
        .iter()
        .map(|row| [tier_name(row.tier()).to_owned(), count(row.fan_count), rate(row.fan_count, known)]);
    let steps = [
        ("known", known, known),
        ("following", funnel.following_count, known),
        ("customers", funnel.customer_count, known),
        ("repeat customers (≥ 2 orders)", funnel.repeat_customer_count, funnel.customer_count),
    ]
    .map(|(step, number, of)| [step.to_owned(), count(number), rate(number, of)]);
    [
        section("Tiers", &["tier", "fans", "of all known"], tiers),
        section("Funnel", &["step", "users", "rate"], steps),
    ]
    .join("\n\n")
}

fn flow(flow: &GetTierFlowResponse) -> anyhow::Result<String> {
    let title = format!(
        "Tier flow by event time, {} to {} (from the row to the column)",
        time(flow.start_time)?,
        time(flow.end_time)?
    );
    let mut header = vec!["from \\ to"];
    header.extend(TIERS.map(tier_name));
    let rows = [Tier::Unspecified].into_iter().chain(TIERS).map(|from| {
        let cells = TIERS.map(|to| {
            let same = flow.flows.iter().filter(|cell| cell.from_tier() == from && cell.to_tier() == to);
            count(same.map(|cell| cell.fan_count).sum())
        });
        [tier_name(from).to_owned()].into_iter().chain(cells)
    });
    Ok(section(&title, &header, rows))
}

fn sales(response: &GetSalesResponse) -> anyhow::Result<String> {
    let sales = response.sales.unwrap_or_default();
    let amount = |minor| money(minor, &response.currency_code);
    let share = |minor| money_rate(minor, sales.gmv_minor, &response.currency_code);
    let or_none = |moment| if sales.order_count == 0 { Ok("–".to_owned()) } else { time(moment) };
    let rows = [
        ("orders", count(sales.order_count)),
        ("customers", count(sales.customer_count)),
        ("GMV before refunds", amount(sales.gmv_minor)),
        ("refunded", share(sales.refunded_minor)),
        (
            "repurchase rate by order (≥ 2 orders)",
            rate(sales.repeat_customers_by_order, sales.customer_count),
        ),
        (
            "repurchase rate by distinct day (orders on ≥ 2 days)",
            rate(sales.repeat_customers_by_day, sales.customer_count),
        ),
        ("GMV of repeat customers by order", share(sales.repeat_gmv_minor_by_order)),
        ("GMV of repeat customers by distinct day", share(sales.repeat_gmv_minor_by_day)),
        ("days with an order, over all customers", count(sales.order_day_count)),
        ("first order", or_none(sales.first_order_time)?),
        ("latest order", or_none(sales.last_order_time)?),
    ]
    .map(|(figure, value)| [figure.to_owned(), value]);
    Ok(section("Sales", &["figure", "value"], rows))
}

fn monthly_sales(months: &[MonthlySales], currency_code: &str) -> String {
    let rows = months.iter().map(|month| {
        [
            month.month.clone(),
            count(month.order_count),
            count(month.customer_count),
            money(month.gmv_minor, currency_code),
            money(month.refunded_minor, currency_code),
        ]
    });
    section("Sales by month", &["month", "orders", "customers", "GMV", "refunded"], rows)
}

fn concentration(concentration: &GetGmvConcentrationResponse, currency_code: &str) -> String {
    let rows = concentration.shares.iter().map(|top| {
        [
            format!("top {} %", top.top_percent),
            rate(top.customer_count, concentration.customer_count),
            money_rate(top.gmv_minor, concentration.gmv_minor, currency_code),
        ]
    });
    section("GMV concentration", &["customers who spent most", "of all customers", "of all GMV"], rows)
}

fn rfm(rfm: &GetRfmResponse) -> String {
    let title = format!(
        "Recency × frequency: customers, {} in all (5 is best; all monetary scores)",
        count(rfm.customer_count)
    );
    let rows = (1..=5).rev().map(|recency| {
        let cells = (1..=5).map(move |frequency| {
            let same = rfm.cells.iter().filter(|cell| cell.recency == recency && cell.frequency == frequency);
            count(same.map(|cell| cell.customer_count).sum())
        });
        [format!("R{recency}")].into_iter().chain(cells)
    });
    section(&title, &["", "F1", "F2", "F3", "F4", "F5"], rows)
}

fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::Unspecified => "not known before",
        Tier::Potential => "potential",
        Tier::Passerby => "passerby",
        Tier::Favorable => "favorable",
        Tier::TrueLove => "true love",
    }
}

/// A title and a table: names on the left, figures on the right.
pub(super) fn section<R>(title: &str, header: &[&str], rows: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item = String>,
{
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{title}\n{table}")
}
