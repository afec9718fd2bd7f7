use siyu_clock::Micros;
use siyu_proto::crm::v1::{
    self as pb, ActivateLifecycleRulesRequest, ActivateLifecycleRulesResponse, BacktestLifecycleRulesRequest,
    BacktestLifecycleRulesResponse, CreateLifecycleRulesRequest, CreateLifecycleRulesResponse,
    GetFanLifecycleRequest, GetFanLifecycleResponse, GetLifecycleDistributionRequest,
    GetLifecycleDistributionResponse, ListLifecycleRulesRequest, ListLifecycleRulesResponse,
    lifecycle_service_server::LifecycleService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, name, time::to_proto};
use tonic::{Request, Response, Status};

use super::convert::{account_id, fan_ids, micros, to_duration};
use crate::{
    Crm,
    app::{lifecycle::FanLifecycle, rules::Version},
    domain::{
        lifecycle::{Explanation, Stage, Value},
        lifecycle_rules::LifecycleRules,
        value_class::ValueClass,
    },
};

#[tonic::async_trait]
impl LifecycleService for Crm {
    async fn get_fan_lifecycle(
        &self,
        request: Request<GetFanLifecycleRequest>,
    ) -> Result<Response<GetFanLifecycleResponse>, Status> {
        let request = admit(request)?;
        let [account_id, user_id] = fan_ids(&request.name, "name")?;
        let fan = self.fan_lifecycle(account_id, user_id).await?;
        let fan_lifecycle = Some(to_fan_lifecycle(request.name.clone(), &fan));
        Ok(Response::new(GetFanLifecycleResponse { fan_lifecycle }))
    }

    async fn get_lifecycle_distribution(
        &self,
        request: Request<GetLifecycleDistributionRequest>,
    ) -> Result<Response<GetLifecycleDistributionResponse>, Status> {
        let request = admit(request)?;
        let account_id = account_id(&request.parent, "parent")?;
        let distribution = self.lifecycle_distribution(account_id).await?;
        let fan_count = distribution.fans.values().sum();
        let counts = distribution.fans.into_iter().map(|((stage, value_class), fan_count)| {
            let (stage, value_class) = (to_stage(stage).into(), to_value_class(value_class).into());
            pb::LifecycleCount { stage, value_class, fan_count }
        });
        Ok(Response::new(GetLifecycleDistributionResponse {
            counts: counts.collect(),
            fan_count,
            lifecycle_rules_version: distribution.rules_version,
            as_of: Some(to_proto(distribution.as_of)),
        }))
    }

    async fn create_lifecycle_rules(
        &self,
        request: Request<CreateLifecycleRulesRequest>,
    ) -> Result<Response<CreateLifecycleRulesResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = account_id(&request.parent, "parent")?;
        let rules = rules(request.lifecycle_rules.unwrap_or_default());
        let version = self.create_lifecycle_rules(&mutation, account_id, rules).await?;
        let lifecycle_rules = Some(to_rules(account_id, version));
        Ok(Response::new(CreateLifecycleRulesResponse { lifecycle_rules }))
    }

    async fn list_lifecycle_rules(
        &self,
        request: Request<ListLifecycleRulesRequest>,
    ) -> Result<Response<ListLifecycleRulesResponse>, Status> {
        let request = admit(request)?;
        let account_id = account_id(&request.parent, "parent")?;
        let arguments = format!("ListLifecycleRules {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (versions, next_page_token) = self.list_lifecycle_rules(account_id, &page).await?;
        let lifecycle_rules = versions.into_iter().map(|version| to_rules(account_id, version)).collect();
        Ok(Response::new(ListLifecycleRulesResponse { lifecycle_rules, next_page_token }))
    }

    async fn backtest_lifecycle_rules(
        &self,
        request: Request<BacktestLifecycleRulesRequest>,
    ) -> Result<Response<BacktestLifecycleRulesResponse>, Status> {
        let request = admit(request)?;
        let (account_id, version) = rules_ids(&request.name)?;
        let (flows, as_of) = self.backtest_lifecycle(account_id, version).await?;
        let fan_count = flows.values().sum();
        let moved_count = flows.iter().filter(|((from, to), _)| from != to).map(|(_, count)| count).sum();
        let flows = flows.into_iter().map(|((from, to), fan_count)| pb::LifecycleFlow {
            from_stage: to_stage(from.0).into(),
            from_value_class: to_value_class(from.1).into(),
            to_stage: to_stage(to.0).into(),
            to_value_class: to_value_class(to.1).into(),
            fan_count,
        });
        Ok(Response::new(BacktestLifecycleRulesResponse {
            flows: flows.collect(),
            moved_count,
            fan_count,
            as_of: Some(to_proto(as_of)),
        }))
    }

    async fn activate_lifecycle_rules(
        &self,
        request: Request<ActivateLifecycleRulesRequest>,
    ) -> Result<Response<ActivateLifecycleRulesResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let (account_id, version) = rules_ids(&request.name)?;
        let version = self.activate_lifecycle_rules(&mutation, account_id, version).await?;
        let lifecycle_rules = Some(to_rules(account_id, version));
        Ok(Response::new(ActivateLifecycleRulesResponse { lifecycle_rules }))
    }
}

