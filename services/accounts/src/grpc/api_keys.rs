//! `ApiKeyService`: decode, call the use case, encode.

use prost_types::Timestamp;
use siyu_clock::Micros;
use siyu_proto::{
    accounts::v1::{
        self as pb, CreateApiKeyRequest, CreateApiKeyResponse, ListApiKeysRequest, ListApiKeysResponse,
        RevokeApiKeyRequest, RevokeApiKeyResponse, api_key_service_server::ApiKeyService,
    },
    common::v1::Role,
};
use siyu_rpc::{
    Error, Page, admit, admit_mutation,
    auth::role_named,
    name,
    time::{from_proto, to_proto},
};
use tonic::{Request, Response, Status};

use crate::{Accounts, app::NewApiKey, domain::api_key::Secret, store::api_key::ApiKey};

#[tonic::async_trait]
impl ApiKeyService for Accounts {
    async fn create_api_key(
        &self,
        request: Request<CreateApiKeyRequest>,
    ) -> Result<Response<CreateApiKeyResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let new = new_api_key(request.api_key.unwrap_or_default())?;
        let (key, secret) = self.create_api_key(&mutation, account_id, request.api_key_id, new).await?;
        Ok(Response::new(CreateApiKeyResponse {
            api_key: Some(to_api_key(key)),
            secret: secret.map(Secret::into_text).unwrap_or_default(),
        }))
    }

    async fn list_api_keys(
        &self,
        request: Request<ListApiKeysRequest>,
    ) -> Result<Response<ListApiKeysResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListApiKeys {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let (keys, next_page_token) = self.list_api_keys(account_id, &page).await?;
        let api_keys = keys.into_iter().map(to_api_key).collect();
        Ok(Response::new(ListApiKeysResponse { api_keys, next_page_token }))
    }

    async fn revoke_api_key(
        &self,
        request: Request<RevokeApiKeyRequest>,
    ) -> Result<Response<RevokeApiKeyResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, id] = name::ids(&request.name, ["accounts", "apiKeys"])
            .ok_or_else(|| Error::invalid_field("name", "must be accounts/{account}/apiKeys/{api_key}"))?;
        let key = self.revoke_api_key(&mutation, account_id, id).await?;
        Ok(Response::new(RevokeApiKeyResponse { api_key: Some(to_api_key(key)) }))
    }
}

fn new_api_key(key: pb::ApiKey) -> Result<NewApiKey, Error> {
    let role = key.role();
    let moment = |time: &Timestamp| {
        from_proto(time)
            .ok_or_else(|| Error::invalid_field("api_key.expire_time", "must be a valid timestamp"))
    };
    let expire_time = key.expire_time.as_ref().map(moment).transpose()?;
    Ok(NewApiKey { display_name: key.display_name, role, expire_time })
}

fn to_api_key(key: ApiKey) -> pb::ApiKey {
    let moment = |time: i64| to_proto(Micros(time));
    pb::ApiKey {
        name: format!("accounts/{}/apiKeys/{}", key.account_id, key.api_key_id),
        display_name: key.display_name,
        role: role_named(&key.role).unwrap_or(Role::Unspecified).into(),
        expire_time: key.expire_time.map(moment),
        create_time: Some(moment(key.create_time)),
        last_use_time: key.last_use_time.map(moment),
        revoke_time: key.revoke_time.map(moment),
    }
}
