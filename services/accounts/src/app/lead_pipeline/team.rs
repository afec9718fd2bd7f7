//! Who can have leads.

use siyu_db::Tx;
use siyu_proto::common::v1::{ErrorReason, Role};
use siyu_rpc::{
    Error,
    auth::{Caller, CallerKind},
};
use tonic::Code;

use crate::{app::operators::stored_role, store};

/// Most characters of an agent's id.
const MOST_CHARACTERS: usize = 128;

/// Whether somebody is an operator of the account or its company who may do what agents do. They stay it until the
/// transaction ends.
pub(super) async fn is_agent(tx: &mut Tx, account_id: &str, agent_id: &str) -> Result<bool, Error> {
    let account = crate::app::account(tx, account_id).await?;
    for parent in [format!("accounts/{account_id}"), format!("enterprises/{}", account.enterprise_id)] {
        let operator = store::operator::hold(tx, agent_id, &parent).await?;
        if let Some(operator) = operator
            && stored_role(&operator.role)? >= Role::Agent
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Refuses to give leads to whoever is no agent, as the field says.
pub(super) async fn check_agent(
    tx: &mut Tx,
    account_id: &str,
    agent_id: &str,
    field: &str,
) -> Result<(), Error> {
    if is_agent(tx, account_id, agent_id).await? {
        return Ok(());
    }
    let rule =
        "must be the subject of an operator of the account or its company, with the role agent or more";
    Err(Error::invalid_field(field, rule))
}

/// For whom a lead is claimed: an operator for themselves, an admin and a service for the agent they name.
pub(super) async fn claimant<'a>(
    tx: &mut Tx,
    caller: &'a Caller,
    account_id: &str,
    named: Option<&'a str>,
) -> Result<&'a str, Error> {
    let is_operator = caller.kind() == CallerKind::Operator;
    let for_self = is_operator && named.is_none_or(|agent_id| agent_id == caller.subject());
    if for_self {
        check_self(tx, caller, account_id).await?;
        return Ok(caller.subject());
    }
    let agent_id = named.ok_or_else(|| Error::invalid_field("agent", "must be set by who is no operator"))?;
    if is_operator && caller.role_on(&format!("accounts/{account_id}")) < Some(Role::Admin) {
        return Err(refused("only an admin claims leads for others".to_owned()));
    }
    check_agent(tx, account_id, agent_id, "agent").await?;
    Ok(agent_id)
}

/// Who was removed must not take leads with a token that is still good.
async fn check_self(tx: &mut Tx, caller: &Caller, account_id: &str) -> Result<(), Error> {
    let subject = caller.subject();
    let is_id = (1..=MOST_CHARACTERS).contains(&subject.chars().count())
        && !subject.contains(|c: char| c == '/' || c.is_whitespace());
    if !is_id {
        let rule = "must be set: the subject of the caller has spaces, slashes or more than 128 characters";
        return Err(Error::invalid_field("agent", rule));
    }
    if caller.issued_by_accounts() && !is_agent(tx, account_id, subject).await? {
        return Err(refused(format!("{subject:?} is no agent of accounts/{account_id} any more")));
    }
    Ok(())
}

fn refused(message: String) -> Error {
    Error::new(Code::PermissionDenied, ErrorReason::RoleTooLow, message)
}
