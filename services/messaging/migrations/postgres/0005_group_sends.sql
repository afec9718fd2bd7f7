-- One message to many. Times are Unix microseconds; the account comes first in every key.

CREATE TABLE group_send (
    account_id TEXT COLLATE "C" NOT NULL,
    group_send_id TEXT COLLATE "C" NOT NULL CHECK (length(group_send_id) BETWEEN 1 AND 50),
    -- JSON: what is never asked for by itself.
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('scheduled', 'sending', 'paused', 'done', 'cancelled', 'failed')),
    -- When there is something to do for it.
    due_time BIGINT,
    PRIMARY KEY (account_id, group_send_id)
);

CREATE INDEX group_send_by_due_time ON group_send (due_time) WHERE due_time IS NOT NULL;

-- Some of the recipients: a row for up to 1,000 of them.
CREATE TABLE group_send_chunk (
    account_id TEXT COLLATE "C" NOT NULL,
    group_send_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL CHECK (number >= 0),
    -- Why none of them is reached; empty where they are.
    reason TEXT NOT NULL,
    deliver_time BIGINT NOT NULL,
    -- JSON: ordinals and ids of users.
    recipients TEXT NOT NULL,
    -- JSON: what became of the first of them.
    outcomes TEXT NOT NULL,
    -- How many there are of whom nothing has become.
    rest_count BIGINT NOT NULL CHECK (rest_count >= 0),
    PRIMARY KEY (account_id, group_send_id, number)
);
