//! What users did, as services tell the CRM: interactions with where their users came from, in events of its contract.

mod events;
mod origin;

pub use events::{Observed, interactions_observed};
pub use origin::{Origin, interaction, named_domain, stored_domain};
