//! What is stored, one function a statement.

pub(crate) mod account;
pub(crate) mod conversation;
pub(crate) mod message;
pub(crate) mod policy;
pub(crate) mod user_inbox;

use siyu_db::Statement;

/// Every SQL statement of the service.
pub(crate) fn statements() -> Vec<Statement> {
    [
        account::STATEMENTS,
        conversation::STATEMENTS,
        message::STATEMENTS,
        policy::STATEMENTS,
        user_inbox::STATEMENTS,
    ]
    .concat()
}
