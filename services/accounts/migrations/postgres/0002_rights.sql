-- The rights wallet: policies, wallets with their lots, reservations, and the ledger. Times are Unix microseconds.

-- What accounts of a class are allowed, from a use time on until a later row takes its place. Never changed.
CREATE TABLE right_policy (
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('push', 'private_message', 'traffic_credit')),
    certification_class TEXT COLLATE "C" NOT NULL CHECK (certification_class IN ('basic', 'certified')),
    effective_time BIGINT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount BETWEEN 0 AND 1000000000),
    period TEXT NOT NULL CHECK (period IN ('month', 'once')),
    create_time BIGINT NOT NULL,
    PRIMARY KEY (kind, certification_class, effective_time)
);

-- The platform's rule: 8 pushes a month for certified accounts.
INSERT INTO right_policy (kind, certification_class, effective_time, amount, period, create_time)
VALUES ('push', 'certified', 0, 8, 'month', 0);

-- One kind of right of one account: the row that its writers lock, and the sums of its ledger.
CREATE TABLE right_wallet (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES account (account_id),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('push', 'private_message', 'traffic_credit')),
    last_sequence BIGINT NOT NULL CHECK (last_sequence >= 0),
    last_lot BIGINT NOT NULL CHECK (last_lot >= 0),
    available BIGINT NOT NULL CHECK (available >= 0),
    reserved BIGINT NOT NULL CHECK (reserved >= 0),
    used BIGINT NOT NULL CHECK (used >= 0),
    PRIMARY KEY (account_id, kind)
);

-- What is in a wallet: the allowance of a period, or a grant.
CREATE TABLE right_lot (
    account_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    lot BIGINT NOT NULL CHECK (lot > 0),
    origin TEXT NOT NULL CHECK (origin IN ('policy', 'grant')),
    -- When it can be used: from start_time until before end_time; without end_time for ever
    start_time BIGINT NOT NULL,
    end_time BIGINT,
    available BIGINT NOT NULL CHECK (available >= 0),
    reserved BIGINT NOT NULL CHECK (reserved >= 0),
    used BIGINT NOT NULL CHECK (used >= 0),
    -- How many were granted, and why; 0 and empty for a policy
    granted BIGINT NOT NULL CHECK (granted >= 0),
    reason TEXT NOT NULL CHECK (length(reason) <= 200),
    create_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, kind, lot),
    FOREIGN KEY (account_id, kind) REFERENCES right_wallet (account_id, kind)
);

-- A period has one lot, whatever happens.
CREATE UNIQUE INDEX right_lot_by_period ON right_lot (account_id, kind, start_time, COALESCE(end_time, 0))
WHERE origin = 'policy';
-- What a tick expires.
CREATE INDEX right_lot_by_end ON right_lot (end_time) WHERE available > 0 AND end_time IS NOT NULL;

CREATE TABLE right_reservation (
    account_id TEXT COLLATE "C" NOT NULL,
    reservation_id TEXT COLLATE "C" NOT NULL CHECK (length(reservation_id) BETWEEN 1 AND 64),
    kind TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    -- What the first call asked for, so that a repeat is known for what it is; none: the time it came, and for ever
    asked_use_time BIGINT,
    asked_expire_time BIGINT,
    -- What the last move asked for; none: it was never moved
    moved_use_time BIGINT,
    use_time BIGINT NOT NULL,
    expire_time BIGINT,
    state TEXT NOT NULL CHECK (state IN ('reserved', 'committed', 'released', 'expired')),
    -- JSON array of the lots and how many of each
    parts TEXT NOT NULL CHECK (length(parts) <= 100000),
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, reservation_id),
    FOREIGN KEY (account_id, kind) REFERENCES right_wallet (account_id, kind)
);

-- What a tick gives back.
CREATE INDEX right_reservation_by_expiry ON right_reservation (expire_time)
WHERE state = 'reserved' AND expire_time IS NOT NULL;

-- Every step of every wallet. Never changed.
CREATE TABLE right_ledger (
    account_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL CHECK (sequence > 0),
    entry_kind TEXT NOT NULL
    CHECK (entry_kind IN ('allow', 'grant', 'reserve', 'commit', 'release', 'lapse', 'expire')),
    lot BIGINT NOT NULL,
    -- Empty for none
    reservation_id TEXT COLLATE "C" NOT NULL CHECK (length(reservation_id) <= 64),
    available BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    used BIGINT NOT NULL,
    reason TEXT NOT NULL CHECK (length(reason) <= 200),
    -- Empty where time or policy did it
    actor TEXT NOT NULL CHECK (length(actor) <= 600),
    create_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, kind, sequence),
    FOREIGN KEY (account_id, kind, lot) REFERENCES right_lot (account_id, kind, lot)
);
