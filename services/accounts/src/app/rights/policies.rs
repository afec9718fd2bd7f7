use siyu_clock::Micros;
use siyu_db::DbError;
use siyu_rpc::{Error, Mutation, Page, retrying};

use crate::{
    Accounts,
    domain::right::{CertificationClass, Period, Policy, RightKind},
    store,
};

/// A policy to be written.
#[derive(Debug, Clone)]
pub(crate) struct NewPolicy {
    pub(crate) kind: RightKind,
    pub(crate) class: CertificationClass,
    /// None: now.
    pub(crate) effective_time: Option<Micros>,
    pub(crate) amount: i64,
    pub(crate) period: Period,
}

/// The last policy of a page: kind, class, effective time.
pub(crate) type PolicyPlace = (String, String, i64);

impl Accounts {
    /// Sets what accounts of a class are allowed from a time on.
    pub(crate) async fn create_right_policy(
        &self,
        mutation: &Mutation,
        new: NewPolicy,
    ) -> Result<Policy, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let effective_time = new.effective_time.unwrap_or(now);
            if effective_time < now {
                return Err(Error::invalid_field(
                    "right_policy.effective_time",
                    "must not be in the past: what was allowed then stays so",
                ));
            }
            let NewPolicy { kind, class, amount, period, .. } = new;
            let policy = Policy { kind, class, effective_time, amount, period, create_time: now };
            store::right_policy::insert(&mut tx, &policy).await.map_err(|error| exists(error, &policy))?;
            mutation.finish(tx, &policy, now).await?;
            Ok(policy)
        })
        .await
    }

    /// A page of all policies, and the token of the next.
    pub(crate) async fn list_right_policies(
        &self,
        page: &Page<PolicyPlace>,
    ) -> Result<(Vec<Policy>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        let (kind, class, effective_time) = page.after.clone().unwrap_or_default();
        let after = (kind.as_str(), class.as_str(), effective_time);
        let mut found = store::right_policy::list(&mut tx, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| {
            (last.kind.name().to_owned(), last.class.name().to_owned(), last.effective_time.0)
        })?;
        Ok((found, next))
    }
}

fn exists(error: DbError, policy: &Policy) -> Error {
    match error {
        DbError::Duplicate { .. } => Error::exists(&format!(
            "the policy of {} for {} accounts from {} on",
            policy.kind.name(),
            policy.class.name(),
            policy.effective_time
        )),
        other => other.into(),
    }
}
