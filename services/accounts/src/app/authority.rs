//! Who may manage operators and API keys (A9): whoever was removed must not be able to let themselves in again with a
//! token that is still good.

use siyu_db::Tx;
use siyu_proto::common::v1::{ErrorReason, Role};
use siyu_rpc::{
    Error,
    auth::{Caller, CallerKind, role_name},
    name,
};
use tonic::Code;

use super::operators::role_of;

/// The role that the operator who calls, or for whom a service calls, has on `parent` by now: at least `needed`. None
/// where a service calls for no operator: it may do everything.
///
/// # Errors
/// PERMISSION_DENIED with ROLE_TOO_LOW for a lower role or none, and for the token of an API key, whatever its role.
pub(super) async fn managing_role(
    tx: &mut Tx,
    caller: &Caller,
    parent: &str,
    needed: Role,
) -> Result<Option<Role>, Error> {
    let Some(operator) = operator_behind(caller) else { return Ok(None) };
    let subject = operator.subject();
    if is_api_key(subject) {
        return Err(refused(format!("{subject} is an API key: only people manage operators and API keys")));
    }
    // What a token of ours says may have changed since; of people whom we do not know there is nothing else.
    let role = match operator.issued_by_accounts() {
        true => role_of(tx, subject, parent).await?,
        false => operator.role_on(parent),
    };
    match role {
        Some(role) if role >= needed => Ok(Some(role)),
        _ => {
            let needed = role_name(needed);
            Err(refused(format!(
                "it needs the role {needed} on {parent}, which {subject:?} does not have now"
            )))
        }
    }
}

/// Refuses to pass on more than the own role; without one, as services are, nothing is too much.
pub(super) fn check_passed_on(own: Option<Role>, role: Role, field: &str) -> Result<(), Error> {
    if own.is_none_or(|own| role <= own) {
        return Ok(());
    }
    Err(refused(format!("{field}: {} is more than the role of the caller", role_name(role))))
}

fn operator_behind(caller: &Caller) -> Option<&Caller> {
    let callers = [Some(caller), caller.on_behalf_of()];
    callers.into_iter().flatten().find(|caller| caller.kind() == CallerKind::Operator)
}

fn is_api_key(subject: &str) -> bool {
    name::ids(subject, ["accounts", "apiKeys"]).is_some()
}

fn refused(message: String) -> Error {
    Error::new(Code::PermissionDenied, ErrorReason::RoleTooLow, message)
}
