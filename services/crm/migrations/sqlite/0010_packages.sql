-- Frozen audiences. Times are Unix microseconds; the account comes first in every key.

CREATE TABLE package (
    account_id TEXT NOT NULL,
    package_id TEXT NOT NULL CHECK (length(package_id) BETWEEN 1 AND 63),
    display_name TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
    kind TEXT NOT NULL CHECK (kind IN ('filter', 'segment', 'users', 'union', 'intersection', 'difference')),
    -- A filter, the id of a segment, or ids of packages with commas between, by the kind.
    source TEXT NOT NULL CHECK (length(source) <= 4096),
    fan_count INTEGER NOT NULL CHECK (fan_count >= 0),
    byte_count INTEGER NOT NULL CHECK (byte_count >= 0),
    as_of INTEGER NOT NULL,
    create_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, package_id)
) STRICT, WITHOUT ROWID;

-- Who is in them: bitmaps of ordinals, in pieces of 1,048,576 ordinals.
CREATE TABLE package_piece (
    account_id TEXT NOT NULL,
    package_id TEXT NOT NULL,
    piece INTEGER NOT NULL CHECK (piece >= 0),
    ordinals BLOB NOT NULL CHECK (length(ordinals) <= 200000),
    PRIMARY KEY (account_id, package_id, piece)
) STRICT;
