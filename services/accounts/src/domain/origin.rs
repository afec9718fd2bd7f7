use serde::{Deserialize, Serialize};

/// Where a user came from when they did something.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// Resource name of the place where it was done; empty where unknown.
    pub(crate) mount: String,
    /// `public`, `commercial`, `private` or `external`; empty where unknown.
    pub(crate) source_domain: String,
    /// As the account calls it; empty where there is none.
    pub(crate) campaign: String,
}
