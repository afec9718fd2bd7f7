//! The suite through its generated clients, on both databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod accounts;
mod crm_figures;
mod crm_figures_model;
mod crm_history;
mod crm_ingestion;
mod crm_tier_rules;
mod crm_tier_times;
mod crm_tiers;
mod import_faults;
mod imports;
mod imports_cdnow;
mod kills;
mod limits;
mod raw;
mod reports;
mod schema;
mod shutdown;
mod support;
mod traces;
