//! What every gRPC server and client of the suite shares: errors, authentication and policies, deadlines, page
//! tokens, the server with its limits, and the transport between services.
//!
//! A call goes through the [`gate`] first (trace, load limit, deadline, panic, token, kind of caller), then through
//! [`admit`](auth::admit) in its handler (fields, grant on the resource).

pub mod auth;
mod deadline;
mod error;
pub mod gate;
pub mod name;
pub mod page;
pub mod peer;
pub mod server;
pub mod time;

pub use auth::{admit, admit_message, admit_stream};
pub use error::{ERROR_DOMAIN, Error, complete};
pub use page::Page;
