//! Who calls, and whether they may.

mod caller;
mod identity;
mod keys;
mod known;
mod messages;
mod refresh;
mod sign;
mod token;
mod verifier;

pub use caller::{Caller, CallerKind, Grant, role_name, role_named};
pub(crate) use identity::{Identity, show_identity};
pub use identity::{NotAToken, ON_BEHALF_OF, ServiceToken, expired_meanwhile, for_nobody};
pub use keys::{KeyError, KeySet};
pub use messages::{Messages, admit_messages};
pub use refresh::KeySource;
pub use sign::{Signer, SigningKey};
pub use verifier::{ACCOUNTS_SOURCE, Verifier};

use siyu_proto::{
    Call, Method,
    common::v1::{Access, ErrorReason},
};
use tonic::{Code, Request, Streaming};

use crate::Error;

/// Checks a call before anything else looks at it: its fields by the rules of its proto, and the caller's right to
/// act on the resource it names. Every handler begins with this.
///
/// # Errors
/// INVALID_ARGUMENT for a field that breaks its rule; NOT_FOUND for a resource the caller has no grant on, as if it
/// did not exist; PERMISSION_DENIED for a role that is too low.
pub fn admit<T: Call>(request: Request<T>) -> Result<T, Error> {
    let (_, mut extensions, message) = request.into_parts();
    let caller = extensions.remove().ok_or_else(beside_the_gate)?;
    admit_message(&caller, &message)?;
    Ok(message)
}

/// Takes the caller off a streaming call; each message then goes through [`admit_message`].
///
/// # Errors
/// INTERNAL when the call did not come through the gate.
pub fn admit_stream<T>(request: Request<Streaming<T>>) -> Result<(Caller, Streaming<T>), Error> {
    let caller = caller_of(&request)?;
    Ok((caller, request.into_inner()))
}

/// Like [`admit`], for one message of a stream.
///
/// # Errors
/// As [`admit`].
pub fn admit_message<T: Call>(caller: &Caller, message: &T) -> Result<(), Error> {
    let violations = message.violations();
    if !violations.is_empty() {
        return Err(Error::violations(&violations));
    }
    authorize_resource(caller, T::method(), message.resource())?;
    authorize_user(caller, T::method(), message.user())
}

pub(crate) fn caller_of<T>(request: &Request<T>) -> Result<Caller, Error> {
    request.extensions().get::<Caller>().cloned().ok_or_else(beside_the_gate)
}

fn beside_the_gate() -> Error {
    Error::internal("a call came in beside the gate")
}

/// What the gate can decide before it reads the message: whether this kind of caller may call the method at all.
pub(crate) fn authorize_kind(caller: &Caller, method: &Method) -> Result<(), Error> {
    let allowed = match method.access {
        Access::Public | Access::Authenticated => true,
        Access::Platform => caller.kind() == CallerKind::Service,
        Access::Resource => matches!(caller.kind(), CallerKind::Service | CallerKind::Operator),
        Access::User => matches!(caller.kind(), CallerKind::Service | CallerKind::User),
        Access::Unspecified => false,
    };
    if allowed { Ok(()) } else { Err(role_too_low(method, "this kind of caller may not call it")) }
}

fn authorize_resource(caller: &Caller, method: &Method, name: &str) -> Result<(), Error> {
    if method.access != Access::Resource || caller.kind() == CallerKind::Service {
        return Ok(());
    }
    match caller.role_on(owner_of(name)) {
        None => Err(Error::not_found(name)),
        Some(role) if role < method.role => {
            Err(role_too_low(method, &format!("it needs the role {}", role_name(method.role))))
        }
        Some(_) => Ok(()),
    }
}

fn authorize_user(caller: &Caller, method: &Method, user: &str) -> Result<(), Error> {
    if method.access != Access::User || caller.kind() == CallerKind::Service || caller.is_user(user) {
        return Ok(());
    }
    Err(role_too_low(method, "a user may act for nobody else"))
}

fn role_too_low(method: &Method, why: &str) -> Error {
    let message = format!("{} is not allowed: {why}", method.path);
    Error::new(Code::PermissionDenied, ErrorReason::RoleTooLow, message).with("method", method.path)
}

/// The account or enterprise a resource belongs to: the first two segments of its name.
pub(crate) fn owner_of(name: &str) -> &str {
    let end = name.match_indices('/').nth(1).map_or(name.len(), |(position, _)| position);
    &name[..end]
}

#[cfg(test)]
mod tests {
    use siyu_proto::{common::v1::Role, crm::v1::GetFanRequest};

    use super::*;

    fn get_fan(account: &str) -> GetFanRequest {
        GetFanRequest { name: format!("accounts/{account}/fans/u1") }
    }

    fn operator(role: Role) -> Caller {
        Caller::operator("op", vec![Grant { resource: "accounts/mine".to_owned(), role }])
    }

    #[test]
    fn a_grant_opens_its_account_and_no_other() {
        assert!(admit_message(&operator(Role::Analyst), &get_fan("mine")).is_ok());
        let error = admit_message(&operator(Role::Owner), &get_fan("theirs")).unwrap_err();
        assert_eq!(error.code(), Code::NotFound);
        assert_eq!(error.to_string(), Error::not_found("accounts/theirs/fans/u1").to_string());
    }

    #[test]
    fn a_grant_is_not_a_prefix() {
        assert_eq!(
            admit_message(&operator(Role::Owner), &get_fan("mine2")).unwrap_err().code(),
            Code::NotFound
        );
    }

    #[test]
    fn the_role_must_reach() {
        let request = siyu_proto::crm::v1::RebuildTiersRequest { parent: "accounts/mine".to_owned() };
        let error = admit_message(&operator(Role::Analyst), &request).unwrap_err();
        assert_eq!((error.code(), error.reason()), (Code::PermissionDenied, ErrorReason::RoleTooLow));
        assert!(admit_message(&operator(Role::Admin), &request).is_ok());
    }

    #[test]
    fn users_are_known_by_their_id_and_by_their_name() {
        assert!(Caller::user("users/u1").is_user("users/u1") && Caller::user("u1").is_user("users/u1"));
        assert!(!Caller::user("u2").is_user("users/u1") && !Caller::user("").is_user("users/"));
        assert!(!Caller::service("u1").is_user("users/u1"));
    }

    #[test]
    fn users_and_operators_stay_out_of_platform_methods() {
        let method = Method::find("/siyu.accounts.v1.AccountsService/CreateEnterprise").unwrap();
        assert!(authorize_kind(&Caller::service("crm"), method).is_ok());
        assert!(authorize_kind(&operator(Role::Owner), method).is_err());
        assert!(authorize_kind(&Caller::user("users/u1"), method).is_err());
    }
}
