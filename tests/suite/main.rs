//! The suite through its generated clients, on both databases.

mod accounts;
mod schema;
