//! The suite through its generated clients, on both databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod schema;
mod traces;
