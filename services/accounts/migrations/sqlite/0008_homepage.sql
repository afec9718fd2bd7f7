-- Homepages: the draft, what is scheduled, and what was published. Documents are siyu.accounts.v1.Homepage, encoded. Times
-- are Unix microseconds.
CREATE TABLE homepage (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES account (account_id),
    draft BLOB NOT NULL CHECK (length(draft) <= 200000),
    -- Grows with every change of the draft and of what is scheduled; 0 before the first.
    revision INTEGER NOT NULL CHECK (revision >= 0),
    author TEXT NOT NULL CHECK (length(author) <= 600),
    update_time INTEGER,
    -- Number of the version published last; 0 before the first.
    last_number INTEGER NOT NULL CHECK (last_number >= 0)
) STRICT;

CREATE TABLE homepage_version (
    account_id TEXT NOT NULL REFERENCES account (account_id),
    number INTEGER NOT NULL CHECK (number >= 1),
    document BLOB NOT NULL CHECK (length(document) <= 200000),
    author TEXT NOT NULL CHECK (length(author) <= 600),
    note TEXT NOT NULL CHECK (length(note) <= 200),
    publish_time INTEGER NOT NULL,
    -- The version whose document this is again; 0 where it came from the draft.
    restored_number INTEGER NOT NULL CHECK (restored_number BETWEEN 0 AND number - 1),
    PRIMARY KEY (account_id, number)
) STRICT;

-- One for each account at most.
CREATE TABLE homepage_schedule (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES account (account_id),
    document BLOB NOT NULL CHECK (length(document) <= 200000),
    author TEXT NOT NULL CHECK (length(author) <= 600),
    note TEXT NOT NULL CHECK (length(note) <= 200),
    publish_time INTEGER NOT NULL,
    create_time INTEGER NOT NULL
) STRICT;

CREATE INDEX homepage_schedule_due ON homepage_schedule (publish_time, account_id);