fn rules_ids(name: &str) -> Result<(&str, i64), Error> {
    let invalid = || Error::invalid_field("name", "must be accounts/{account}/lifecycleRules/{version}");
    let [account_id, version] = name::ids(name, ["accounts", "lifecycleRules"]).ok_or_else(invalid)?;
    Ok((account_id, version.parse().map_err(|_| invalid())?))
}

fn rules(sent: pb::LifecycleRules) -> LifecycleRules {
    LifecycleRules {
        version: 0,
        dormant_after: span(sent.dormant_after),
        lost_after: span(sent.lost_after),
        activated_count: sent.activated_count,
        activated_within: span(sent.activated_within),
        repurchasing_order_days: sent.repurchasing_order_days,
        referring_share_count: sent.referring_share_count,
        referring_within: span(sent.referring_within),
        recent_order_within: span(sent.recent_order_within),
        loyal_order_days: sent.loyal_order_days,
        high_quality_gmv_minor: sent.high_quality_gmv_minor,
        value_lost_after: span(sent.value_lost_after),
    }
}

/// A span of time that passed its rules, in microseconds.
fn span(sent: Option<prost_types::Duration>) -> i64 {
    micros(&sent.unwrap_or_default())
}

fn to_rules(account_id: &str, version: Version<LifecycleRules>) -> pb::LifecycleRules {
    let Version { rules, create_time, active } = version;
    pb::LifecycleRules {
        name: format!("accounts/{account_id}/lifecycleRules/{}", rules.version),
        version: rules.version,
        dormant_after: Some(to_duration(rules.dormant_after)),
        lost_after: Some(to_duration(rules.lost_after)),
        activated_count: rules.activated_count,
        activated_within: Some(to_duration(rules.activated_within)),
        repurchasing_order_days: rules.repurchasing_order_days,
        referring_share_count: rules.referring_share_count,
        referring_within: Some(to_duration(rules.referring_within)),
        recent_order_within: Some(to_duration(rules.recent_order_within)),
        loyal_order_days: rules.loyal_order_days,
        high_quality_gmv_minor: rules.high_quality_gmv_minor,
        value_lost_after: Some(to_duration(rules.value_lost_after)),
        create_time: create_time.map(|time| to_proto(Micros(time))),
        active,
    }
}

fn to_fan_lifecycle(name: String, fan: &FanLifecycle) -> pb::FanLifecycle {
    let FanLifecycle { place: (stage, value_class), facts, rules, as_of } = fan;
    pb::FanLifecycle {
        fan: name,
        stage: to_stage(*stage).into(),
        stage_explanation: Some(to_explanation(stage.explain(facts, rules))),
        value_class: to_value_class(*value_class).into(),
        value_explanation: Some(to_explanation(value_class.explain(facts, rules))),
        lifecycle_rules_version: rules.version,
        as_of: Some(to_proto(*as_of)),
    }
}

fn to_explanation(explanation: Explanation) -> pb::Explanation {
    let fact = |(name, value): (&str, Value)| {
        let value = match value {
            Value::Flag(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Time(Some(time)) => time.to_string(),
            Value::Time(None) => "never".to_owned(),
        };
        pb::ExplainedFact { name: name.to_owned(), value }
    };
    pb::Explanation { rule: explanation.rule, facts: explanation.facts.into_iter().map(fact).collect() }
}

pub(super) fn to_stage(stage: Stage) -> pb::LifecycleStage {
    match stage {
        Stage::New => pb::LifecycleStage::New,
        Stage::Settled => pb::LifecycleStage::Settled,
        Stage::Activated => pb::LifecycleStage::Activated,
        Stage::Converted => pb::LifecycleStage::Converted,
        Stage::Repurchasing => pb::LifecycleStage::Repurchasing,
        Stage::Referring => pb::LifecycleStage::Referring,
        Stage::Dormant => pb::LifecycleStage::Dormant,
        Stage::Lost => pb::LifecycleStage::Lost,
    }
}

pub(super) fn to_value_class(value_class: ValueClass) -> pb::ValueClass {
    match value_class {
        ValueClass::Loyal => pb::ValueClass::Loyal,
        ValueClass::HighQuality => pb::ValueClass::HighQuality,
        ValueClass::Ordinary => pb::ValueClass::Ordinary,
        ValueClass::LowFrequency => pb::ValueClass::LowFrequency,
        ValueClass::Lost => pb::ValueClass::Lost,
    }
}
