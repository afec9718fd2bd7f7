-- Enterprises and the accounts of their matrix. Times are Unix microseconds.
CREATE TABLE enterprise (
    enterprise_id TEXT NOT NULL PRIMARY KEY CHECK (length(enterprise_id) BETWEEN 1 AND 63),
    display_name TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
    create_time INTEGER NOT NULL
) STRICT;

CREATE TABLE account (
    account_id TEXT NOT NULL PRIMARY KEY CHECK (length(account_id) BETWEEN 1 AND 63),
    enterprise_id TEXT NOT NULL REFERENCES enterprise (enterprise_id),
    display_name TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
    time_zone TEXT NOT NULL CHECK (length(time_zone) BETWEEN 1 AND 64),
    currency_code TEXT NOT NULL CHECK (length(currency_code) = 3),
    -- An industry of the white paper, or empty while it is not told.
    industry TEXT NOT NULL CHECK (length(industry) <= 64),
    persona TEXT NOT NULL CHECK (length(persona) <= 500),
    -- JSON array of codes of administrative divisions.
    regions TEXT NOT NULL CHECK (length(regions) <= 1000),
    -- JSON array of [ISO weekday, first minute, minute after the last].
    opening_hours TEXT NOT NULL CHECK (length(opening_hours) <= 1000),
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL
) STRICT;

CREATE INDEX account_by_enterprise ON account (enterprise_id, account_id);
