-- What audiences are made of. Times are Unix microseconds; the account comes first in every key.

-- Where the earliest interaction came from.
ALTER TABLE fan ADD COLUMN first_source TEXT NOT NULL DEFAULT ''
    CHECK (first_source IN ('', 'public', 'commercial', 'private', 'external'));

UPDATE fan SET first_source = COALESCE(
    (SELECT source FROM interaction WHERE interaction.account_id = fan.account_id AND interaction.ordinal = fan.ordinal
     ORDER BY event_time, CASE source WHEN 'public' THEN 1 WHEN 'commercial' THEN 2 WHEN 'private' THEN 3
                                      WHEN 'external' THEN 4 ELSE 5 END LIMIT 1), '');

-- Which fans transactions have changed, by which what is kept of them in memory is brought up to date. Old rows go.
CREATE TABLE fan_change (
    account_id TEXT COLLATE "C" NOT NULL,
    -- Without gaps within the account.
    sequence BIGINT NOT NULL CHECK (sequence > 0),
    -- Bitmap of ordinals.
    ordinals BYTEA NOT NULL CHECK (length(ordinals) <= 1000000),
    PRIMARY KEY (account_id, sequence)
);

-- Filters over fans, by name.
CREATE TABLE segment (
    account_id TEXT COLLATE "C" NOT NULL,
    segment_id TEXT COLLATE "C" NOT NULL CHECK (length(segment_id) BETWEEN 1 AND 63),
    display_name TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
    description TEXT NOT NULL CHECK (length(description) <= 500),
    filter TEXT NOT NULL CHECK (length(filter) BETWEEN 1 AND 4096),
    -- Grows with every change of the segment itself.
    revision BIGINT NOT NULL CHECK (revision > 0),
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, segment_id)
);
