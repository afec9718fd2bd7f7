//! `siyu import`: turns files of orders and interactions into events of the CRM and sends them; files of messages into conversations.
//!
//! The file is read twice: once to learn its digest and its latest time, once to send it. Memory grows with the
//! customers (for `--follow-on`), not with the rows. Running the same command again resumes: event ids are the
//! same, so what was stored before counts as duplicate.

mod args;
mod cells;
mod csv_rows;
mod digest;
mod event;
mod ids;
mod interpret;
mod lines;
mod messages;
mod money;
mod report;
mod retry;
mod run;
mod scan;
mod send;
mod shift;
mod source;
mod time;
mod treatment;

#[cfg(test)]
mod tests;

pub use args::{
    DuplicateRows, FollowOn, Format, ImportArgs, KeepOrIgnore, NegativeAmounts, NoCustomer, OrderLines,
    ShiftTo,
};
pub use cells::Field;
pub use interpret::SkipReason;
pub use messages::{MessagesSummary, run as run_messages};
pub use report::Summary;
pub use run::run;
pub use time::TimeFormat;
