-- Red envelopes and their money. Times are Unix microseconds, amounts the minor unit of the account's currency; the account comes
-- first in every key.

-- What an account has for envelopes: the row that is locked to pay in, to put in, and to take back.
CREATE TABLE envelope_budget (
    account_id TEXT NOT NULL PRIMARY KEY,
    funded_minor INTEGER NOT NULL CHECK (funded_minor >= 0),
    balance_minor INTEGER NOT NULL CHECK (balance_minor BETWEEN 0 AND funded_minor),
    -- The last day on which something was put in, in the account's time zone, and how much that was; empty: never
    day TEXT NOT NULL CHECK (length(day) <= 16),
    day_minor INTEGER NOT NULL CHECK (day_minor >= 0),
    -- None: no limit
    daily_cap_minor INTEGER CHECK (daily_cap_minor >= 0),
    fan_daily_cap_minor INTEGER CHECK (fan_daily_cap_minor >= 0)
) STRICT, WITHOUT ROWID;

-- The row that those who grab lock, a transaction for many of them.
CREATE TABLE envelope (
    account_id TEXT NOT NULL REFERENCES envelope_budget (account_id),
    envelope_id TEXT NOT NULL CHECK (length(envelope_id) BETWEEN 1 AND 63),
    group_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('fixed', 'lucky')),
    total_minor INTEGER NOT NULL CHECK (total_minor >= share_count),
    share_count INTEGER NOT NULL CHECK (share_count > 0),
    -- Empty: all members
    min_tier TEXT NOT NULL,
    greeting TEXT NOT NULL CHECK (length(greeting) <= 100),
    author TEXT NOT NULL CHECK (length(author) <= 600),
    seed TEXT NOT NULL CHECK (length(seed) = 64),
    seed_digest TEXT NOT NULL CHECK (length(seed_digest) = 64),
    -- The calendar of the account
    time_zone TEXT NOT NULL,
    -- The message that announces it
    message_sequence INTEGER NOT NULL CHECK (message_sequence > 0),
    state TEXT NOT NULL CHECK (state IN ('open', 'empty', 'expired')),
    grabbed_count INTEGER NOT NULL CHECK (grabbed_count BETWEEN 0 AND share_count),
    grabbed_minor INTEGER NOT NULL CHECK (grabbed_minor >= 0),
    escrow_minor INTEGER NOT NULL CHECK (escrow_minor >= 0),
    refunded_minor INTEGER NOT NULL CHECK (refunded_minor >= 0),
    create_time INTEGER NOT NULL,
    expire_time INTEGER NOT NULL,
    end_time INTEGER,
    PRIMARY KEY (account_id, envelope_id),
    CHECK (grabbed_minor + escrow_minor + refunded_minor = total_minor)
) STRICT, WITHOUT ROWID;

CREATE INDEX envelope_by_group ON envelope (account_id, group_id, create_time, envelope_id);
-- What a tick takes back.
CREATE INDEX envelope_by_expiry ON envelope (expire_time) WHERE state = 'open';

-- What an envelope was cut into, in the order in which it is handed out. Never changed.
CREATE TABLE envelope_share (
    account_id TEXT NOT NULL,
    envelope_id TEXT NOT NULL,
    place INTEGER NOT NULL CHECK (place > 0),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    PRIMARY KEY (account_id, envelope_id, place),
    FOREIGN KEY (account_id, envelope_id) REFERENCES envelope (account_id, envelope_id)
) STRICT, WITHOUT ROWID;

-- Who has which share: a share is given once, and to nobody a second one. Never changed.
CREATE TABLE envelope_grab (
    account_id TEXT NOT NULL,
    envelope_id TEXT NOT NULL,
    place INTEGER NOT NULL,
    user_id TEXT NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    grab_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, envelope_id, place),
    FOREIGN KEY (account_id, envelope_id, place) REFERENCES envelope_share (account_id, envelope_id, place)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX envelope_grab_of_user ON envelope_grab (account_id, envelope_id, user_id);

-- What fans have got out of envelopes.
CREATE TABLE envelope_fan (
    account_id TEXT NOT NULL,
    user_id TEXT NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    payable_minor INTEGER NOT NULL CHECK (payable_minor >= 0),
    -- The last day on which the fan got something, in the account's time zone, and how much that was; empty: never
    day TEXT NOT NULL CHECK (length(day) <= 16),
    day_minor INTEGER NOT NULL CHECK (day_minor >= 0),
    PRIMARY KEY (account_id, user_id)
) STRICT, WITHOUT ROWID;

-- Every step of the money, from one account of the ledger to another: no step can be taken twice. Never changed.
CREATE TABLE envelope_entry (
    account_id TEXT NOT NULL,
    -- Id of the envelope, or of the payment
    subject TEXT NOT NULL CHECK (length(subject) BETWEEN 1 AND 63),
    cause TEXT NOT NULL CHECK (cause IN ('fund', 'create', 'grab', 'refund')),
    -- Of the share; 0 for none
    place INTEGER NOT NULL CHECK (place >= 0),
    debit TEXT NOT NULL CHECK (length(debit) BETWEEN 1 AND 140),
    credit TEXT NOT NULL CHECK (length(credit) BETWEEN 1 AND 140 AND credit <> debit),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    create_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, subject, cause, place)
) STRICT, WITHOUT ROWID;
