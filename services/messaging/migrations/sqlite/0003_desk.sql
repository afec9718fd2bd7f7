-- The service desk and its clocks. Times are Unix microseconds.

-- Where the conversation stands, as JSON; empty while nothing is known. The columns after it repeat what is looked for.
ALTER TABLE conversation ADD COLUMN desk TEXT NOT NULL DEFAULT '' CHECK (length(desk) <= 8000);
ALTER TABLE conversation ADD COLUMN desk_status TEXT NOT NULL DEFAULT 'idle';
ALTER TABLE conversation ADD COLUMN agent_id TEXT NOT NULL DEFAULT '';
ALTER TABLE conversation ADD COLUMN queue_time INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversation ADD COLUMN open_time INTEGER NOT NULL DEFAULT 0;
-- When one of its clocks has something to tell.
ALTER TABLE conversation ADD COLUMN clock_time INTEGER;

CREATE INDEX conversation_in_queue ON conversation (account_id, queue_time, user_id) WHERE desk_status = 'queued';
CREATE INDEX conversation_of_agent ON conversation (account_id, agent_id, queue_time, user_id)
    WHERE desk_status = 'assigned';
CREATE INDEX conversation_open ON conversation (account_id, open_time)
    WHERE desk_status IN ('open', 'queued', 'assigned');
CREATE INDEX conversation_by_clock ON conversation (clock_time, account_id, user_id) WHERE clock_time IS NOT NULL;

-- Those who answer for an account.
CREATE TABLE agent (
    account_id TEXT NOT NULL,
    agent_id TEXT NOT NULL CHECK (length(agent_id) BETWEEN 1 AND 128),
    presence TEXT NOT NULL CHECK (presence IN ('online', 'away', 'offline')),
    -- Most conversations at once.
    capacity INTEGER NOT NULL CHECK (capacity >= 0),
    -- When they last got a conversation, or came.
    busy_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, agent_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX agent_online ON agent (account_id) WHERE presence = 'online';

-- When an account works, and how soon it wants to have answered; JSON.
CREATE TABLE desk_setting (
    account_id TEXT NOT NULL PRIMARY KEY,
    calendar TEXT NOT NULL CHECK (length(calendar) <= 60000),
    targets TEXT NOT NULL CHECK (length(targets) <= 2000)
) STRICT, WITHOUT ROWID;

-- Closed cases, for figures. Durations are working time; none where what was waited for did not happen.
CREATE TABLE desk_case (
    account_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    -- Who had it last; empty for nobody.
    agent_id TEXT NOT NULL,
    open_time INTEGER NOT NULL,
    close_time INTEGER NOT NULL,
    first_bot_micros INTEGER,
    first_human_micros INTEGER,
    resolution_micros INTEGER,
    warning_count INTEGER NOT NULL,
    breach_count INTEGER NOT NULL,
    stars INTEGER CHECK (stars BETWEEN 1 AND 5),
    PRIMARY KEY (account_id, user_id, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX desk_case_by_time ON desk_case (account_id, open_time);

-- What agents tell each other about a conversation.
CREATE TABLE note (
    account_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    author TEXT NOT NULL CHECK (length(author) <= 300),
    text TEXT NOT NULL CHECK (length(text) BETWEEN 1 AND 2000),
    create_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, user_id, number)
) STRICT, WITHOUT ROWID;

-- Replies that agents have at hand.
CREATE TABLE canned_reply (
    account_id TEXT NOT NULL,
    reply_id TEXT NOT NULL CHECK (length(reply_id) BETWEEN 1 AND 63),
    text TEXT NOT NULL CHECK (length(text) BETWEEN 1 AND 2000),
    revision INTEGER NOT NULL CHECK (revision > 0),
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, reply_id)
) STRICT, WITHOUT ROWID;
