-- Requests that were carried out, so that a repeat gets the first answer. Kept for 48 hours. The id comes first in the
-- key: callers who send time-ordered ids (ULID, UUIDv7) write at one end of the index.
CREATE TABLE request (
    request_id TEXT COLLATE "C" NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
    method TEXT COLLATE "C" NOT NULL CHECK (length(method) <= 200),
    -- KIND:SUBJECT
    caller TEXT COLLATE "C" NOT NULL CHECK (length(caller) <= 300),
    -- KIND:SUBJECT, or empty
    on_behalf_of TEXT COLLATE "C" NOT NULL CHECK (length(on_behalf_of) <= 300),
    -- SHA-256 of the request, hexadecimal
    payload_digest TEXT NOT NULL CHECK (length(payload_digest) = 64),
    -- JSON; empty until the transaction that wrote the row is about to commit
    answer TEXT NOT NULL CHECK (length(answer) <= 1000000),
    create_time BIGINT NOT NULL,
    PRIMARY KEY (request_id, method, caller, on_behalf_of)
);

CREATE INDEX request_by_time ON request (create_time);

-- Who changed what. Nothing is ever changed here.
CREATE TABLE audit_entry (
    entry_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- accounts/{account}, enterprises/{enterprise} or platform
    parent TEXT COLLATE "C" NOT NULL CHECK (length(parent) BETWEEN 1 AND 100),
    -- The name in the request that says what was acted on; empty where it names nothing
    resource TEXT NOT NULL CHECK (length(resource) <= 1000),
    method TEXT COLLATE "C" NOT NULL CHECK (length(method) <= 200),
    -- KIND:SUBJECT
    caller TEXT COLLATE "C" NOT NULL CHECK (length(caller) <= 300),
    -- KIND:SUBJECT, or empty
    on_behalf_of TEXT COLLATE "C" NOT NULL CHECK (length(on_behalf_of) <= 300),
    request_id TEXT COLLATE "C" NOT NULL CHECK (length(request_id) <= 64),
    -- JSON without what is marked as redacted
    request TEXT NOT NULL CHECK (length(request) <= 20000),
    trace_id TEXT NOT NULL CHECK (length(trace_id) <= 32),
    create_time BIGINT NOT NULL
);

CREATE INDEX audit_entry_by_parent ON audit_entry (parent, create_time, entry_id);
