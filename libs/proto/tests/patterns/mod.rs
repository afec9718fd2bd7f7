//! More patterns with examples, as `contracts.rs` has them.

/// A pattern, with texts that it must take and texts that it must not.
pub(crate) type Example = (&'static str, &'static [&'static str], &'static [&'static str]);

pub(crate) const OF_MESSAGING: &[Example] = &[
    (
        "^accounts/[a-z0-9-]{1,63}/menu$",
        &["accounts/a/menu"],
        &["accounts/a", "accounts//menu", "accounts/a/menu/"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/replyRules/[a-z0-9][a-z0-9_-]{0,62}$",
        &["accounts/a/replyRules/hours"],
        &["accounts/a/replyRules/", "accounts/a/replyRules/-a"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/replySettings$",
        &["accounts/a/replySettings"],
        &["accounts/a", "accounts/a/replySettings/b"],
    ),
];
