//! Tokens for people (A9).

use std::time::Duration;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{
    Error, Mutation,
    auth::{Caller, Grant},
    name,
};
use tonic::Code;

use super::{
    grants::{self, Grants},
    operators::{role_of, stored_role},
};
use crate::{Accounts, store};

/// How long a token is good where the call does not say.
pub(crate) const DEFAULT_LIFE: Duration = Duration::from_secs(3600);
/// The longest that a token can be good.
pub(crate) const LONGEST_LIFE: Duration = Duration::from_secs(12 * 3600);

/// A token, and the moment from which on it is refused.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) expire_time: Micros,
}

impl Accounts {
    /// A token for a person, with the roles that they have as an operator: on `resources`, or on all there are.
    pub(crate) async fn create_operator_token(
        &self,
        mutation: &Mutation,
        subject: &str,
        resources: &[String],
        life: Duration,
    ) -> Result<(Token, Vec<Grant>), Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        let grants = match resources {
            [] => all_grants(&mut tx, subject).await?,
            named => grants_on(&mut tx, subject, named).await?,
        };
        drop(tx);
        let grants: Vec<_> = grants.into_pairs().map(|(resource, role)| Grant { resource, role }).collect();
        let caller = Caller::operator(subject, grants.clone());
        let token = self.sign(&caller, now, now.plus(life)).await?;

        let mut tx = self.db.begin().await?;
        mutation.record(&mut tx, &(), now).await?;
        tx.commit().await?;
        Ok((token, grants))
    }
}

/// All that a person may do anywhere.
async fn all_grants(tx: &mut Tx, subject: &str) -> Result<Grants, Error> {
    let limit = i64::try_from(grants::MOST).unwrap_or(i64::MAX) + 1;
    let mut grants = Grants::default();
    for operator in store::operator::of_subject(tx, subject, limit).await? {
        let role = stored_role(&operator.role)?;
        if let Some([enterprise_id]) = name::ids(&operator.parent, ["enterprises"]) {
            for account in store::account::list(tx, enterprise_id, "", limit).await? {
                grants.add(format!("accounts/{}", account.account_id), role);
            }
        }
        grants.add(operator.parent, role);
        if grants.len() > grants::MOST {
            return Err(too_many_grants(tx, subject, grants).await?);
        }
    }
    if grants.len() == 0 {
        let message = format!("nobody with the subject {subject:?} is an operator of anything");
        return Err(Error::new(Code::NotFound, ErrorReason::ResourceNotFound, message));
    }
    Ok(grants)
}

/// What a person may do on each of `resources`.
async fn grants_on(tx: &mut Tx, subject: &str, resources: &[String]) -> Result<Grants, Error> {
    let mut grants = Grants::default();
    for resource in resources {
        let role = role_of(tx, subject, resource).await?.ok_or_else(|| no_operator(subject, resource))?;
        grants.add(resource.clone(), role);
    }
    Ok(grants)
}

fn no_operator(subject: &str, resource: &str) -> Error {
    let message = format!("resources: {subject:?} is not an operator of {resource}");
    Error::new(Code::NotFound, ErrorReason::ResourceNotFound, message).with("resource", resource)
}

/// Says how many there are and the first of them, so that the platform can let the person choose.
async fn too_many_grants(tx: &mut Tx, subject: &str, grants: Grants) -> Result<Error, Error> {
    let (most, count) = (grants::MOST, store::operator::count_grants(tx, subject).await?);
    let first: Vec<String> = grants.into_pairs().map(|(resource, _)| resource).take(most).collect();
    let message = format!(
        "{subject:?} has {count} grants, and a token holds {most}: name those it is for in `resources`, such as some \
         of the first {most}, which are in the metadata"
    );
    Ok(Error::new(Code::FailedPrecondition, ErrorReason::TooManyGrants, message)
        .with("count", count.to_string())
        .with("resources", first.join(" ")))
}
