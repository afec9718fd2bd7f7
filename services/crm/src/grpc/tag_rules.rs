use siyu_clock::Micros;
use siyu_proto::crm::v1::{
    self as pb, CreateTagRuleRequest, CreateTagRuleResponse, DeleteTagRuleRequest, DeleteTagRuleResponse,
    GetTagRuleRequest, GetTagRuleResponse, ListTagRulesRequest, ListTagRulesResponse, UpdateTagRuleRequest,
    UpdateTagRuleResponse, tag_rule_service_server::TagRuleService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, etag, name, time::to_proto};
use tonic::{Request, Response, Status};

use super::{
    convert::{account_id, kind, micros, tier, to_duration, to_kind, to_tier},
    lifecycle::{to_stage, to_value_class},
};
use crate::{
    Crm,
    domain::{
        behaviour::Behaviour,
        lifecycle::Stage,
        tag_rule::{Condition, Criterion},
        value_class::ValueClass,
    },
    store::tag_rule::TagRule,
};

#[tonic::async_trait]
impl TagRuleService for Crm {
    async fn create_tag_rule(
        &self,
        request: Request<CreateTagRuleRequest>,
    ) -> Result<Response<CreateTagRuleResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = account_id(&request.parent, "parent")?;
        let sent = request.tag_rule.unwrap_or_default();
        let criterion = criterion(sent.condition, sent.behaviour)?;
        let rule_id = &request.tag_rule_id;
        let rule = self.create_tag_rule(&mutation, account_id, rule_id, &sent.tag, criterion).await?;
        Ok(Response::new(CreateTagRuleResponse { tag_rule: Some(to_rule(account_id, rule)) }))
    }

    async fn get_tag_rule(
        &self,
        request: Request<GetTagRuleRequest>,
    ) -> Result<Response<GetTagRuleResponse>, Status> {
        let request = admit(request)?;
        let [account_id, rule_id] = rule_ids(&request.name, "name")?;
        let rule = self.get_tag_rule(account_id, rule_id).await?;
        Ok(Response::new(GetTagRuleResponse { tag_rule: Some(to_rule(account_id, rule)) }))
    }

    async fn list_tag_rules(
        &self,
        request: Request<ListTagRulesRequest>,
    ) -> Result<Response<ListTagRulesResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListTagRules {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = account_id(&request.parent, "parent")?;
        let (rules, next_page_token) = self.list_tag_rules(account_id, &page).await?;
        let tag_rules = rules.into_iter().map(|rule| to_rule(account_id, rule)).collect();
        Ok(Response::new(ListTagRulesResponse { tag_rules, next_page_token }))
    }

    async fn update_tag_rule(
        &self,
        request: Request<UpdateTagRuleRequest>,
    ) -> Result<Response<UpdateTagRuleResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let sent = request.tag_rule.unwrap_or_default();
        let [account_id, rule_id] = rule_ids(&sent.name, "tag_rule.name")?;
        let criterion = criterion(sent.condition, sent.behaviour)?;
        let rule = self.update_tag_rule(&mutation, account_id, rule_id, criterion, &sent.etag).await?;
        Ok(Response::new(UpdateTagRuleResponse { tag_rule: Some(to_rule(account_id, rule)) }))
    }

    async fn delete_tag_rule(
        &self,
        request: Request<DeleteTagRuleRequest>,
    ) -> Result<Response<DeleteTagRuleResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, rule_id] = rule_ids(&request.name, "name")?;
        self.delete_tag_rule(&mutation, account_id, rule_id, &request.etag).await?;
        Ok(Response::new(DeleteTagRuleResponse {}))
    }
}

/// Account and rule of a rule's name.
fn rule_ids<'a>(name: &'a str, field: &str) -> Result<[&'a str; 2], Error> {
    name::ids(name, ["accounts", "tagRules"])
        .ok_or_else(|| Error::invalid_field(field, "must be accounts/{account}/tagRules/{tag_rule}"))
}

/// Exactly one of the two.
fn criterion(
    condition_sent: Option<pb::TagCondition>,
    behaviour_sent: Option<pb::BehaviourCondition>,
) -> Result<Criterion, Error> {
    match (condition_sent, behaviour_sent) {
        (Some(sent), None) => Ok(Criterion::Condition(condition(sent))),
        (None, Some(sent)) => Ok(Criterion::Behaviour(behaviour(sent)?)),
        (Some(_), Some(_)) => {
            Err(Error::invalid_field("tag_rule.behaviour", "must not be set together with condition"))
        }
        (None, None) => Err(Error::invalid_field("tag_rule.condition", "is required without behaviour")),
    }
}

fn behaviour(sent: pb::BehaviourCondition) -> Result<Behaviour, Error> {
    let mut kinds = Vec::with_capacity(sent.kinds.len());
    for (place, sent) in sent.kinds.iter().enumerate() {
        let kind = kind(*sent).filter(|kind| Behaviour::KINDS.contains(kind));
        let field = format!("tag_rule.behaviour.kinds[{place}]");
        kinds.push(kind.ok_or_else(|| Error::invalid_field(&field, "must be done to a content"))?);
    }
    let within = micros(&sent.within.unwrap_or_default());
    Ok(Behaviour { topics: sent.topics, kinds, min_count: sent.min_count, within })
}

fn to_behaviour(behaviour: Behaviour) -> pb::BehaviourCondition {
    pb::BehaviourCondition {
        topics: behaviour.topics,
        kinds: behaviour.kinds.into_iter().map(|kind| to_kind(kind).into()).collect(),
        min_count: behaviour.min_count,
        within: Some(to_duration(behaviour.within)),
    }
}

fn condition(sent: pb::TagCondition) -> Condition {
    let (stages, classes): (Vec<_>, Vec<_>) = (sent.stages().collect(), sent.value_classes().collect());
    Condition {
        min_tier: tier(sent.min_tier),
        stages: Stage::ALL.into_iter().filter(|stage| stages.contains(&to_stage(*stage))).collect(),
        value_classes: ValueClass::ALL
            .into_iter()
            .filter(|class| classes.contains(&to_value_class(*class)))
            .collect(),
        min_order_count: sent.min_order_count,
        min_net_minor: sent.min_net_gmv_minor,
        active_within: sent.active_within.as_ref().map(micros),
    }
}

fn to_condition(condition: Condition) -> pb::TagCondition {
    pb::TagCondition {
        min_tier: condition.min_tier.map_or(pb::Tier::Unspecified, |tier| to_tier(Some(tier))).into(),
        stages: condition.stages.into_iter().map(|stage| to_stage(stage).into()).collect(),
        value_classes: condition
            .value_classes
            .into_iter()
            .map(|class| to_value_class(class).into())
            .collect(),
        min_order_count: condition.min_order_count,
        min_net_gmv_minor: condition.min_net_minor,
        active_within: condition.active_within.map(to_duration),
    }
}

fn to_rule(account_id: &str, rule: TagRule) -> pb::TagRule {
    let (condition, behaviour) = match rule.criterion {
        Criterion::Condition(condition) => (Some(to_condition(condition)), None),
        Criterion::Behaviour(behaviour) => (None, Some(to_behaviour(behaviour))),
    };
    pb::TagRule {
        name: format!("accounts/{account_id}/tagRules/{}", rule.rule_id),
        tag: rule.tag_id,
        condition,
        behaviour,
        pass_time: rule.pass_time.map(|time| to_proto(Micros(time))),
        create_time: Some(to_proto(Micros(rule.create_time))),
        update_time: Some(to_proto(Micros(rule.update_time))),
        etag: etag::of(rule.revision),
    }
}
