-- Rules that give tags to fans. Times are Unix microseconds.
CREATE TABLE tag_rule (
    account_id TEXT NOT NULL,
    rule_id TEXT NOT NULL CHECK (length(rule_id) BETWEEN 1 AND 63),
    -- Number of the tag that it gives.
    tag INTEGER NOT NULL,
    tag_id TEXT NOT NULL CHECK (length(tag_id) BETWEEN 1 AND 63),
    -- JSON object.
    condition TEXT NOT NULL CHECK (length(condition) <= 2000),
    -- A deleted rule takes its tag back before it goes.
    deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
    revision INTEGER NOT NULL CHECK (revision > 0),
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    -- When all fans are to be gone through, how far that has come, and when it was last done.
    due_time INTEGER NOT NULL,
    done_ordinal INTEGER NOT NULL CHECK (done_ordinal >= 0),
    pass_time INTEGER,
    PRIMARY KEY (account_id, rule_id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX tag_rule_by_tag ON tag_rule (account_id, tag);
CREATE INDEX tag_rule_due ON tag_rule (due_time);
