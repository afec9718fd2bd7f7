-- Interactions, fans, tiers and purchases. Times are Unix microseconds; the account comes first in every key.

-- One row per account: what must be taken in turn. Locking it serialises the writers of one account.
CREATE TABLE account (
    account_id TEXT NOT NULL PRIMARY KEY CHECK (length(account_id) BETWEEN 1 AND 63),
    -- Ordinal of the last fan.
    last_ordinal INTEGER NOT NULL CHECK (last_ordinal >= 0),
    -- Sequence of the last tier change.
    last_change INTEGER NOT NULL CHECK (last_change >= 0),
    -- Number of the last tag.
    last_tag INTEGER NOT NULL CHECK (last_tag >= 0),
    -- The tier rules in force.
    rules_version INTEGER NOT NULL CHECK (rules_version >= 0),
    -- The lifecycle rules in force.
    lifecycle_version INTEGER NOT NULL CHECK (lifecycle_version >= 0),
    -- While the fans are being moved to those rules: the last ordinal that was.
    migrated_ordinal INTEGER
) STRICT;

CREATE INDEX account_migrating ON account (account_id) WHERE migrated_ordinal IS NOT NULL;

-- What is known of a user towards an account.
CREATE TABLE fan (
    account_id TEXT NOT NULL,
    -- Dense number of the fan within the account, never given twice.
    ordinal INTEGER NOT NULL CHECK (ordinal > 0),
    user_id TEXT NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    following INTEGER NOT NULL CHECK (following IN (0, 1)),
    -- The latest follow or unfollow by event time, and its event.
    follow_time INTEGER,
    follow_event_id TEXT,
    tier TEXT NOT NULL CHECK (tier IN ('potential', 'passerby', 'favorable', 'true_love')),
    tier_since INTEGER NOT NULL,
    -- Intimacy in points at score_time.
    score REAL NOT NULL CHECK (score >= 0),
    score_time INTEGER NOT NULL,
    -- When decay alone lowers the tier.
    next_change_at INTEGER,
    rules_version INTEGER NOT NULL,
    first_time INTEGER NOT NULL,
    last_time INTEGER NOT NULL,
    interaction_count INTEGER NOT NULL CHECK (interaction_count >= 0),
    -- Interactions that were more than looking, and the latest by event time.
    active_count INTEGER NOT NULL CHECK (active_count >= 0),
    last_active_time INTEGER,
    -- Shares, and the latest by event time.
    share_count INTEGER NOT NULL CHECK (share_count >= 0),
    last_share_time INTEGER,
    PRIMARY KEY (account_id, ordinal)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX fan_by_user ON fan (account_id, user_id);
CREATE INDEX fan_by_tier ON fan (account_id, tier, ordinal);
-- The sweep over who is due reads this and nothing else.
CREATE INDEX fan_due ON fan (next_change_at, account_id, ordinal) WHERE next_change_at IS NOT NULL;

-- What users did. The key is the timeline; the event id makes repeats harmless.
CREATE TABLE interaction (
    account_id TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    event_time INTEGER NOT NULL,
    event_id TEXT NOT NULL CHECK (length(event_id) BETWEEN 1 AND 128),
    kind TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
    target TEXT NOT NULL CHECK (length(target) <= 200),
    source TEXT NOT NULL CHECK (source IN ('', 'public', 'commercial', 'private', 'external')),
    mount TEXT NOT NULL CHECK (length(mount) <= 200),
    campaign TEXT NOT NULL CHECK (length(campaign) <= 64),
    order_id TEXT CHECK (length(order_id) <= 128),
    amount_minor INTEGER NOT NULL CHECK (amount_minor >= 0),
    quantity INTEGER NOT NULL CHECK (quantity >= 0),
    ingest_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, ordinal, event_time, event_id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX interaction_by_event ON interaction (account_id, event_id);

-- Orders, folded from their lines, cancellations and refunds in whatever order those arrived.
CREATE TABLE purchase (
    account_id TEXT NOT NULL,
    order_id TEXT NOT NULL CHECK (length(order_id) BETWEEN 1 AND 128),
    ordinal INTEGER NOT NULL,
    -- Time of the first line, and its day (days since 1970-01-01) and month (year * 100 + month) in the zone of the
    -- account. Of the first cancellation or refund while no line has arrived.
    order_time INTEGER NOT NULL,
    local_day INTEGER NOT NULL,
    local_month INTEGER NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor >= 0),
    refunded_minor INTEGER NOT NULL CHECK (refunded_minor >= 0),
    -- Whether a line has arrived, and whether a cancellation has.
    placed INTEGER NOT NULL CHECK (placed IN (0, 1)),
    cancelled INTEGER NOT NULL CHECK (cancelled IN (0, 1)),
    PRIMARY KEY (account_id, order_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX purchase_by_fan ON purchase (account_id, ordinal);

-- Every move from tier to tier, in the order they were processed.
CREATE TABLE tier_change (
    account_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    -- Nothing for a user not known before.
    from_tier TEXT CHECK (from_tier IN ('potential', 'passerby', 'favorable', 'true_love')),
    to_tier TEXT NOT NULL CHECK (to_tier IN ('potential', 'passerby', 'favorable', 'true_love')),
    cause TEXT NOT NULL CHECK (cause IN ('interaction', 'follow', 'unfollow', 'decay', 'rules', 'rebuild')),
    event_id TEXT,
    rules_version INTEGER NOT NULL,
    score REAL NOT NULL,
    change_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE INDEX tier_change_by_fan ON tier_change (account_id, ordinal, sequence);
CREATE INDEX tier_change_by_time ON tier_change (account_id, change_time);

-- The versions of the rules behind score and tier. Version 0 is the platform's and stands in the code.
CREATE TABLE tier_rules (
    account_id TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    half_life INTEGER NOT NULL CHECK (half_life > 0),
    -- JSON object: points by kind of interaction.
    points TEXT NOT NULL CHECK (length(points) <= 2000),
    favorable_enter REAL NOT NULL,
    favorable_leave REAL NOT NULL,
    true_love_enter REAL NOT NULL,
    true_love_leave REAL NOT NULL,
    create_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, version)
) STRICT, WITHOUT ROWID;

-- Imports of historical interactions, and what their first call fixed.
CREATE TABLE import (
    account_id TEXT NOT NULL,
    import_id TEXT NOT NULL CHECK (length(import_id) BETWEEN 1 AND 64),
    shift_days INTEGER NOT NULL,
    treatment TEXT NOT NULL CHECK (length(treatment) <= 2000),
    -- Digests of the rows as the last call had them: whatever their order, and at their lines.
    content_digest TEXT NOT NULL CHECK (length(content_digest) <= 64),
    order_digest TEXT NOT NULL CHECK (length(order_digest) <= 64),
    create_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, import_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX import_by_content ON import (account_id, content_digest) WHERE content_digest <> '';
