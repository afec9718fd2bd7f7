//! API keys of an account (A9).

use std::time::Duration;

use siyu_clock::Micros;
use siyu_db::DbError;
use siyu_proto::common::v1::{ErrorReason, Role};
use siyu_rpc::{
    Error, Mutation, Page,
    auth::{Caller, Grant, role_name},
    failures::cause_of,
    retrying,
};
use tonic::Code;

use super::{
    authority::{check_passed_on, managing_role},
    create::check_display_name,
    operators::stored_role,
    tokens::Token,
};
use crate::{
    Accounts,
    domain::api_key::Secret,
    store::{self, api_key::ApiKey},
};

/// How long a token of a program is good.
const TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);
/// How often it is noted that a key was used: most exchanges write nothing.
const USE_NOTED_EVERY: Duration = Duration::from_secs(10 * 60);

/// What is chosen of an API key.
#[derive(Debug, Clone)]
pub(crate) struct NewApiKey {
    pub(crate) display_name: String,
    pub(crate) role: Role,
    pub(crate) expire_time: Option<Micros>,
}

impl Accounts {
    /// Makes an API key, under `id`, or under an id of our own when that is empty. Also answers its secret, unless this is
    /// a repeat: it is stored nowhere.
    pub(crate) async fn create_api_key(
        &self,
        mutation: &Mutation,
        account_id: &str,
        id: String,
        new: NewApiKey,
    ) -> Result<(ApiKey, Option<Secret>), Error> {
        check_display_name("api_key.display_name", &new.display_name)?;
        let now = self.clock.now();
        let api_key_id = if id.is_empty() { self.ids.ulid(now) } else { id };
        let mut random = [0; 32];
        self.ids.fill(&mut random);
        let secret = Secret::new(account_id, &api_key_id, random);
        let key = ApiKey {
            account_id: account_id.to_owned(),
            api_key_id,
            display_name: new.display_name.clone(),
            role: role_name(new.role),
            secret_digest: secret.digest(),
            create_time: now.0,
            expire_time: new.expire_time.map(|time| time.0),
            last_use_time: None,
            revoke_time: None,
        };
        let parent = format!("accounts/{account_id}");
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok((first, None));
            }
            if new.expire_time.is_some_and(|expire_time| expire_time <= now) {
                return Err(Error::invalid_field("api_key.expire_time", "must lie in the future"));
            }
            if store::account::get(&mut tx, account_id).await?.is_none() {
                return Err(Error::not_found(&parent));
            }
            let own_role = managing_role(&mut tx, mutation.caller(), &parent, Role::Admin).await?;
            check_passed_on(own_role, new.role, "api_key.role")?;
            store::api_key::insert(&mut tx, &key).await.map_err(|error| match error {
                DbError::Duplicate { .. } => Error::exists(&name_of(&key)),
                other => other.into(),
            })?;
            mutation.finish(tx, &key, now).await?;
            Ok((key.clone(), Some(secret.clone())))
        })
        .await
    }

    /// A page of the API keys of an account, and the token of the next.
    pub(crate) async fn list_api_keys(
        &self,
        account_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<ApiKey>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        if store::account::get(&mut tx, account_id).await?.is_none() {
            return Err(Error::not_found(&format!("accounts/{account_id}")));
        }
        let after = page.after.as_deref().unwrap_or_default();
        let mut found = store::api_key::list(&mut tx, account_id, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.api_key_id.clone())?;
        Ok((found, next))
    }

    /// Revokes an API key. One that was revoked before stays so since then.
    pub(crate) async fn revoke_api_key(
        &self,
        mutation: &Mutation,
        account_id: &str,
        id: &str,
    ) -> Result<ApiKey, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let found = store::api_key::get_for_update(&mut tx, account_id, id).await?;
            let not_found = || Error::not_found(&format!("accounts/{account_id}/apiKeys/{id}"));
            let mut key = found.ok_or_else(not_found)?;
            if key.revoke_time.is_none() {
                key.revoke_time = Some(now.0);
                store::api_key::revoke(&mut tx, &key).await?;
            }
            mutation.finish(tx, &key, now).await?;
            Ok(key)
        })
        .await
    }

    /// A token for whoever shows the secret of a good API key.
    pub(crate) async fn exchange_api_key(&self, secret: &Secret) -> Result<Token, Error> {
        let now = self.clock.now();
        let (account_id, id) = secret.ids().ok_or_else(invalid)?;
        let mut tx = self.db.begin_read().await?;
        let found = store::api_key::get(&mut tx, account_id, id).await?;
        drop(tx);
        // Also without a key there is a digest to compare with: an answer takes as long either way.
        let is_right = secret.has_digest(found.as_ref().map_or("", |key| &key.secret_digest));
        let key = found.filter(|key| is_right && is_good(key, now)).ok_or_else(invalid)?;
        if let Err(error) = self.note_use(&key, now).await {
            // The next exchange notes it; the program has its token meanwhile.
            let cause = cause_of(&error);
            tracing::warn!(api_key = name_of(&key), %error, cause, "the use of an API key could not be noted");
        }

        let grant = Grant { resource: format!("accounts/{account_id}"), role: stored_role(&key.role)? };
        let expire_time = now.plus(TOKEN_LIFE).min(key.expire_time.map_or(Micros(i64::MAX), Micros));
        self.sign(&Caller::operator(&name_of(&key), vec![grant]), now, expire_time).await
    }

    async fn note_use(&self, key: &ApiKey, now: Micros) -> Result<(), Error> {
        let is_fresh = |noted: i64| now < Micros(noted).plus(USE_NOTED_EVERY);
        if key.last_use_time.is_some_and(is_fresh) {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        store::api_key::note_use(&mut tx, key, now.0).await?;
        Ok(tx.commit().await?)
    }
}

fn name_of(key: &ApiKey) -> String {
    format!("accounts/{}/apiKeys/{}", key.account_id, key.api_key_id)
}

fn is_good(key: &ApiKey, now: Micros) -> bool {
    key.revoke_time.is_none() && key.expire_time.is_none_or(|expire_time| now.0 < expire_time)
}

fn invalid() -> Error {
    Error::new(Code::Unauthenticated, ErrorReason::ApiKeyInvalid, "the API key is not valid")
}
