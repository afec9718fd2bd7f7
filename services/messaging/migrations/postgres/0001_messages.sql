-- Private messages. Times are Unix microseconds; the account comes first in every key but those of a user's inbox.

-- One row per account and one per user who ever wrote or was written to: whoever changes their conversations takes it first.
CREATE TABLE inbox (
    -- `accounts/{account}` or `users/{user}`
    owner TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(owner) BETWEEN 1 AND 140),
    -- Counts what happens in it.
    last_change BIGINT NOT NULL CHECK (last_change >= 0),
    -- Counts the changes of what an account has set up; that of a user stays 0.
    settings_version BIGINT NOT NULL DEFAULT 0 CHECK (settings_version >= 0)
);

CREATE TABLE conversation (
    account_id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    last_sequence BIGINT NOT NULL CHECK (last_sequence > 0),
    last_time BIGINT NOT NULL,
    -- Messages of the account since the last of the user.
    unanswered_count BIGINT NOT NULL CHECK (unanswered_count >= 0),
    user_read_sequence BIGINT NOT NULL CHECK (user_read_sequence BETWEEN 0 AND last_sequence),
    account_read_sequence BIGINT NOT NULL CHECK (account_read_sequence BETWEEN 0 AND last_sequence),
    -- Messages of the other side after that, without those that were recalled.
    user_unread_count BIGINT NOT NULL CHECK (user_unread_count >= 0),
    account_unread_count BIGINT NOT NULL CHECK (account_unread_count >= 0),
    PRIMARY KEY (account_id, user_id)
);

CREATE INDEX conversation_by_time ON conversation (account_id, last_time, user_id);
-- Without the time, which every message changes: those of one user are few enough to be sorted when they are listed.
CREATE INDEX conversation_of_user ON conversation (user_id, account_id);

CREATE TABLE message (
    account_id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    -- 1 for the first of the conversation, then without gaps.
    sequence BIGINT NOT NULL CHECK (sequence > 0),
    sender TEXT NOT NULL CHECK (sender IN ('user', 'account')),
    -- Who wrote it for the account; empty where the user did.
    author TEXT NOT NULL CHECK (length(author) <= 300),
    client_message_id TEXT COLLATE "C" NOT NULL CHECK (length(client_message_id) BETWEEN 1 AND 64),
    -- JSON; empty once it was recalled.
    content TEXT NOT NULL CHECK (length(content) <= 20000),
    -- What makes a repeat known, also of one that was recalled.
    content_digest TEXT NOT NULL CHECK (length(content_digest) = 32),
    create_time BIGINT NOT NULL,
    recall_time BIGINT,
    -- The last change of it, as each side counts them.
    account_change BIGINT NOT NULL CHECK (account_change > 0),
    user_change BIGINT NOT NULL CHECK (user_change > 0),
    PRIMARY KEY (account_id, user_id, sequence)
);

CREATE UNIQUE INDEX message_by_client_id ON message (account_id, user_id, sender, client_message_id);
CREATE UNIQUE INDEX message_by_account_change ON message (account_id, account_change);
CREATE UNIQUE INDEX message_by_user_change ON message (user_id, user_change);

-- The versions of how many messages accounts may send without an answer. Version 0 stands in the code.
CREATE TABLE message_policy (
    version BIGINT NOT NULL PRIMARY KEY CHECK (version > 0),
    effective_time BIGINT NOT NULL,
    certified_limit BIGINT NOT NULL CHECK (certified_limit >= 0),
    basic_limit BIGINT NOT NULL CHECK (basic_limit >= 0),
    create_time BIGINT NOT NULL
);

CREATE INDEX message_policy_by_time ON message_policy (effective_time, version);
