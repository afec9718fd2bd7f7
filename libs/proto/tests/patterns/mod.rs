//! More patterns with examples, as `contracts.rs` has them.

/// A pattern, with texts that it must take and texts that it must not.
pub(crate) type Example = (&'static str, &'static [&'static str], &'static [&'static str]);

pub(crate) const OF_LEADS: &[Example] = &[
    (
        "^accounts/[a-z0-9-]{1,63}/leads/[A-Za-z0-9._-]{1,64}$",
        &["accounts/a/leads/L.1"],
        &["accounts/a/leads/", "accounts/a/leads/a b"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/leadPipelineSettings$",
        &["accounts/a/leadPipelineSettings"],
        &["accounts/a", "accounts/A/leadPipelineSettings", "accounts/a/leadPipelineSettings/x"],
    ),
];

pub(crate) const OF_ENVELOPES: &[Example] = &[(
    "^accounts/[a-z0-9-]{1,63}/groups/[a-z0-9-]{1,63}/envelopes/[a-z0-9-]{1,63}$",
    &["accounts/a/groups/b/envelopes/c", "accounts/a/groups/{63}/envelopes/{63}"],
    &[
        "",
        "accounts/a/groups/b",
        "accounts/a/groups/b/envelopes/",
        "accounts/a/groups/b/envelopes/{64}",
        "accounts/a/groups/b/envelopes/C",
        "accounts/a/envelopes/c",
    ],
)];

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
    (
        "^accounts/[a-z0-9-]{1,63}/macros/[a-z0-9][a-z0-9_-]{0,62}$",
        &["accounts/a/macros/solved"],
        &["", "accounts/a/macros/", "accounts/a/macros/-a"],
    ),
    (
        "^(accounts/[a-z0-9-]{1,63}/macros/[a-z0-9][a-z0-9_-]{0,62})?$",
        &["", "accounts/a/macros/solved"],
        &["solved", "accounts/a/macros/A"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/menu$",
        &["accounts/a/menu"],
        &["accounts/a", "accounts//menu", "accounts/a/menu/"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/questionnaires/[a-z0-9][a-z0-9_-]{0,62}$",
        &["accounts/a/questionnaires/skin"],
        &["", "accounts/a/questionnaires/", "accounts/a/questionnaires/A"],
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

pub(crate) const OF_GROUPS: &[Example] = &[
    ("^[a-z0-9-]{1,56}$", &["fans", "2", "{56}"], &["", "{57}", "Fans", "a_b", "a b", "a\n"]),
    (
        "^accounts/[a-z0-9-]{1,63}/groups/[a-z0-9-]{1,63}$",
        &["accounts/a/groups/fans-2"],
        &["", "accounts/a/groups/", "accounts/a/groups/A", "accounts/a/groups/b/c"],
    ),
    (
        "^(accounts/[a-z0-9-]{1,63}/groups/[a-z0-9-]{1,63})?$",
        &["", "accounts/a/groups/fans-2"],
        &["fans", "accounts/a/groups/", "accounts/a/groups/b/c"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/groups/[a-z0-9-]{1,63}/members/[^/\\s]{1,128}$",
        &["accounts/a/groups/fans/members/李", "accounts/a/groups/fans/members/{128}"],
        &["", "accounts/a/groups/fans/members/", "accounts/a/groups/fans/members/b c"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/groups/[a-z0-9-]{1,63}/joinRequests/[^/\\s]{1,128}$",
        &["accounts/a/groups/fans/joinRequests/u1"],
        &["", "accounts/a/groups/fans/joinRequests/", "accounts/a/groups/fans/joinRequests/b/c"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/blockedMembers/[^/\\s]{1,128}$",
        &["accounts/a/blockedMembers/u1"],
        &["", "accounts/a/blockedMembers/", "accounts/a/blockedMembers/b c"],
    ),
];
