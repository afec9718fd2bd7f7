-- What is kept of conversations, and for how long; macros of the desk. Times are Unix microseconds; the account comes first in every key.

-- When what it said was forgotten.
ALTER TABLE message ADD COLUMN forget_time BIGINT;

-- All messages up to this one are forgotten. Sending does not touch it.
ALTER TABLE conversation ADD COLUMN forgotten_sequence BIGINT NOT NULL DEFAULT 0 CHECK (forgotten_sequence >= 0);

-- How long an account keeps what was said: for those that ever said so.
CREATE TABLE retention (
    account_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- 0: for ever.
    days BIGINT NOT NULL CHECK (days >= 0),
    update_time BIGINT NOT NULL,
    -- All that was due at this time is forgotten.
    done_time BIGINT,
    -- The walk through all conversations that is going on: when it began, and how far it has come.
    walk_time BIGINT,
    walked_user TEXT COLLATE "C" NOT NULL,
    -- When there is something to do for it.
    due_time BIGINT
);

CREATE INDEX retention_by_due_time ON retention (due_time) WHERE due_time IS NOT NULL;

-- The text of a note may be gone.
ALTER TABLE note DROP CONSTRAINT note_text_check;
ALTER TABLE note ADD CONSTRAINT note_text_check CHECK (length(text) <= 2000);
ALTER TABLE note ADD COLUMN forget_time BIGINT;

-- What agents do again and again, under one name.
CREATE TABLE desk_macro (
    account_id TEXT COLLATE "C" NOT NULL,
    macro_id TEXT COLLATE "C" NOT NULL CHECK (length(macro_id) BETWEEN 1 AND 63),
    -- JSON.
    definition TEXT NOT NULL CHECK (length(definition) <= 100000),
    revision BIGINT NOT NULL CHECK (revision > 0),
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, macro_id)
);
