//! The figures of an account and of a matrix, as text for a terminal: fetched here, written in [`render`].

mod conversations;
mod format;
mod pushes;
mod render;
#[cfg(test)]
mod tests;
mod traffic;

pub use conversations::{ConversationFigures, conversations};
pub use pushes::{PushRow, pushes};
pub use traffic::{refusals, traffic};

use std::time::Duration;

use anyhow::Context;
use siyu_proto::crm::v1::{
    GetGmvConcentrationRequest, GetMatrixRequest, GetRfmRequest, GetSalesRequest, GetTierFlowRequest,
    GetTierFunnelRequest, ListMonthlySalesRequest, MonthlySales, TimeBasis,
    analytics_service_client::AnalyticsServiceClient,
};
use tonic::Request;

use crate::connect::Client;
use render::AccountFigures;

const FLOW_SECONDS: i64 = 30 * 86_400;

/// All figures of one account, `account_name` being `accounts/{account}`.
///
/// # Errors
/// When a call fails or an answer lacks what the contract promises.
pub async fn account(
    client: &mut AnalyticsServiceClient<Client>,
    account_name: &str,
    display_name: &str,
) -> anyhow::Result<String> {
    let parent = || account_name.to_owned();
    let funnel =
        client.get_tier_funnel(patiently(GetTierFunnelRequest { parent: parent() })).await?.into_inner();
    // The flow ends where the funnel stands, by the server's clock.
    let end_time = funnel.as_of.context("the tier funnel has no as_of")?;
    let start_time = prost_types::Timestamp { seconds: end_time.seconds - FLOW_SECONDS, ..end_time };

    let sales = client
        .get_sales(patiently(GetSalesRequest { parent: parent(), ..GetSalesRequest::default() }))
        .await?
        .into_inner();
    let months = monthly_sales(client, account_name).await?;
    let concentration = client
        .get_gmv_concentration(patiently(GetGmvConcentrationRequest {
            parent: parent(),
            top_percents: Vec::new(),
        }))
        .await?
        .into_inner();
    let rfm = client.get_rfm(patiently(GetRfmRequest { parent: parent() })).await?.into_inner();
    let flow = client
        .get_tier_flow(patiently(GetTierFlowRequest {
            parent: parent(),
            start_time: Some(start_time),
            end_time: Some(end_time),
            basis: TimeBasis::EventTime.into(),
        }))
        .await?
        .into_inner();

    render::account(
        account_name,
        display_name,
        &AccountFigures { funnel, sales, months, concentration, rfm, flow },
    )
}

/// The figures of the accounts of an enterprise together, `enterprise_name` being `enterprises/{enterprise}`.
///
/// # Errors
/// When the call fails or the answer lacks what the contract promises.
pub async fn matrix(
    client: &mut AnalyticsServiceClient<Client>,
    enterprise_name: &str,
) -> anyhow::Result<String> {
    let request = GetMatrixRequest { parent: enterprise_name.to_owned() };
    let matrix = client.get_matrix(patiently(request)).await?.into_inner();
    render::matrix(enterprise_name, &matrix)
}

/// A call whose answer is worth waiting for: the figures of a large account take longer than the server's default
/// deadline. The server cuts it to its own maximum.
fn patiently<T>(message: T) -> Request<T> {
    const PATIENCE: Duration = Duration::from_secs(600);
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    request
}

async fn monthly_sales(
    client: &mut AnalyticsServiceClient<Client>,
    account_name: &str,
) -> anyhow::Result<Vec<MonthlySales>> {
    let mut months = Vec::new();
    let mut page_token = String::new();
    loop {
        let request =
            ListMonthlySalesRequest { parent: account_name.to_owned(), page_size: 1_000, page_token };
        let page = client.list_monthly_sales(patiently(request)).await?.into_inner();
        months.extend(page.months);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(months);
        }
    }
}
