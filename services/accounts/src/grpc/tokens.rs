//! `TokenService`: decode, call the use case, encode.

use std::time::Duration;

use siyu_proto::accounts::v1::{
    CreateOperatorTokenRequest, CreateOperatorTokenResponse, ExchangeApiKeyRequest, ExchangeApiKeyResponse,
    JsonWebKey, ListSigningKeysRequest, ListSigningKeysResponse, RotateSigningKeysRequest,
    RotateSigningKeysResponse, TokenGrant, token_service_server::TokenService,
};
use siyu_rpc::{admit, admit_mutation, time::to_proto};
use tonic::{Request, Response, Status};

use crate::{Accounts, app::DEFAULT_TOKEN_LIFE, domain::api_key::Secret, store::signing_key::PublicKey};

#[tonic::async_trait]
impl TokenService for Accounts {
    async fn list_signing_keys(
        &self,
        request: Request<ListSigningKeysRequest>,
    ) -> Result<Response<ListSigningKeysResponse>, Status> {
        admit(request)?;
        let keys = self.list_signing_keys().await?.into_iter().map(to_json_web_key).collect();
        Ok(Response::new(ListSigningKeysResponse { keys }))
    }

    async fn rotate_signing_keys(
        &self,
        request: Request<RotateSigningKeysRequest>,
    ) -> Result<Response<RotateSigningKeysResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let current = self.rotate_signing_keys(&mutation, request.retire_at_once).await?;
        Ok(Response::new(RotateSigningKeysResponse { current: Some(to_json_web_key(current)) }))
    }

    async fn create_operator_token(
        &self,
        request: Request<CreateOperatorTokenRequest>,
    ) -> Result<Response<CreateOperatorTokenResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        // Validation has made sure of its bounds.
        let life = request.ttl.map(|ttl| Duration::new(ttl.seconds.unsigned_abs(), ttl.nanos.unsigned_abs()));
        let life = life.unwrap_or(DEFAULT_TOKEN_LIFE);
        let (token, grants) =
            self.create_operator_token(&mutation, &request.subject, &request.resources, life).await?;
        let grants = grants.into_iter();
        let grants = grants.map(|grant| TokenGrant { resource: grant.resource, role: grant.role.into() });
        Ok(Response::new(CreateOperatorTokenResponse {
            token: token.text,
            expire_time: Some(to_proto(token.expire_time)),
            grants: grants.collect(),
        }))
    }

    async fn exchange_api_key(
        &self,
        request: Request<ExchangeApiKeyRequest>,
    ) -> Result<Response<ExchangeApiKeyResponse>, Status> {
        let request = admit(request)?;
        let token = self.exchange_api_key(&Secret::shown(request.api_key)).await?;
        let expire_time = Some(to_proto(token.expire_time));
        Ok(Response::new(ExchangeApiKeyResponse { token: token.text, expire_time }))
    }
}

fn to_json_web_key(key: PublicKey) -> JsonWebKey {
    JsonWebKey {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        alg: "EdDSA".to_owned(),
        r#use: "sig".to_owned(),
        kid: key.kid,
        x: key.x,
    }
}
