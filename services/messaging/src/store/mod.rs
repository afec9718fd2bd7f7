//! What is stored, one function a statement.

pub(crate) mod account_setting;
pub(crate) mod conversation;
pub(crate) mod inbox;
pub(crate) mod message;
pub(crate) mod policy;
pub(crate) mod reply_rule;

use siyu_db::Statement;

/// Every SQL statement of the service.
pub(crate) fn statements() -> Vec<Statement> {
    [
        account_setting::STATEMENTS,
        conversation::STATEMENTS,
        inbox::STATEMENTS,
        message::STATEMENTS,
        policy::STATEMENTS,
        reply_rule::STATEMENTS,
    ]
    .concat()
}
