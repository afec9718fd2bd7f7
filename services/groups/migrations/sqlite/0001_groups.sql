-- Groups, who is in them, and what is said there. Times are Unix microseconds; the account comes first in every key but that of a
-- user's memberships.

CREATE TABLE chat_group (
    account_id TEXT NOT NULL,
    group_id TEXT NOT NULL CHECK (length(group_id) BETWEEN 1 AND 63),
    -- The first group of its series.
    series_id TEXT NOT NULL,
    series_number INTEGER NOT NULL CHECK (series_number > 0),
    display_name TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 60),
    purpose TEXT NOT NULL CHECK (purpose IN ('push', 'welfare', 'interactive', 'distributor')),
    capacity INTEGER NOT NULL CHECK (capacity BETWEEN 2 AND 10000),
    opens_next INTEGER NOT NULL CHECK (opens_next IN (0, 1)),
    join_mode TEXT NOT NULL CHECK (join_mode IN ('open', 'approval', 'invitation')),
    -- JSON; empty: anybody may.
    threshold TEXT NOT NULL CHECK (length(threshold) <= 4000),
    announcement TEXT NOT NULL CHECK (length(announcement) <= 1000),
    welcome TEXT NOT NULL CHECK (length(welcome) <= 500),
    muted INTEGER NOT NULL CHECK (muted IN (0, 1)),
    closed INTEGER NOT NULL CHECK (closed IN (0, 1)),
    member_count INTEGER NOT NULL CHECK (member_count BETWEEN 0 AND capacity),
    last_sequence INTEGER NOT NULL CHECK (last_sequence >= 0),
    -- Counts what happens to messages: each that is said or recalled.
    last_change INTEGER NOT NULL CHECK (last_change >= last_sequence),
    -- Counts who went: whoever reads along asks anew whether they are still in when it has grown.
    departures INTEGER NOT NULL CHECK (departures >= 0),
    pinned_sequence INTEGER NOT NULL CHECK (pinned_sequence BETWEEN 0 AND last_sequence),
    -- When its threshold is asked again; NULL: never.
    check_time INTEGER,
    revision INTEGER NOT NULL CHECK (revision > 0),
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, group_id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX chat_group_by_series ON chat_group (account_id, series_id, series_number);
CREATE INDEX chat_group_by_check ON chat_group (check_time) WHERE check_time IS NOT NULL;

-- Who is in.
CREATE TABLE member (
    account_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    user_id TEXT NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    role TEXT NOT NULL CHECK (role IN ('member', 'admin', 'owner')),
    source TEXT NOT NULL CHECK (length(source) <= 20),
    inviter TEXT NOT NULL CHECK (length(inviter) <= 128),
    join_time INTEGER NOT NULL,
    -- Until when they may not speak; 0: they may.
    mute_time INTEGER NOT NULL CHECK (mute_time >= 0),
    read_sequence INTEGER NOT NULL CHECK (read_sequence >= 0),
    PRIMARY KEY (account_id, group_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX member_by_user ON member (user_id, account_id, group_id);

-- Who was in, from when to when.
CREATE TABLE past_member (
    account_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    -- Counts how often they went.
    stay INTEGER NOT NULL CHECK (stay > 0),
    role TEXT NOT NULL,
    source TEXT NOT NULL,
    inviter TEXT NOT NULL,
    join_time INTEGER NOT NULL,
    leave_time INTEGER NOT NULL CHECK (leave_time >= join_time),
    leave_reason TEXT NOT NULL CHECK (leave_reason IN ('left', 'removed', 'blocked', 'threshold')),
    PRIMARY KEY (account_id, group_id, user_id, stay)
) STRICT, WITHOUT ROWID;

CREATE TABLE join_request (
    account_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    user_id TEXT NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    text TEXT NOT NULL CHECK (length(text) <= 200),
    source TEXT NOT NULL CHECK (length(source) <= 20),
    inviter TEXT NOT NULL CHECK (length(inviter) <= 128),
    create_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, group_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE blocked_member (
    account_id TEXT NOT NULL,
    user_id TEXT NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    reason TEXT NOT NULL CHECK (length(reason) <= 200),
    create_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, user_id)
) STRICT, WITHOUT ROWID;

-- Rows stand in the order in which they were stored: those of one transaction share pages, whatever their groups.
CREATE TABLE message (
    account_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    -- 1 for the first of the group, then without gaps.
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    -- Empty where the account said it.
    user_id TEXT NOT NULL,
    -- Who said it for the account; empty where a member did.
    author TEXT NOT NULL CHECK (length(author) <= 300),
    client_message_id TEXT NOT NULL CHECK (length(client_message_id) BETWEEN 1 AND 64),
    -- JSON; empty once it was recalled.
    content TEXT NOT NULL CHECK (length(content) <= 20000),
    -- What makes a repeat known, also of one that was recalled.
    content_digest TEXT NOT NULL CHECK (length(content_digest) = 32),
    create_time INTEGER NOT NULL,
    recall_time INTEGER,
    -- Number of the last change of it in the group.
    change INTEGER NOT NULL CHECK (change > 0),
    PRIMARY KEY (account_id, group_id, sequence)
) STRICT;

CREATE UNIQUE INDEX message_by_client_id ON message (account_id, group_id, user_id, client_message_id);
CREATE UNIQUE INDEX message_by_change ON message (account_id, group_id, change);
