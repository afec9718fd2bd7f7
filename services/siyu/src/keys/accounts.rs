//! The keys with which the accounts service signs tokens, wherever it runs.

use std::fmt;

use serde_json::json;
use siyu_proto::{
    accounts::v1::{JsonWebKey, ListSigningKeysRequest, token_service_client::TokenServiceClient},
    common::v1::ErrorReason,
};
use siyu_rpc::{
    Error,
    auth::{ACCOUNTS_SOURCE, KeySet, KeySource},
    peer::Peer,
};
use tonic::{Code, Status};

/// What the verifier calls these keys.
pub(super) const SOURCE: &str = ACCOUNTS_SOURCE;

/// Asks accounts for its keys.
pub(super) struct AccountsKeys {
    client: TokenServiceClient<Peer>,
}

impl fmt::Debug for AccountsKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountsKeys")
    }
}

impl AccountsKeys {
    pub(super) fn new(accounts: Peer) -> Self {
        Self { client: TokenServiceClient::new(accounts) }
    }
}

#[tonic::async_trait]
impl KeySource for AccountsKeys {
    async fn fetch(&self) -> Result<KeySet, Error> {
        let mut client = self.client.clone();
        let listed = client.list_signing_keys(ListSigningKeysRequest {}).await.map_err(no_answer)?;
        key_set(listed.into_inner().keys)
    }
}

fn key_set(keys: Vec<JsonWebKey>) -> Result<KeySet, Error> {
    let keys: Vec<_> = keys
        .into_iter()
        .map(|JsonWebKey { kty, crv, alg, r#use, kid, x }| {
            json!({ "kty": kty, "crv": crv, "alg": alg, "use": r#use, "kid": kid, "x": x })
        })
        .collect();
    KeySet::from_jwks(&json!({ "keys": keys }).to_string()).map_err(Error::internal)
}

fn no_answer(status: Status) -> Error {
    let message = format!("accounts: {}", status.message());
    Error::new(Code::Unavailable, ErrorReason::DependencyUnavailable, message)
}
