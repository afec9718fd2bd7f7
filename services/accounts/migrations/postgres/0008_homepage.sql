-- Homepages: the draft, what is scheduled, and what was published. Documents are siyu.accounts.v1.Homepage, encoded. Times
-- are Unix microseconds.
CREATE TABLE homepage (
    account_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES account (account_id),
    draft BYTEA NOT NULL CHECK (length(draft) <= 200000),
    -- Grows with every change of the draft and of what is scheduled; 0 before the first.
    revision BIGINT NOT NULL CHECK (revision >= 0),
    author TEXT NOT NULL CHECK (length(author) <= 600),
    update_time BIGINT,
    -- Number of the version published last; 0 before the first.
    last_number BIGINT NOT NULL CHECK (last_number >= 0)
);

CREATE TABLE homepage_version (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES account (account_id),
    number BIGINT NOT NULL CHECK (number >= 1),
    document BYTEA NOT NULL CHECK (length(document) <= 200000),
    author TEXT NOT NULL CHECK (length(author) <= 600),
    note TEXT NOT NULL CHECK (length(note) <= 200),
    publish_time BIGINT NOT NULL,
    -- The version whose document this is again; 0 where it came from the draft.
    restored_number BIGINT NOT NULL CHECK (restored_number BETWEEN 0 AND number - 1),
    PRIMARY KEY (account_id, number)
);

-- One for each account at most.
CREATE TABLE homepage_schedule (
    account_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES account (account_id),
    document BYTEA NOT NULL CHECK (length(document) <= 200000),
    author TEXT NOT NULL CHECK (length(author) <= 600),
    note TEXT NOT NULL CHECK (length(note) <= 200),
    publish_time BIGINT NOT NULL,
    create_time BIGINT NOT NULL
);

CREATE INDEX homepage_schedule_due ON homepage_schedule (publish_time, account_id);
