-- Events of this service, and its way through the feeds of others. Times are Unix microseconds.

-- What happened. Written in the transaction of the change, without a position; published when it has one.
CREATE TABLE event (
    -- The order of writing. Readers never use it: elsewhere a lower one may become visible later.
    event_sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL CHECK (length(event_id) BETWEEN 1 AND 64),
    -- Whose it is: accounts/{account} or enterprises/{enterprise}.
    event_key TEXT NOT NULL CHECK (length(event_key) BETWEEN 1 AND 128),
    -- Depends on the key alone.
    partition_number INTEGER NOT NULL,
    -- Place in the partition, given by the publisher.
    position INTEGER CHECK (position > 0),
    type_url TEXT NOT NULL CHECK (length(type_url) BETWEEN 1 AND 200),
    payload BLOB NOT NULL CHECK (length(payload) <= 65536),
    trace_parent TEXT NOT NULL CHECK (length(trace_parent) <= 64),
    create_time INTEGER NOT NULL,
    publish_time INTEGER
) STRICT;

CREATE UNIQUE INDEX event_by_position ON event (partition_number, position) WHERE position IS NOT NULL;
CREATE INDEX event_unpublished ON event (event_sequence) WHERE position IS NULL;
CREATE INDEX event_by_age ON event (publish_time, position) WHERE publish_time IS NOT NULL;

-- Where each partition ends, and where it begins since old events were removed.
CREATE TABLE event_partition (
    partition_number INTEGER NOT NULL PRIMARY KEY,
    last_position INTEGER NOT NULL CHECK (last_position >= 0),
    trimmed_position INTEGER NOT NULL CHECK (trimmed_position >= 0),
    CHECK (trimmed_position <= last_position)
) STRICT;

INSERT INTO event_partition (partition_number, last_position, trimmed_position)
VALUES (0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0), (5, 0, 0), (6, 0, 0), (7, 0, 0),
       (8, 0, 0), (9, 0, 0), (10, 0, 0), (11, 0, 0), (12, 0, 0), (13, 0, 0), (14, 0, 0), (15, 0, 0);

-- Who publishes. The token counts the holders: whoever has an old one is fenced off. The beat shows that the holder
-- works.
CREATE TABLE event_lease (
    lease_name TEXT NOT NULL PRIMARY KEY CHECK (length(lease_name) BETWEEN 1 AND 64),
    holder TEXT NOT NULL CHECK (length(holder) <= 64),
    token INTEGER NOT NULL CHECK (token >= 0),
    beat INTEGER NOT NULL CHECK (beat >= 0)
) STRICT;

-- How far this service has come in the feeds of others. Moved in the transaction of the effect.
CREATE TABLE event_cursor (
    consumer TEXT NOT NULL CHECK (length(consumer) BETWEEN 1 AND 64),
    partition_number INTEGER NOT NULL,
    position INTEGER NOT NULL CHECK (position >= 0),
    PRIMARY KEY (consumer, partition_number)
) STRICT;

-- Keys of which an event could not be applied, and the events that wait for that.
CREATE TABLE event_parked_key (
    consumer TEXT NOT NULL,
    event_key TEXT NOT NULL,
    reason TEXT NOT NULL CHECK (length(reason) <= 2000),
    attempt_count INTEGER NOT NULL CHECK (attempt_count > 0),
    park_time INTEGER NOT NULL,
    PRIMARY KEY (consumer, event_key)
) STRICT;

CREATE TABLE event_parked (
    consumer TEXT NOT NULL,
    event_key TEXT NOT NULL,
    position INTEGER NOT NULL,
    partition_number INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    type_url TEXT NOT NULL,
    payload BLOB NOT NULL,
    trace_parent TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    publish_time INTEGER,
    PRIMARY KEY (consumer, event_key, position)
) STRICT;
