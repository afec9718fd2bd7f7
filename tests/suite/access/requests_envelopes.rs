//! Good requests about envelopes of the groups service.

use siyu_proto::{
    common::v1::Role,
    groups::v1::{
        CompareEnvelopeLedgerRequest, CreateEnvelopeRequest, EnvelopeKind, FundEnvelopeBudgetRequest,
        GetEnvelopeBudgetRequest, GetEnvelopeRequest, ListEnvelopeGrabsRequest, ListEnvelopesRequest,
        SetEnvelopeCapsRequest, envelope_budget_service_client::EnvelopeBudgetServiceClient,
        envelope_service_client::EnvelopeServiceClient,
    },
};
use siyu_tests::TestSuite;

use super::requests::{About, Good, good};
use crate::envelopes::{new_envelope, vip_group};

fn group(account: &str) -> String {
    format!("{account}/groups/vip")
}

/// What there must be in `accounts/{id}` before: the group `vip`, money, and an envelope.
pub(super) async fn prepare(suite: &TestSuite, id: &str) {
    let parent = format!("accounts/{id}");
    vip_group(&suite.client(), &parent).await;
    let request =
        FundEnvelopeBudgetRequest { parent: parent.clone(), amount_minor: 1_000_000, ..Default::default() };
    EnvelopeBudgetServiceClient::new(suite.client()).fund_envelope_budget(request).await.unwrap();
    let request =
        CreateEnvelopeRequest { parent: group(&parent), ..new_envelope("red", EnvelopeKind::Fixed, 100, 1) };
    EnvelopeServiceClient::new(suite.client()).create_envelope(request).await.unwrap();
}

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let parent = || about.account();
    let group = || group(&about.account());
    let red = || format!("{}/envelopes/red", group());
    let new = new_envelope(&format!("turn-{}", about.turn), EnvelopeKind::Fixed, 1, 1);
    vec![
        good(Role::Operator, &CreateEnvelopeRequest { parent: group(), ..new }),
        good(Role::Analyst, &GetEnvelopeRequest { name: red() }),
        good(Role::Analyst, &ListEnvelopesRequest { parent: group(), ..Default::default() }),
        good(Role::Analyst, &ListEnvelopeGrabsRequest { parent: red(), ..Default::default() }),
        good(Role::Analyst, &GetEnvelopeBudgetRequest { parent: parent() }),
        good(Role::Admin, &SetEnvelopeCapsRequest { parent: parent(), ..Default::default() }),
        good(Role::Analyst, &CompareEnvelopeLedgerRequest { parent: parent() }),
    ]
}
