//! What every gRPC server and client of the suite shares: errors, authentication and policies, deadlines, page
//! tokens, the server with its limits, and the transport between services.
//!
//! A call goes through the [`gate`] first (trace, load limit, deadline, panic, token, kind of caller), then through
//! [`admit`](auth::admit) in its handler (fields, grant on the resource). What changes something goes through
//! [`admit_mutation`] instead, so that it can be repeated and leaves an audit entry.

mod answer;
pub mod auth;
mod call;
mod deadline;
mod error;
pub mod etag;
pub mod failures;
pub mod gate;
pub mod group_commit;
pub mod mutation;
pub mod name;
pub mod page;
pub mod peer;
mod remote;
pub mod server;
pub mod time;
pub mod tls;

pub use auth::{admit, admit_message, admit_messages, admit_stream};
pub use error::{ERROR_DOMAIN, Error, complete};
pub use mutation::{Mutation, admit_mutation, retrying};
pub use page::Page;

/// A part of a whole, 0 to 1; 0 where there is nothing.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a ratio needs no more digits than a double has")]
pub fn ratio(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
