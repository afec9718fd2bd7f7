//! Where fans come from and what the homepage makes of them, as titled tables.

use siyu_proto::crm::v1::{
    CardResult, CompareSourcesRequest, GetHomepageFunnelRequest, GetHomepageFunnelResponse,
    ListCardResultsRequest, SourceGrouping, SourceResult, traffic_service_client::TrafficServiceClient,
};

use super::{
    format::{count, money, rate, time},
    patiently,
    render::section,
};
use crate::connect::Client;

/// Lines of a table: a demo, not an export.
const MOST_LINES: i32 = 20;

/// The traffic of one account, `account_name` being `accounts/{account}`.
///
/// # Errors
/// When a call fails or an answer lacks what the contract promises.
pub async fn traffic(
    client: &mut TrafficServiceClient<Client>,
    account_name: &str,
    display_name: &str,
) -> anyhow::Result<String> {
    let parent = || account_name.to_owned();
    let request = GetHomepageFunnelRequest { parent: parent(), ..Default::default() };
    let funnel = client.get_homepage_funnel(patiently(request)).await?.into_inner();
    let request = ListCardResultsRequest { parent: parent(), page_size: MOST_LINES, ..Default::default() };
    let cards = client.list_card_results(patiently(request)).await?.into_inner().results;
    let domains = sources(client, account_name, SourceGrouping::SourceDomain).await?;
    let codes = sources(client, account_name, SourceGrouping::EntryCode).await?;
    let sections = [
        format!("Traffic of {display_name} ({account_name}), as of {}", time(funnel.as_of)?),
        homepage(&funnel),
        targets(&funnel),
        card_results(&cards),
        source_results("Sources, by the domain they belong to", &domains.0, &domains.1),
        source_results("Entry codes", &codes.0, &codes.1),
    ];
    Ok(sections.join("\n\n") + "\n")
}

/// What users were refused: the card, the reason, how often.
#[must_use]
pub fn refusals<'a>(refused: impl Iterator<Item = (&'a str, &'a str, i64)>) -> String {
    let rows = refused.map(|(card, reason, times)| [card.to_owned(), reason.to_owned(), count(times)]);
    section("What visitors were refused", &["card", "reason", "times"], rows) + "\n"
}

async fn sources(
    client: &mut TrafficServiceClient<Client>,
    account_name: &str,
    group_by: SourceGrouping,
) -> anyhow::Result<(Vec<SourceResult>, String)> {
    let request = CompareSourcesRequest {
        parent: account_name.to_owned(),
        group_by: group_by.into(),
        page_size: MOST_LINES,
        ..Default::default()
    };
    let answer = client.compare_sources(patiently(request)).await?.into_inner();
    Ok((answer.results, answer.currency_code))
}

fn homepage(funnel: &GetHomepageFunnelResponse) -> String {
    let steps = [
        ("visits", count(funnel.visit_count), String::new()),
        ("visitors", count(funnel.visitor_count), String::new()),
        (
            "of these not following yet",
            count(funnel.stranger_count),
            rate(funnel.stranger_count, funnel.visitor_count),
        ),
        (
            "of these followed through the homepage",
            count(funnel.new_follower_count),
            rate(funnel.new_follower_count, funnel.stranger_count),
        ),
        (
            "visitors who went on to a private message",
            count(funnel.messaging_visitor_count),
            rate(funnel.messaging_visitor_count, funnel.visitor_count),
        ),
    ]
    .map(|(step, number, share)| [step.to_owned(), number, share]);
    section("Homepage", &["step", "number", "rate"], steps)
}

fn targets(funnel: &GetHomepageFunnelResponse) -> String {
    let rows = funnel.entrances.iter().chain(&funnel.cards).map(|target| {
        [
            last_segments(&target.target),
            count(target.click_count),
            count(target.clicker_count),
            rate(target.clicker_count, funnel.visitor_count),
        ]
    });
    section("Clicks on the homepage", &["entrance or card", "clicks", "users", "of visitors"], rows)
}

fn card_results(cards: &[CardResult]) -> String {
    let rows = cards.iter().map(|card| {
        [
            last_segments(&card.card),
            last_segments(&card.mount),
            count(card.clicker_count),
            count(card.claim_count),
            count(card.redeem_count),
            count(card.lead_count),
            count(card.booking_count),
            rate(card.converted_count, card.clicker_count),
        ]
    });
    let header = ["card", "mounted in", "clickers", "claims", "used", "leads", "bookings", "converted"];
    section("Cards, by the place they were used at", &header, rows)
}

fn source_results(title: &str, results: &[SourceResult], currency_code: &str) -> String {
    let rows = results.iter().map(|result| {
        [
            source_name(&result.source),
            count(result.person_count),
            count(result.scan_count),
            count(result.visit_count),
            count(result.follow_count),
            format!("{:.2} %", result.follow_rate * 100.0),
            count(result.claim_count + result.lead_count + result.booking_count),
            count(result.order_count),
            money(result.gmv_minor, currency_code),
        ]
    });
    let header =
        ["source", "people", "scans", "visits", "follows", "of people", "conversions", "orders", "GMV"];
    section(title, &header, rows)
}

/// `SOURCE_DOMAIN_EXTERNAL` is `external`.
fn source_name(source: &str) -> String {
    match source.strip_prefix("SOURCE_DOMAIN_") {
        Some(domain) => domain.to_lowercase(),
        None if source.is_empty() => "not known".to_owned(),
        None => last_segments(source),
    }
}

/// A resource name without its account.
fn last_segments(name: &str) -> String {
    let segments = name.splitn(3, '/').nth(2).unwrap_or(name);
    if segments.is_empty() { "–".to_owned() } else { segments.to_owned() }
}
