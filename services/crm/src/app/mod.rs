//! The use cases: ask the accounts service first, then open a transaction, load, decide, store.

pub(crate) mod accounts_feed;
pub(crate) mod analytics;
pub(crate) mod audience;
mod behaviours;
pub(crate) mod directory;
pub(crate) mod fan_tags;
pub(crate) mod fans;
pub(crate) mod import;
pub(crate) mod ingest;
pub(crate) mod ingestion;
mod ledger;
pub(crate) mod lifecycle;
mod lifecycle_rules;
mod observed;
pub(crate) mod observed_feed;
pub(crate) mod reach;
pub(crate) mod rules;
mod standings;
mod tag_rule_passes;
mod tag_rules;
pub(crate) mod tags;
pub(crate) mod tiers;
mod touches;
pub(crate) mod traffic;
pub(crate) mod turns;
