use siyu_clock::Micros;
use siyu_proto::crm::v1::{
    self as pb, CreateTagRuleRequest, CreateTagRuleResponse, DeleteTagRuleRequest, DeleteTagRuleResponse,
    GetTagRuleRequest, GetTagRuleResponse, ListTagRulesRequest, ListTagRulesResponse, UpdateTagRuleRequest,
    UpdateTagRuleResponse, tag_rule_service_server::TagRuleService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, etag, name, time::to_proto};
use tonic::{Request, Response, Status};

use super::{
    convert::{account_id, micros, tier, to_duration, to_tier},
    lifecycle::{to_stage, to_value_class},
};
use crate::{
    Crm,
    domain::{lifecycle::Stage, tag_rule::Condition, value_class::ValueClass},
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
        let condition = condition(sent.condition.unwrap_or_default());
        let rule_id = &request.tag_rule_id;
        let rule = self.create_tag_rule(&mutation, account_id, rule_id, &sent.tag, condition).await?;
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
        let condition = condition(sent.condition.unwrap_or_default());
        let rule = self.update_tag_rule(&mutation, account_id, rule_id, condition, &sent.etag).await?;
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

fn to_rule(account_id: &str, rule: TagRule) -> pb::TagRule {
    let condition = rule.condition;
    let condition = pb::TagCondition {
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
    };
    pb::TagRule {
        name: format!("accounts/{account_id}/tagRules/{}", rule.rule_id),
        tag: rule.tag_id,
        condition: Some(condition),
        pass_time: rule.pass_time.map(|time| to_proto(Micros(time))),
        create_time: Some(to_proto(Micros(rule.create_time))),
        update_time: Some(to_proto(Micros(rule.update_time))),
        etag: etag::of(rule.revision),
    }
}
