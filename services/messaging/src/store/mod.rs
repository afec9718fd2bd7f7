//! What is stored, one function a statement.

pub(crate) mod conversation;
pub(crate) mod inbox;
pub(crate) mod message;
pub(crate) mod policy;

use siyu_db::Statement;

/// Every SQL statement of the service.
pub(crate) fn statements() -> Vec<Statement> {
    [conversation::STATEMENTS, inbox::STATEMENTS, message::STATEMENTS, policy::STATEMENTS].concat()
}
