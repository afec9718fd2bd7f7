-- Words and users that are not let through. Times are Unix microseconds; the account comes first in every key.

-- How the words of a list are looked for; lists of which nothing was said have no row.
CREATE TABLE word_matching (
    -- `accounts/{account}` or `platform`
    owner TEXT NOT NULL PRIMARY KEY CHECK (length(owner) BETWEEN 1 AND 140),
    -- JSON.
    matching TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE moderation_word (
    owner TEXT NOT NULL CHECK (length(owner) BETWEEN 1 AND 140),
    word TEXT NOT NULL CHECK (length(word) BETWEEN 1 AND 64),
    action TEXT NOT NULL CHECK (action IN ('mask', 'review', 'block')),
    update_time INTEGER NOT NULL,
    PRIMARY KEY (owner, word)
) STRICT, WITHOUT ROWID;

CREATE TABLE blocked_user (
    account_id TEXT NOT NULL,
    user_id TEXT NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    reason TEXT NOT NULL CHECK (length(reason) <= 200),
    -- Who did it.
    author TEXT NOT NULL CHECK (length(author) BETWEEN 1 AND 600),
    create_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, user_id)
) STRICT, WITHOUT ROWID;

-- Messages in which words were found, also those that were refused.
CREATE TABLE moderation_hit (
    account_id TEXT NOT NULL,
    hit_id TEXT NOT NULL CHECK (length(hit_id) = 26),
    user_id TEXT NOT NULL,
    sender TEXT NOT NULL CHECK (sender IN ('user', 'account')),
    client_message_id TEXT NOT NULL,
    content_digest TEXT NOT NULL CHECK (length(content_digest) = 32),
    -- 0 where it was refused.
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    action TEXT NOT NULL CHECK (action IN ('mask', 'review', 'block')),
    -- JSON.
    words TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, hit_id)
) STRICT, WITHOUT ROWID;

-- Who tries again to send what was refused adds nothing.
CREATE UNIQUE INDEX moderation_hit_of_message
    ON moderation_hit (account_id, user_id, sender, client_message_id, content_digest);

CREATE TABLE review_item (
    account_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    cause TEXT NOT NULL CHECK (cause IN ('words', 'report')),
    -- JSON.
    words TEXT NOT NULL,
    comment TEXT NOT NULL CHECK (length(comment) <= 500),
    state TEXT NOT NULL CHECK (state IN ('open', 'upheld', 'dismissed')),
    create_time INTEGER NOT NULL,
    decide_time INTEGER,
    -- Who decided; empty while it is open.
    decider TEXT NOT NULL CHECK (length(decider) <= 600),
    PRIMARY KEY (account_id, user_id, sequence, cause)
) STRICT, WITHOUT ROWID;

CREATE INDEX review_item_by_time ON review_item (account_id, create_time, user_id, sequence, cause);
CREATE INDEX review_item_by_state ON review_item (account_id, state, create_time, user_id, sequence, cause);
