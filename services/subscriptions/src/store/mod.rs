//! What is stored, one function a statement.

pub(crate) mod account;
pub(crate) mod follow;
pub(crate) mod following;
pub(crate) mod opt_out;
pub(crate) mod push;
pub(crate) mod push_plan;
pub(crate) mod push_tally;
pub(crate) mod push_wave;
pub(crate) mod signing_secret;
pub(crate) mod touch;

use siyu_db::Statement;

/// Every SQL statement of the service.
pub(crate) fn statements() -> Vec<Statement> {
    [
        account::STATEMENTS,
        follow::STATEMENTS,
        following::STATEMENTS,
        opt_out::STATEMENTS,
        push::STATEMENTS,
        push_plan::STATEMENTS,
        push_tally::STATEMENTS,
        push_wave::STATEMENTS,
        signing_secret::STATEMENTS,
        touch::STATEMENTS,
    ]
    .concat()
}
