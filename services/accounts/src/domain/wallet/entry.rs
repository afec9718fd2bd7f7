/// One step of a wallet: what it added to a lot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Counts up in the wallet without gaps, from 1.
    pub(crate) sequence: i64,
    pub(crate) kind: EntryKind,
    /// Number of the lot.
    pub(crate) lot: i64,
    /// Empty where it is about none.
    pub(crate) reservation: String,
    pub(crate) available: i64,
    pub(crate) reserved: i64,
    pub(crate) used: i64,
}

/// Kinds of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// The policy allows more or less than was known.
    Allow,
    /// A grant.
    Grant,
    /// Available becomes reserved.
    Reserve,
    /// Reserved becomes used.
    Commit,
    /// Reserved becomes available.
    Release,
    /// Reserved becomes available: the time of the reservation is over.
    Lapse,
    /// Available is gone: the time of the lot is over.
    Expire,
}

impl EntryKind {
    const ALL: [Self; 7] =
        [Self::Allow, Self::Grant, Self::Reserve, Self::Commit, Self::Release, Self::Lapse, Self::Expire];

    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Grant => "grant",
            Self::Reserve => "reserve",
            Self::Commit => "commit",
            Self::Release => "release",
            Self::Lapse => "lapse",
            Self::Expire => "expire",
        }
    }

    /// Whether a caller did it, and not time or policy.
    pub(crate) fn has_actor(self) -> bool {
        matches!(self, Self::Grant | Self::Reserve | Self::Commit | Self::Release)
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
