-- Pushes and whom they reach. Times are Unix microseconds; the account comes first in every key.

CREATE TABLE push (
    account_id TEXT COLLATE "C" NOT NULL,
    push_id TEXT COLLATE "C" NOT NULL CHECK (length(push_id) BETWEEN 1 AND 63),
    state TEXT NOT NULL CHECK (state IN ('draft', 'reserving', 'scheduled', 'publishing', 'sending', 'paused', 'sent',
                                         'cancelled', 'recalled', 'failed')),
    -- JSON
    content TEXT NOT NULL CHECK (length(content) <= 200000),
    -- As the CRM reads it.
    audience BYTEA NOT NULL CHECK (length(audience) <= 60000),
    topic TEXT NOT NULL CHECK (length(topic) <= 63),
    service_message BIGINT NOT NULL CHECK (service_message IN (0, 1)),
    time_to_live BIGINT NOT NULL CHECK (time_to_live > 0),
    -- When it is to be published, or was.
    publish_time BIGINT,
    -- While it is scheduled or moved: when it is to be published if there is a right for it.
    wanted_time BIGINT,
    -- The frozen audience: how many are planned, and how many of them were excluded for which reason, as JSON.
    planned_count BIGINT NOT NULL CHECK (planned_count >= 0),
    excluded TEXT NOT NULL CHECK (length(excluded) <= 2000),
    failure TEXT NOT NULL CHECK (length(failure) <= 500),
    -- The push that this one corrects; empty for none.
    corrects TEXT NOT NULL CHECK (length(corrects) <= 63),
    -- When there is something to do for it; NULL for nothing.
    due_time BIGINT,
    -- What is to be given back: the right that was reserved, and what the CRM counted for frequency caps.
    owes_right BIGINT NOT NULL CHECK (owes_right IN (0, 1)),
    owes_reach BIGINT NOT NULL CHECK (owes_reach IN (0, 1)),
    -- Counts the changes by operators.
    revision BIGINT NOT NULL CHECK (revision > 0),
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, push_id)
);

CREATE INDEX push_due ON push (due_time, account_id, push_id) WHERE due_time IS NOT NULL;

-- The fans whom a push reaches at one time. A fan is in one wave of a push at most.
CREATE TABLE push_wave (
    account_id TEXT COLLATE "C" NOT NULL,
    push_id TEXT COLLATE "C" NOT NULL,
    wave BIGINT NOT NULL CHECK (wave >= 0),
    state TEXT NOT NULL CHECK (state IN ('held', 'delivered', 'failed', 'retracted')),
    -- When it was delivered, or is to be.
    deliver_time BIGINT NOT NULL,
    -- When it leaves the feeds.
    expire_time BIGINT NOT NULL,
    fan_count BIGINT NOT NULL CHECK (fan_count >= 0),
    -- A Roaring bitmap of ordinals, in the portable format.
    ordinals BYTEA NOT NULL,
    PRIMARY KEY (account_id, push_id, wave)
);

-- Feeds are made from this.
CREATE INDEX push_wave_delivered ON push_wave (account_id, deliver_time, push_id, wave, expire_time)
WHERE state = 'delivered';

-- What happened to a fan by a push: written when something does.
CREATE TABLE touch (
    account_id TEXT COLLATE "C" NOT NULL,
    push_id TEXT COLLATE "C" NOT NULL,
    ordinal BIGINT NOT NULL CHECK (ordinal > 0),
    -- When the push was first returned to them with their feed, and what they then did, each for the first time.
    seen_time BIGINT NOT NULL,
    open_time BIGINT,
    click_time BIGINT,
    like_time BIGINT,
    collect_time BIGINT,
    comment_time BIGINT,
    convert_time BIGINT,
    PRIMARY KEY (account_id, push_id, ordinal)
);

-- How many rows of touch have which time.
CREATE TABLE push_tally (
    account_id TEXT COLLATE "C" NOT NULL,
    push_id TEXT COLLATE "C" NOT NULL,
    seen BIGINT NOT NULL CHECK (seen >= 0),
    opened BIGINT NOT NULL CHECK (opened >= 0),
    clicked BIGINT NOT NULL CHECK (clicked >= 0),
    liked BIGINT NOT NULL CHECK (liked >= 0),
    collected BIGINT NOT NULL CHECK (collected >= 0),
    commented BIGINT NOT NULL CHECK (commented >= 0),
    converted BIGINT NOT NULL CHECK (converted >= 0),
    PRIMARY KEY (account_id, push_id)
);

-- What operators were told a push would do.
CREATE TABLE push_plan (
    account_id TEXT COLLATE "C" NOT NULL,
    push_id TEXT COLLATE "C" NOT NULL,
    plan_id TEXT COLLATE "C" NOT NULL CHECK (length(plan_id) = 26),
    -- Revision of the push that was planned.
    revision BIGINT NOT NULL,
    publish_time BIGINT NOT NULL,
    -- Those who would be reached, at once or later: a Roaring bitmap of ordinals, in the portable format.
    ordinals BYTEA NOT NULL,
    expire_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, push_id, plan_id)
);

CREATE INDEX push_plan_expired ON push_plan (expire_time);

-- What plans are signed with.
CREATE TABLE signing_secret (
    secret_id BIGINT NOT NULL PRIMARY KEY CHECK (secret_id = 1),
    secret BYTEA NOT NULL CHECK (length(secret) = 32)
);

-- Users who want nothing of an account, or nothing of some topics, as the CRM tells it.
CREATE TABLE opt_out (
    user_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    everything BIGINT NOT NULL CHECK (everything IN (0, 1)),
    -- JSON
    topics TEXT NOT NULL CHECK (length(topics) <= 8000),
    PRIMARY KEY (user_id, account_id)
);
