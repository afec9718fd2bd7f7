//! More patterns with examples, as `contracts.rs` has them.

/// A pattern, with texts that it must take and texts that it must not.
pub(crate) type Example = (&'static str, &'static [&'static str], &'static [&'static str]);

pub(crate) const OF_MESSAGING: &[Example] = &[
    ("^([a-z0-9][a-z0-9-]{0,49})?$", &["", "spring-1", "{50}"], &["{51}", "a b", "A", "-a", "a_b", "a\n"]),
    (
        "^accounts/[a-z0-9-]{1,63}/groupSends/[A-Za-z0-9][A-Za-z0-9-]{0,49}$",
        &["accounts/a/groupSends/spring", "accounts/a/groupSends/01J", "accounts/a/groupSends/{50}"],
        &["", "accounts/a/groupSends/", "accounts/a/groupSends/{51}", "accounts/a/groupSends/-a"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/reviewItems/[^/\\s]{1,160}$",
        &["accounts/a/reviewItems/words:2:u1", "accounts/a/reviewItems/{160}"],
        &["", "accounts/a/reviewItems/", "accounts/a/reviewItems/{161}", "accounts/a/reviewItems/b c"],
    ),
];
