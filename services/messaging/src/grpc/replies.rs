//! `AutoReplyService`: decode, call the use case, encode.

use siyu_proto::messaging::v1::{
    CreateReplyRuleRequest, CreateReplyRuleResponse, DeleteReplyRuleRequest, DeleteReplyRuleResponse,
    GetReplyRuleRequest, GetReplyRuleResponse, GetReplySettingsRequest, GetReplySettingsResponse,
    ListReplyRulesRequest, ListReplyRulesResponse, TestReplyRequest, TestReplyResponse,
    UpdateReplyRuleRequest, UpdateReplyRuleResponse, UpdateReplySettingsRequest, UpdateReplySettingsResponse,
    auto_reply_service_server::AutoReplyService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, name};
use tonic::{Request, Response, Status};

use super::{
    convert::to_content,
    convert_replies::{definition, limits, to_reply_settings, to_rule},
};
use crate::{Messaging, app::replies};

#[tonic::async_trait]
impl AutoReplyService for Messaging {
    async fn create_reply_rule(
        &self,
        request: Request<CreateReplyRuleRequest>,
    ) -> Result<Response<CreateReplyRuleResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let definition = definition(request.reply_rule.unwrap_or_default())?;
        let rule = self.create_reply_rule(&mutation, account_id, &request.reply_rule_id, definition).await?;
        Ok(Response::new(CreateReplyRuleResponse { reply_rule: Some(to_rule(account_id, &rule)) }))
    }

    async fn get_reply_rule(
        &self,
        request: Request<GetReplyRuleRequest>,
    ) -> Result<Response<GetReplyRuleResponse>, Status> {
        let request = admit(request)?;
        let [account_id, rule_id] = rule_ids(&request.name, "name")?;
        let rule = self.get_reply_rule(account_id, rule_id).await?;
        Ok(Response::new(GetReplyRuleResponse { reply_rule: Some(to_rule(account_id, &rule)) }))
    }

    async fn list_reply_rules(
        &self,
        request: Request<ListReplyRulesRequest>,
    ) -> Result<Response<ListReplyRulesResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListReplyRules {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let (rules, next_page_token) = self.list_reply_rules(account_id, &page).await?;
        let reply_rules = rules.iter().map(|rule| to_rule(account_id, rule)).collect();
        Ok(Response::new(ListReplyRulesResponse { reply_rules, next_page_token }))
    }

    async fn update_reply_rule(
        &self,
        request: Request<UpdateReplyRuleRequest>,
    ) -> Result<Response<UpdateReplyRuleResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let sent = request.reply_rule.unwrap_or_default();
        let (name, etag) = (sent.name.clone(), sent.etag.clone());
        let [account_id, rule_id] = rule_ids(&name, "reply_rule.name")?;
        let definition = definition(sent)?;
        let rule = self.update_reply_rule(&mutation, account_id, rule_id, definition, &etag).await?;
        Ok(Response::new(UpdateReplyRuleResponse { reply_rule: Some(to_rule(account_id, &rule)) }))
    }

    async fn delete_reply_rule(
        &self,
        request: Request<DeleteReplyRuleRequest>,
    ) -> Result<Response<DeleteReplyRuleResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, rule_id] = rule_ids(&request.name, "name")?;
        self.delete_reply_rule(&mutation, account_id, rule_id, &request.etag).await?;
        Ok(Response::new(DeleteReplyRuleResponse {}))
    }

    async fn test_reply(
        &self,
        request: Request<TestReplyRequest>,
    ) -> Result<Response<TestReplyResponse>, Status> {
        let request = admit(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let tried = self.test_reply(account_id, &request.text, request.first_message).await?;
        let contents = tried.answers.iter().flat_map(|rule| &rule.definition.contents);
        Ok(Response::new(TestReplyResponse {
            reply_rules: tried.answers.iter().map(|rule| replies::name(account_id, &rule.rule_id)).collect(),
            contents: contents.map(to_content).collect(),
            matching_reply_rules: tried
                .matching
                .iter()
                .map(|rule_id| replies::name(account_id, rule_id))
                .collect(),
        }))
    }

    async fn get_reply_settings(
        &self,
        request: Request<GetReplySettingsRequest>,
    ) -> Result<Response<GetReplySettingsResponse>, Status> {
        let request = admit(request)?;
        let account_id = settings_id(&request.name, "name")?;
        let stored = self.get_reply_settings(account_id).await?;
        Ok(Response::new(GetReplySettingsResponse {
            reply_settings: Some(to_reply_settings(account_id, &stored)),
        }))
    }

    async fn update_reply_settings(
        &self,
        request: Request<UpdateReplySettingsRequest>,
    ) -> Result<Response<UpdateReplySettingsResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let sent = request.reply_settings.unwrap_or_default();
        let account_id = settings_id(&sent.name, "reply_settings.name")?;
        let stored = self.set(&mutation, account_id, &sent.name, limits(&sent)?, &sent.etag).await?;
        Ok(Response::new(UpdateReplySettingsResponse {
            reply_settings: Some(to_reply_settings(account_id, &stored)),
        }))
    }
}

/// Account and rule of a rule's name.
fn rule_ids<'a>(name: &'a str, field: &str) -> Result<[&'a str; 2], Error> {
    name::ids(name, ["accounts", "replyRules"])
        .ok_or_else(|| Error::invalid_field(field, "must be accounts/{account}/replyRules/{reply_rule}"))
}

fn settings_id<'a>(name: &'a str, field: &str) -> Result<&'a str, Error> {
    let account = name.strip_suffix("/replySettings").unwrap_or_default();
    name::id(account, "accounts", field)
        .map_err(|_| Error::invalid_field(field, "must be accounts/{account}/replySettings"))
}
