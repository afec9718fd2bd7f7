//! Where traffic comes from.

/// How traffic is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grouping {
    /// `interaction.source`
    SourceDomain,
    /// `interaction.mount`; the homepage for a visit without one.
    Mount,
    /// `interaction.campaign`
    Campaign,
    /// `interaction.mount`, where it is an entry code.
    EntryCode,
}

impl Grouping {
    /// What it is called in statements.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SourceDomain => "source_domain",
            Self::Mount => "mount",
            Self::Campaign => "campaign",
            Self::EntryCode => "entry_code",
        }
    }
}

/// A span of time and the attribution window, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first moment within.
    pub(crate) start: i64,
    /// The first moment after it.
    pub(crate) end: i64,
    /// How long after a touch something may still belong to it.
    pub(crate) window: i64,
}

/// `accounts/{account}/homepage`
pub(crate) fn homepage(account_id: &str) -> String {
    format!("accounts/{account_id}/homepage")
}

/// What the names of the entrances of a homepage begin with.
pub(crate) fn entrance_prefix(account_id: &str) -> String {
    format!("accounts/{account_id}/homepage/entrances/")
}

/// What the names of the cards of an account begin with.
pub(crate) fn card_prefix(account_id: &str) -> String {
    format!("accounts/{account_id}/cards/")
}

/// What the names of the entry codes of an account begin with.
pub(crate) fn entry_code_prefix(account_id: &str) -> String {
    format!("accounts/{account_id}/entryCodes/")
}
