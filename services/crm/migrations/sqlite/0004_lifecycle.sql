-- The versions of the rules behind lifecycle stage and value class. Version 0 is the platform's and stands in the code.
CREATE TABLE lifecycle_rules (
    account_id TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    -- JSON object.
    rules TEXT NOT NULL CHECK (length(rules) <= 2000),
    create_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, version)
) STRICT, WITHOUT ROWID;
