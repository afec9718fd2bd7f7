-- Interactions, fans, tiers and purchases. Times are Unix microseconds; the account comes first in every key.

-- One row per account: what must be taken in turn. Locking it serialises the writers of one account.
CREATE TABLE account (
    account_id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(account_id) BETWEEN 1 AND 63),
    -- Ordinal of the last fan.
    last_ordinal BIGINT NOT NULL CHECK (last_ordinal >= 0),
    -- Sequence of the last tier change.
    last_change BIGINT NOT NULL CHECK (last_change >= 0),
    -- Number of the last tag.
    last_tag BIGINT NOT NULL CHECK (last_tag >= 0),
    -- The tier rules in force.
    rules_version BIGINT NOT NULL CHECK (rules_version >= 0),
    -- The lifecycle rules in force.
    lifecycle_version BIGINT NOT NULL CHECK (lifecycle_version >= 0),
    -- While the fans are being moved to those rules: the last ordinal that was.
    migrated_ordinal BIGINT
);

CREATE INDEX account_migrating ON account (account_id) WHERE migrated_ordinal IS NOT NULL;

-- What is known of a user towards an account.
CREATE TABLE fan (
    account_id TEXT COLLATE "C" NOT NULL,
    -- Dense number of the fan within the account, never given twice.
    ordinal BIGINT NOT NULL CHECK (ordinal > 0),
    user_id TEXT COLLATE "C" NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    following BIGINT NOT NULL CHECK (following IN (0, 1)),
    -- The latest follow or unfollow by event time, and its event.
    follow_time BIGINT,
    follow_event_id TEXT COLLATE "C",
    tier TEXT NOT NULL CHECK (tier IN ('potential', 'passerby', 'favorable', 'true_love')),
    tier_since BIGINT NOT NULL,
    -- Intimacy in points at score_time.
    score DOUBLE PRECISION NOT NULL CHECK (score >= 0),
    score_time BIGINT NOT NULL,
    -- When decay alone lowers the tier.
    next_change_at BIGINT,
    rules_version BIGINT NOT NULL,
    first_time BIGINT NOT NULL,
    last_time BIGINT NOT NULL,
    interaction_count BIGINT NOT NULL CHECK (interaction_count >= 0),
    -- Interactions that were more than looking, and the latest by event time.
    active_count BIGINT NOT NULL CHECK (active_count >= 0),
    last_active_time BIGINT,
    -- Shares, and the latest by event time.
    share_count BIGINT NOT NULL CHECK (share_count >= 0),
    last_share_time BIGINT,
    PRIMARY KEY (account_id, ordinal)
);

CREATE UNIQUE INDEX fan_by_user ON fan (account_id, user_id);
CREATE INDEX fan_by_tier ON fan (account_id, tier, ordinal);
-- The sweep over who is due reads this and nothing else.
CREATE INDEX fan_due ON fan (next_change_at, account_id, ordinal) WHERE next_change_at IS NOT NULL;

-- What users did. The key is the timeline; the event id makes repeats harmless.
CREATE TABLE interaction (
    account_id TEXT COLLATE "C" NOT NULL,
    ordinal BIGINT NOT NULL,
    event_time BIGINT NOT NULL,
    event_id TEXT COLLATE "C" NOT NULL CHECK (length(event_id) BETWEEN 1 AND 128),
    kind TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
    target TEXT COLLATE "C" NOT NULL CHECK (length(target) <= 200),
    source TEXT COLLATE "C" NOT NULL CHECK (source IN ('', 'public', 'commercial', 'private', 'external')),
    mount TEXT COLLATE "C" NOT NULL CHECK (length(mount) <= 200),
    campaign TEXT COLLATE "C" NOT NULL CHECK (length(campaign) <= 64),
    order_id TEXT COLLATE "C" CHECK (length(order_id) <= 128),
    amount_minor BIGINT NOT NULL CHECK (amount_minor >= 0),
    quantity BIGINT NOT NULL CHECK (quantity >= 0),
    ingest_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, ordinal, event_time, event_id)
);

CREATE UNIQUE INDEX interaction_by_event ON interaction (account_id, event_id);

-- Orders, folded from their lines, cancellations and refunds in whatever order those arrived.
CREATE TABLE purchase (
    account_id TEXT COLLATE "C" NOT NULL,
    order_id TEXT COLLATE "C" NOT NULL CHECK (length(order_id) BETWEEN 1 AND 128),
    ordinal BIGINT NOT NULL,
    -- Time of the first line, and its day (days since 1970-01-01) and month (year * 100 + month) in the zone of the
    -- account. Of the first cancellation or refund while no line has arrived.
    order_time BIGINT NOT NULL,
    local_day BIGINT NOT NULL,
    local_month BIGINT NOT NULL,
    amount_minor BIGINT NOT NULL CHECK (amount_minor >= 0),
    refunded_minor BIGINT NOT NULL CHECK (refunded_minor >= 0),
    -- Whether a line has arrived, and whether a cancellation has.
    placed BIGINT NOT NULL CHECK (placed IN (0, 1)),
    cancelled BIGINT NOT NULL CHECK (cancelled IN (0, 1)),
    PRIMARY KEY (account_id, order_id)
);

CREATE INDEX purchase_by_fan ON purchase (account_id, ordinal);

-- Every move from tier to tier, in the order they were processed.
CREATE TABLE tier_change (
    account_id TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    -- Nothing for a user not known before.
    from_tier TEXT CHECK (from_tier IN ('potential', 'passerby', 'favorable', 'true_love')),
    to_tier TEXT NOT NULL CHECK (to_tier IN ('potential', 'passerby', 'favorable', 'true_love')),
    cause TEXT NOT NULL CHECK (cause IN ('interaction', 'follow', 'unfollow', 'decay', 'rules', 'rebuild')),
    event_id TEXT COLLATE "C",
    rules_version BIGINT NOT NULL,
    score DOUBLE PRECISION NOT NULL,
    change_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, sequence)
);

CREATE INDEX tier_change_by_fan ON tier_change (account_id, ordinal, sequence);
CREATE INDEX tier_change_by_time ON tier_change (account_id, change_time);

-- The versions of the rules behind score and tier. Version 0 is the platform's and stands in the code.
CREATE TABLE tier_rules (
    account_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL CHECK (version > 0),
    half_life BIGINT NOT NULL CHECK (half_life > 0),
    -- JSON object: points by kind of interaction.
    points TEXT NOT NULL CHECK (length(points) <= 2000),
    favorable_enter DOUBLE PRECISION NOT NULL,
    favorable_leave DOUBLE PRECISION NOT NULL,
    true_love_enter DOUBLE PRECISION NOT NULL,
    true_love_leave DOUBLE PRECISION NOT NULL,
    create_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, version)
);

-- Imports of historical interactions, and what their first call fixed.
CREATE TABLE import (
    account_id TEXT COLLATE "C" NOT NULL,
    import_id TEXT COLLATE "C" NOT NULL CHECK (length(import_id) BETWEEN 1 AND 64),
    shift_days BIGINT NOT NULL,
    treatment TEXT NOT NULL CHECK (length(treatment) <= 2000),
    -- Digests of the rows as the last call had them: whatever their order, and at their lines.
    content_digest TEXT NOT NULL CHECK (length(content_digest) <= 64),
    order_digest TEXT NOT NULL CHECK (length(order_digest) <= 64),
    create_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, import_id)
);

CREATE INDEX import_by_content ON import (account_id, content_digest) WHERE content_digest <> '';
