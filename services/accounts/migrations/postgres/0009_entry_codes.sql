-- Entry codes, and who scanned them. Times are Unix microseconds.
CREATE TABLE entry_code (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES account (account_id),
    entry_code_id TEXT COLLATE "C" NOT NULL CHECK (length(entry_code_id) BETWEEN 1 AND 63),
    -- Unique across all accounts: whoever scans it knows nothing else.
    short_code TEXT COLLATE "C" NOT NULL CHECK (length(short_code) = 10),
    display_name TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
    channel TEXT NOT NULL CHECK (length(channel) <= 64),
    source_domain TEXT NOT NULL CHECK (source_domain IN ('', 'public', 'commercial', 'private', 'external')),
    campaign TEXT NOT NULL CHECK (length(campaign) <= 64),
    -- JSON
    tags TEXT NOT NULL CHECK (length(tags) <= 1000),
    landing_kind TEXT NOT NULL CHECK (landing_kind IN ('homepage', 'card', 'content', 'group', 'private_message')),
    -- A resource name; empty with the landings that an account has but once.
    landing_resource TEXT NOT NULL CHECK (length(landing_resource) <= 200),
    expire_time BIGINT,
    disabled BIGINT NOT NULL CHECK (disabled IN (0, 1)),
    scan_count BIGINT NOT NULL CHECK (scan_count >= 0),
    -- Counts the changes by operators.
    revision BIGINT NOT NULL,
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, entry_code_id)
);

CREATE UNIQUE INDEX entry_code_by_short_code ON entry_code (short_code);

-- Kept for a week, so that a repeat is recognized.
CREATE TABLE entry_scan (
    account_id TEXT COLLATE "C" NOT NULL,
    -- Of the interaction that came of it: short code and scan id.
    event_id TEXT COLLATE "C" NOT NULL CHECK (length(event_id) BETWEEN 1 AND 128),
    user_id TEXT COLLATE "C" NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    scan_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, event_id)
);

CREATE INDEX entry_scan_by_time ON entry_scan (scan_time);
