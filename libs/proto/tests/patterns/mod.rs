//! More patterns with examples, as `contracts.rs` has them.

/// A pattern, with texts that it must take and texts that it must not.
pub(crate) type Example = (&'static str, &'static [&'static str], &'static [&'static str]);

pub(crate) const OF_MESSAGING: &[Example] = &[
    (
        "^accounts/[a-z0-9-]{1,63}/agents/[^/\\s]{1,128}$",
        &["accounts/a/agents/li", "accounts/a/agents/李", "accounts/a/agents/{128}"],
        &["accounts/a/agents/", "accounts/a/agents/a b", "accounts/a/agents/a/b", "accounts/a/agents/{129}"],
    ),
    (
        "^(accounts/[a-z0-9-]{1,63}/agents/[^/\\s]{1,128})?$",
        &["", "accounts/a/agents/li"],
        &["li", "accounts/a/agents/", "accounts/a/agents/a b"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/cannedReplies/[a-z0-9][a-z0-9_-]{0,62}$",
        &["accounts/a/cannedReplies/hours"],
        &["", "accounts/a/cannedReplies/", "accounts/a/cannedReplies/-a"],
    ),
    (
        "^(accounts/[a-z0-9-]{1,63}/cannedReplies/[a-z0-9][a-z0-9_-]{0,62})?$",
        &["", "accounts/a/cannedReplies/hours"],
        &["hours", "accounts/a/cannedReplies/A"],
    ),
    (
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        &["2026-10-01"],
        &["", "2026-10-1", "26-10-01", "2026-10-01T", "2026-10-01\n"],
    ),
];
