//! What is stored, one function a statement.

pub(crate) mod blocked;
pub(crate) mod envelope;
pub(crate) mod envelope_budget;
pub(crate) mod envelope_fan;
pub(crate) mod envelope_ledger;
pub(crate) mod envelope_share;
pub(crate) mod group;
pub(crate) mod join_request;
pub(crate) mod member;
pub(crate) mod message;
pub(crate) mod past_member;

use siyu_db::Statement;

/// Every SQL statement of the service.
pub(crate) fn statements() -> Vec<Statement> {
    [
        blocked::STATEMENTS,
        envelope::STATEMENTS,
        envelope_budget::STATEMENTS,
        envelope_fan::STATEMENTS,
        envelope_ledger::STATEMENTS,
        envelope_share::STATEMENTS,
        group::STATEMENTS,
        join_request::STATEMENTS,
        member::STATEMENTS,
        message::STATEMENTS,
        past_member::STATEMENTS,
    ]
    .concat()
}
