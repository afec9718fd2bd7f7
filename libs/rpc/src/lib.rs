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
