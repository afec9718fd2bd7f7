//! Who may do what for an account or a company (A9).

use siyu_db::{DbError, Tx};
use siyu_proto::common::v1::{ErrorReason, Role};
use siyu_rpc::{
    Error, Mutation, Page,
    auth::{role_name, role_named},
    name, retrying,
};
use tonic::Code;

use super::{authority::managing_role, create::check_display_name};
use crate::{
    Accounts,
    store::{self, operator::Operator},
};

/// What is chosen of an operator.
#[derive(Debug, Clone)]
pub(crate) struct NewOperator {
    pub(crate) subject: String,
    pub(crate) display_name: String,
    pub(crate) role: Role,
}

impl Accounts {
    /// Adds a person to an account or a company, under `id`, or under an id of our own when that is empty.
    pub(crate) async fn create_operator(
        &self,
        mutation: &Mutation,
        parent: &str,
        id: String,
        new: NewOperator,
    ) -> Result<Operator, Error> {
        check_display_name("operator.display_name", &new.display_name)?;
        check_subject(&new.subject)?;
        let now = self.clock.now();
        let operator = Operator {
            parent: parent.to_owned(),
            operator_id: if id.is_empty() { self.ids.ulid(now) } else { id },
            subject: new.subject,
            display_name: new.display_name,
            role: role_name(new.role),
            create_time: now.0,
            update_time: now.0,
        };
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            lock(&mut tx, parent).await?;
            managing_role(&mut tx, mutation.caller(), parent, Role::Owner).await?;
            check_is_new(&mut tx, &operator).await?;
            store::operator::insert(&mut tx, &operator).await?;
            mutation.finish(tx, &operator, now).await?;
            Ok(operator.clone())
        })
        .await
    }

    /// A page of the people of an account or a company, and the token of the next.
    pub(crate) async fn list_operators(
        &self,
        parent: &str,
        page: &Page<String>,
    ) -> Result<(Vec<Operator>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        if !exists(&mut tx, parent).await? {
            return Err(Error::not_found(parent));
        }
        let after = page.after.as_deref().unwrap_or_default();
        let mut found = store::operator::list(&mut tx, parent, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.operator_id.clone())?;
        Ok((found, next))
    }

    /// Gives a person another role; the last owner stays one. Who is no agent any more loses their leads.
    pub(crate) async fn update_operator_role(
        &self,
        mutation: &Mutation,
        parent: &str,
        id: &str,
        role: Role,
    ) -> Result<Operator, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let mut operator = locked(&mut tx, parent, id).await?;
            managing_role(&mut tx, mutation.caller(), parent, Role::Owner).await?;
            if role != Role::Owner {
                check_not_last_owner(&mut tx, &operator).await?;
            }
            operator.role = role_name(role);
            operator.update_time = now.0;
            store::operator::set_role(&mut tx, &operator).await?;
            self.release_leads(&mut tx, mutation, &operator, now).await?;
            mutation.finish(tx, &operator, now).await?;
            self.outbox.wake();
            Ok(operator)
        })
        .await
    }

    /// Removes a person, who loses their leads; the last owner stays.
    pub(crate) async fn delete_operator(
        &self,
        mutation: &Mutation,
        parent: &str,
        id: &str,
    ) -> Result<(), Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(()) = mutation.first_answer(&mut tx, now).await? {
                return Ok(());
            }
            let operator = locked(&mut tx, parent, id).await?;
            managing_role(&mut tx, mutation.caller(), parent, Role::Owner).await?;
            check_not_last_owner(&mut tx, &operator).await?;
            store::operator::delete(&mut tx, &operator).await?;
            self.release_leads(&mut tx, mutation, &operator, now).await?;
            mutation.finish(tx, &(), now).await?;
            self.outbox.wake();
            Ok(())
        })
        .await
    }
}

