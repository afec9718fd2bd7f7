//! How close a fan is.

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

/// How close a fan is, from far to near.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Tier {
    /// Has interacted and does not follow.
    Potential,
    /// Follows.
    Passerby,
    /// Follows and is warm.
    Favorable,
    /// Follows and is among the warmest.
    TrueLove,
}

impl Tier {
    pub(crate) const ALL: [Self; 4] = [Self::Potential, Self::Passerby, Self::Favorable, Self::TrueLove];

    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Potential => "potential",
            Self::Passerby => "passerby",
            Self::Favorable => "favorable",
            Self::TrueLove => "true_love",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.name() == name)
    }
}

/// Why a fan moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Interaction,
    Follow,
    Unfollow,
    Decay,
    Rules,
    Rebuild,
}

impl Cause {
    const ALL: [Self; 6] =
        [Self::Interaction, Self::Follow, Self::Unfollow, Self::Decay, Self::Rules, Self::Rebuild];

    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interaction => "interaction",
            Self::Follow => "follow",
            Self::Unfollow => "unfollow",
            Self::Decay => "decay",
            Self::Rules => "rules",
            Self::Rebuild => "rebuild",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }
}

/// A move from one tier to another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TierChange {
    /// None for a user not known before.
    pub(crate) from: Option<Tier>,
    pub(crate) to: Tier,
    pub(crate) cause: Cause,
    /// The interaction that did it, where one did.
    pub(crate) event_id: Option<String>,
    /// Score at the move, in points.
    pub(crate) score: f64,
    pub(crate) time: Micros,
}
