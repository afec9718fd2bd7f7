//! Good requests to `siyu.crm.v1`.

use siyu_proto::{
    common::v1::Role,
    crm::v1::{
        ActivateTierRulesRequest, BacktestTierRulesRequest, CreateImportRequest, CreateTierRulesRequest,
        GetFanRequest, GetGmvConcentrationRequest, GetMatrixRequest, GetRfmRequest, GetSalesRequest,
        GetTierFlowRequest, GetTierFunnelRequest, Import, IngestInteractionsRequest, KindWeight,
        ListFansRequest, ListInteractionsRequest, ListMonthlySalesRequest, ListTierChangesRequest,
        ListTierRulesRequest, ListTouchesRequest, RebuildTiersRequest, StreamInteractionsRequest, TierRules,
    },
};

use super::requests::{About, Good, good};
use crate::support::{follow, seconds_ago};

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    [figures(about), fans(about), tiers(about)].into_iter().flatten().collect()
}

fn figures(about: About<'_>) -> Vec<Good> {
    let parent = about.account();
    let start_time = Some(seconds_ago(about.suite, 100));
    vec![
        good(Role::Analyst, &GetGmvConcentrationRequest { parent: parent.clone(), top_percents: Vec::new() }),
        good(Role::Analyst, &GetMatrixRequest { parent: about.enterprise() }),
        good(Role::Analyst, &GetRfmRequest { parent: parent.clone() }),
        good(Role::Analyst, &GetSalesRequest { parent: parent.clone(), ..Default::default() }),
        good(Role::Analyst, &GetTierFlowRequest { parent: parent.clone(), start_time, ..Default::default() }),
        good(Role::Analyst, &GetTierFunnelRequest { parent: parent.clone() }),
        good(Role::Analyst, &ListMonthlySalesRequest { parent, ..Default::default() }),
    ]
}

fn fans(about: About<'_>) -> Vec<Good> {
    let parent = about.account();
    let fan = format!("{parent}/fans/u1");
    let interactions = vec![follow("again", "u1", seconds_ago(about.suite, 1))];
    vec![
        good(Role::Analyst, &GetFanRequest { name: fan.clone() }),
        good(Role::Analyst, &ListFansRequest { parent: parent.clone(), ..Default::default() }),
        good(
            Role::Operator,
            &CreateImportRequest {
                parent: parent.clone(),
                import: Some(Import::default()),
                import_id: "one".to_owned(),
            },
        ),
        good(
            Role::Operator,
            &IngestInteractionsRequest { parent: parent.clone(), interactions: interactions.clone() },
        ),
        good(Role::Analyst, &ListInteractionsRequest { parent: fan.clone(), ..Default::default() }),
        good(Role::Analyst, &ListTouchesRequest { parent: fan, ..Default::default() }),
        good(Role::Operator, &StreamInteractionsRequest { parent, interactions }),
    ]
}

fn tiers(about: About<'_>) -> Vec<Good> {
    let parent = about.account();
    let rules = format!("{parent}/tierRules/0");
    let tier_rules = TierRules {
        half_life: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
        weights: vec![KindWeight { kind: 1, points: 1.0 }],
        favorable_enter: 2.0,
        favorable_leave: 1.0,
        true_love_enter: 4.0,
        true_love_leave: 3.0,
        ..TierRules::default()
    };
    vec![
        good(Role::Admin, &ActivateTierRulesRequest { name: rules.clone() }),
        good(Role::Analyst, &BacktestTierRulesRequest { name: rules }),
        good(
            Role::Admin,
            &CreateTierRulesRequest {
                parent: parent.clone(),
                tier_rules: Some(tier_rules),
                ..Default::default()
            },
        ),
        good(
            Role::Analyst,
            &ListTierChangesRequest { parent: format!("{parent}/fans/u1"), ..Default::default() },
        ),
        good(Role::Analyst, &ListTierRulesRequest { parent: parent.clone(), ..Default::default() }),
        good(Role::Admin, &RebuildTiersRequest { parent }),
    ]
}
