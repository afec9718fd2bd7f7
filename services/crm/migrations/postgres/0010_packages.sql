-- Frozen audiences. Times are Unix microseconds; the account comes first in every key.

CREATE TABLE package (
    account_id TEXT COLLATE "C" NOT NULL,
    package_id TEXT COLLATE "C" NOT NULL CHECK (length(package_id) BETWEEN 1 AND 63),
    display_name TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
    kind TEXT NOT NULL CHECK (kind IN ('filter', 'segment', 'users', 'union', 'intersection', 'difference')),
    -- A filter, the id of a segment, or ids of packages with commas between, by the kind.
    source TEXT NOT NULL CHECK (length(source) <= 4096),
    fan_count BIGINT NOT NULL CHECK (fan_count >= 0),
    byte_count BIGINT NOT NULL CHECK (byte_count >= 0),
    as_of BIGINT NOT NULL,
    create_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, package_id)
);

-- Who is in them: bitmaps of ordinals, in pieces of 1,048,576 ordinals.
CREATE TABLE package_piece (
    account_id TEXT COLLATE "C" NOT NULL,
    package_id TEXT COLLATE "C" NOT NULL,
    piece BIGINT NOT NULL CHECK (piece >= 0),
    ordinals BYTEA NOT NULL CHECK (length(ordinals) <= 200000),
    PRIMARY KEY (account_id, package_id, piece)
);
