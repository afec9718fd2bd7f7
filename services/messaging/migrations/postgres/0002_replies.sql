-- Automatic replies and the menu.

-- JSON: what is remembered of automatic replies. Nobody is welcomed in a conversation that there was before.
ALTER TABLE conversation ADD COLUMN replies TEXT NOT NULL DEFAULT '{"has_asked":true}' CHECK (length(replies) <= 20000);

-- How many messages of programs in a row have led to it, itself included.
ALTER TABLE message ADD COLUMN causation_depth BIGINT NOT NULL DEFAULT 0 CHECK (causation_depth >= 0);

CREATE TABLE reply_rule (
    account_id TEXT COLLATE "C" NOT NULL,
    rule_id TEXT COLLATE "C" NOT NULL CHECK (length(rule_id) BETWEEN 1 AND 63),
    -- The version of the settings that it was made with: no other rule of the account ever has it.
    number BIGINT NOT NULL CHECK (number > 0),
    -- JSON.
    definition TEXT NOT NULL CHECK (length(definition) <= 100000),
    -- What it takes of what an account may have.
    keyword_chars BIGINT NOT NULL CHECK (keyword_chars >= 0),
    patterns BIGINT NOT NULL CHECK (patterns >= 0),
    once BIGINT NOT NULL CHECK (once IN (0, 1)),
    revision BIGINT NOT NULL CHECK (revision > 0),
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, rule_id)
);

-- What an account has set up otherwise, one row for each kind that it ever set.
CREATE TABLE account_setting (
    account_id TEXT COLLATE "C" NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('menu', 'replies')),
    -- JSON.
    document TEXT NOT NULL CHECK (length(document) <= 1000000),
    revision BIGINT NOT NULL CHECK (revision > 0),
    update_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, kind)
);
