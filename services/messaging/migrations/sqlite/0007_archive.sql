-- What is kept of conversations, and for how long; macros of the desk. Times are Unix microseconds; the account comes first in every key.

-- When what it said was forgotten.
ALTER TABLE message ADD COLUMN forget_time INTEGER;

-- All messages up to this one are forgotten. Sending does not touch it.
ALTER TABLE conversation ADD COLUMN forgotten_sequence INTEGER NOT NULL DEFAULT 0 CHECK (forgotten_sequence >= 0);

-- How long an account keeps what was said: for those that ever said so.
CREATE TABLE retention (
    account_id TEXT NOT NULL PRIMARY KEY,
    -- 0: for ever.
    days INTEGER NOT NULL CHECK (days >= 0),
    update_time INTEGER NOT NULL,
    -- All that was due at this time is forgotten.
    done_time INTEGER,
    -- The walk through all conversations that is going on: when it began, and how far it has come.
    walk_time INTEGER,
    walked_user TEXT NOT NULL,
    -- When there is something to do for it.
    due_time INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX retention_by_due_time ON retention (due_time) WHERE due_time IS NOT NULL;

-- The text of a note may be gone.
ALTER TABLE note RENAME TO note_before;
CREATE TABLE note (
    account_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    author TEXT NOT NULL CHECK (length(author) <= 300),
    -- Empty once it is forgotten.
    text TEXT NOT NULL CHECK (length(text) <= 2000),
    create_time INTEGER NOT NULL,
    forget_time INTEGER,
    PRIMARY KEY (account_id, user_id, number)
) STRICT, WITHOUT ROWID;
INSERT INTO note (account_id, user_id, number, author, text, create_time)
    SELECT account_id, user_id, number, author, text, create_time FROM note_before;
DROP TABLE note_before;

-- What agents do again and again, under one name.
CREATE TABLE desk_macro (
    account_id TEXT NOT NULL,
    macro_id TEXT NOT NULL CHECK (length(macro_id) BETWEEN 1 AND 63),
    -- JSON.
    definition TEXT NOT NULL CHECK (length(definition) <= 100000),
    revision INTEGER NOT NULL CHECK (revision > 0),
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, macro_id)
) STRICT, WITHOUT ROWID;
