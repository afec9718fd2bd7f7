-- Tags and the fans who have them. Times are Unix microseconds; the account comes first in every key.

CREATE TABLE tag (
    account_id TEXT NOT NULL,
    tag_id TEXT NOT NULL CHECK (length(tag_id) BETWEEN 1 AND 63),
    -- Dense number of the tag within the account, never given twice.
    number INTEGER NOT NULL CHECK (number > 0),
    display_name TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
    category TEXT NOT NULL CHECK (length(category) <= 64),
    description TEXT NOT NULL CHECK (length(description) <= 500),
    -- Number of fans who have it.
    fan_count INTEGER NOT NULL CHECK (fan_count >= 0),
    -- Grows with every change of the tag itself.
    revision INTEGER NOT NULL CHECK (revision > 0),
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, tag_id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX tag_by_number ON tag (account_id, number);

-- Numbers of tags that were deleted, while rows of fan_tag still have them.
CREATE TABLE deleted_tag (
    account_id TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    PRIMARY KEY (account_id, number)
) STRICT, WITHOUT ROWID;

-- Which fan has which tag.
CREATE TABLE fan_tag (
    account_id TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    -- Number of the tag. Without a row in tag it was deleted.
    tag INTEGER NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('manual', 'imported', 'rule', 'behaviour', 'entry_code')),
    cause TEXT NOT NULL CHECK (length(cause) <= 200),
    since INTEGER NOT NULL,
    PRIMARY KEY (account_id, ordinal, tag)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX fan_tag_by_tag ON fan_tag (account_id, tag, ordinal);
