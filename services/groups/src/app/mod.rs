//! Use cases.

pub(crate) mod blocking;
pub(crate) mod checking;
pub(crate) mod envelopes;
pub(crate) mod fans;
pub(crate) mod groups;
pub(crate) mod joining;
pub(crate) mod leaving;
pub(crate) mod live;
pub(crate) mod members;
pub(crate) mod order;
pub(crate) mod posting;
mod read;
pub(crate) mod requests;

pub(crate) use read::Window;

use siyu_db::{DbError, Tx};
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::Error;
use tonic::Code;

use crate::{
    domain::{
        group::{self, Group},
        member::{self, Member},
    },
    store,
};

/// Something changed since it was looked at; [`siyu_rpc::retrying`] looks again.
fn collided(what: &str) -> Error {
    Error::new(Code::Aborted, ErrorReason::Contention, format!("{what} was changed meanwhile; try again"))
}

/// Another call stored something under the same key meanwhile: the next attempt will see it.
fn duplicate(error: DbError, what: &str) -> Error {
    match error {
        DbError::Duplicate { .. } => collided(what),
        other => other.into(),
    }
}

/// A group, locked until the transaction ends.
async fn locked(tx: &mut Tx, [account_id, group_id]: [&str; 2]) -> Result<Group, Error> {
    let found = store::group::lock(tx, [(account_id, group_id)]).await?.pop();
    found.ok_or_else(|| Error::not_found(&group::name(account_id, group_id)))
}

async fn existing(tx: &mut Tx, [account_id, group_id]: [&str; 2]) -> Result<Group, Error> {
    let found = store::group::get(tx, account_id, group_id).await?;
    found.ok_or_else(|| Error::not_found(&group::name(account_id, group_id)))
}

/// Somebody who is in a group.
async fn existing_member(tx: &mut Tx, ids: [&str; 3]) -> Result<Member, Error> {
    let [account_id, group_id, user_id] = ids;
    let found = store::member::find(tx, [ids]).await?.pop();
    found.ok_or_else(|| Error::not_found(&member::name(account_id, group_id, user_id)))
}

/// A user speaks or reads who is not in the group.
fn not_in(group: &str, user_id: &str) -> Error {
    let message = format!("users/{user_id} is not in {group}");
    Error::new(Code::FailedPrecondition, ErrorReason::ConditionNotMet, message).with("resource", group)
}

fn closed(group: &str) -> Error {
    let message = format!("{group} is closed");
    Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message).with("resource", group)
}
