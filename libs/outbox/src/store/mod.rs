//! What is stored of events, one function a statement.

pub(crate) mod cursor;
pub(crate) mod event;
pub(crate) mod lease;
pub(crate) mod parked;

use siyu_db::Statement;

/// Every SQL statement of this library.
pub(crate) fn statements() -> Vec<Statement> {
    [cursor::STATEMENTS, event::STATEMENTS, lease::STATEMENTS, parked::STATEMENTS].concat()
}
