//! The suite through its generated clients, on both databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod crm_history;
mod crm_ingestion;
mod schema;
mod support;
mod traces;