/// The role of an operator or an API key, as stored.
pub(super) fn stored_role(role: &str) -> Result<Role, Error> {
    role_named(role).ok_or_else(|| DbError::broken(format!("{role:?} is no role")).into())
}

/// The strongest role that a person has on an account, also by its company, or on a company; none without any.
pub(super) async fn role_of(tx: &mut Tx, subject: &str, resource: &str) -> Result<Option<Role>, Error> {
    let mut parents = vec![resource.to_owned()];
    if let Some([account_id]) = name::ids(resource, ["accounts"])
        && let Some(account) = store::account::get(tx, account_id).await?
    {
        parents.push(format!("enterprises/{}", account.enterprise_id));
    }
    let mut strongest = None;
    for parent in parents {
        if let Some(operator) = store::operator::of_subject_at(tx, subject, &parent).await? {
            strongest = strongest.max(Some(stored_role(&operator.role)?));
        }
    }
    Ok(strongest)
}

/// The operator. Nobody else changes the people of `parent` until the transaction ends: the last two owners must not
/// remove each other.
async fn locked(tx: &mut Tx, parent: &str, id: &str) -> Result<Operator, Error> {
    let name = format!("{parent}/operators/{id}");
    lock(tx, parent).await.map_err(|error| match error.code() {
        Code::NotFound => Error::not_found(&name),
        _ => error,
    })?;
    let found = store::operator::get(tx, parent, id).await?;
    found.ok_or_else(|| Error::not_found(&name))
}

/// Keeps others from changing what belongs to an account or a company until the transaction ends.
async fn lock(tx: &mut Tx, parent: &str) -> Result<(), Error> {
    let is_there = match name::ids(parent, ["accounts"]) {
        Some([account_id]) => store::account::get_for_update(tx, account_id).await?.is_some(),
        None => store::enterprise::lock(tx, name::id(parent, "enterprises", "parent")?).await?,
    };
    if is_there { Ok(()) } else { Err(Error::not_found(parent)) }
}

async fn exists(tx: &mut Tx, parent: &str) -> Result<bool, Error> {
    Ok(match name::ids(parent, ["accounts"]) {
        Some([account_id]) => store::account::get(tx, account_id).await?.is_some(),
        None => {
            let enterprise_id = name::id(parent, "enterprises", "parent")?;
            store::enterprise::get(tx, enterprise_id).await?.is_some()
        }
    })
}

/// A subject is compared with that of tokens, character by character: one that only looks like another would be
/// somebody else.
fn check_subject(subject: &str) -> Result<(), Error> {
    let is_plain = subject.trim() == subject && !subject.chars().any(char::is_control);
    if is_plain && !subject.is_empty() {
        return Ok(());
    }
    let rule = "must not begin or end with a space, or have control characters";
    Err(Error::invalid_field("operator.subject", rule))
}

async fn check_is_new(tx: &mut Tx, operator: &Operator) -> Result<(), Error> {
    let parent = &operator.parent;
    if store::operator::get(tx, parent, &operator.operator_id).await?.is_some() {
        return Err(Error::exists(&format!("{parent}/operators/{}", operator.operator_id)));
    }
    match store::operator::of_subject_at(tx, &operator.subject, parent).await? {
        Some(same) => {
            Err(Error::exists(&format!("{parent}/operators/{}, with this subject,", same.operator_id))
                .with("resource", format!("{parent}/operators/{}", same.operator_id)))
        }
        None => Ok(()),
    }
}

async fn check_not_last_owner(tx: &mut Tx, operator: &Operator) -> Result<(), Error> {
    if operator.role != role_name(Role::Owner) || store::operator::has_other_owner(tx, operator).await? {
        return Ok(());
    }
    let Operator { parent, operator_id, .. } = operator;
    let message =
        format!("{parent}/operators/{operator_id} is the last owner of {parent}: make another one first");
    Err(Error::new(Code::FailedPrecondition, ErrorReason::LastOwner, message).with("resource", parent))
}
