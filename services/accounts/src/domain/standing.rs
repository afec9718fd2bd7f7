//! Where a user stands with an account, as the CRM tells it.

use serde::{Deserialize, Serialize};

/// Where a user stands with an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Standing {
    pub(crate) following: bool,
    pub(crate) tier: Tier,
    /// Ids, in alphabetical order.
    pub(crate) tags: Vec<String>,
}

impl Standing {
    /// Somebody the account has never met, or of whom nothing can be known now.
    pub(crate) fn stranger() -> Self {
        Self { following: false, tier: Tier::Potential, tags: Vec::new() }
    }
}

/// How close a fan is, from far to near.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tier {
    Potential,
    Passerby,
    Favorable,
    TrueLove,
}

impl Tier {
    /// What it is called in storage and in errors.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Potential => "potential",
            Self::Passerby => "passerby",
            Self::Favorable => "favorable",
            Self::TrueLove => "true_love",
        }
    }
}
