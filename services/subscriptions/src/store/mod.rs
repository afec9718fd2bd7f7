//! What is stored, one function a statement.

pub(crate) mod account;
pub(crate) mod follow;
pub(crate) mod following;

use siyu_db::Statement;

/// Every SQL statement of the service.
pub(crate) fn statements() -> Vec<Statement> {
    [account::STATEMENTS, follow::STATEMENTS, following::STATEMENTS].concat()
}
