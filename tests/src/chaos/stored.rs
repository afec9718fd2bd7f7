//! What is stored, read through the API.

use std::collections::HashMap;

use anyhow::Context;
use siyu::connect::Client;
use siyu_proto::crm::v1::{
    Fan, GetSalesRequest, Interaction, ListFansRequest, ListInteractionsRequest, ListTierChangesRequest,
    RebuildTiersRequest, Sales, TierChange, analytics_service_client::AnalyticsServiceClient,
    fan_service_client::FanServiceClient, interaction_service_client::InteractionServiceClient,
    tier_service_client::TierServiceClient,
};

const PAGE: i32 = 1_000;

/// All fans of an account, by user.
pub(super) async fn fans(client: &Client, account: &str) -> anyhow::Result<HashMap<String, Fan>> {
    let mut service = FanServiceClient::new(client.clone());
    let mut fans = HashMap::new();
    let mut page_token = String::new();
    loop {
        let parent = format!("accounts/{account}");
        let request = ListFansRequest { parent, page_size: PAGE, page_token, ..ListFansRequest::default() };
        let page = service.list_fans(request).await?.into_inner();
        fans.extend(page.fans.into_iter().map(|fan| (fan.user.clone(), fan)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(fans);
        }
    }
}

/// The whole timeline of a fan.
pub(super) async fn interactions(client: &Client, fan: &str) -> anyhow::Result<Vec<Interaction>> {
    let mut service = InteractionServiceClient::new(client.clone());
    let mut interactions = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListInteractionsRequest { parent: fan.to_owned(), page_size: PAGE, page_token };
        let page = service.list_interactions(request).await?.into_inner();
        interactions.extend(page.interactions);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(interactions);
        }
    }
}

/// All tier changes of an account, oldest first.
pub(super) async fn tier_changes(client: &Client, account: &str) -> anyhow::Result<Vec<TierChange>> {
    let mut service = TierServiceClient::new(client.clone());
    let mut changes = Vec::new();
    let mut page_token = String::new();
    loop {
        let parent = format!("accounts/{account}");
        let request = ListTierChangesRequest { parent, page_size: PAGE, page_token };
        let page = service.list_tier_changes(request).await?.into_inner();
        changes.extend(page.tier_changes);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            changes.reverse();
            return Ok(changes);
        }
    }
}

/// The sales of an account; the two rates are left out, they follow from the rest.
pub(super) async fn sales(client: &Client, account: &str) -> anyhow::Result<Sales> {
    let parent = format!("accounts/{account}");
    let request = GetSalesRequest { parent, ..GetSalesRequest::default() };
    let answer = AnalyticsServiceClient::new(client.clone()).get_sales(request).await?.into_inner();
    let sales = answer.sales.context("sales")?;
    Ok(Sales { repurchase_rate_by_order: 0.0, repurchase_rate_by_day: 0.0, ..sales })
}

/// Replays the history of every fan.
pub(super) async fn rebuild_tiers(client: &Client, account: &str) -> anyhow::Result<()> {
    let request = RebuildTiersRequest { parent: format!("accounts/{account}") };
    let mut progress = TierServiceClient::new(client.clone()).rebuild_tiers(request).await?.into_inner();
    let mut done = false;
    while let Some(step) = progress.message().await? {
        done = step.done;
    }
    anyhow::ensure!(done, "the rebuild of {account} stopped half way");
    Ok(())
}
