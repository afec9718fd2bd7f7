//! What users did, and how accounts reached them, as services tell the CRM: in events of its contract.

mod events;
mod origin;
mod touches;

pub use events::{Observed, interactions_observed};
pub use origin::{Origin, interaction, named_domain, stored_domain};
pub use touches::touches_observed;
