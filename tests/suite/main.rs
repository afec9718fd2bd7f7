//! The suite through its generated clients, on both databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod accounts;
mod api_keys;
mod background_work;
mod cards;
mod certification;
mod crm_figures;
mod crm_figures_model;
mod crm_group_commit;
mod crm_history;
mod crm_ingestion;
mod crm_tier_rules;
mod crm_tier_times;
mod crm_tiers;
mod events;
mod events_kills;
mod fans_changed;
mod frames;
mod hostile;
mod hostile_frames;
mod hostile_messages;
mod hostile_sockets;
mod hostile_streams;
mod import_faults;
mod imports;
mod imports_cdnow;
mod kills;
mod limits;
mod mutations;
mod observed;
mod operators;
mod processes;
mod raw;
mod reports;
mod reservations;
mod rights;
mod rights_contention;
mod schema;
mod shutdown;
mod simulation;
mod support;
mod tls;
mod tokens;
mod traces;
