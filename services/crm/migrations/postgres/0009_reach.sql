-- How often and when fans are reached, what they want, and whom messages reached. Times are Unix microseconds; the account comes
-- first in every key.

-- The versions of what an account asks of its messages, each from a time on. Version 0, which asks nothing, stands in the code.
CREATE TABLE reach_policy (
    account_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL CHECK (version > 0),
    effective_time BIGINT NOT NULL,
    -- JSON object.
    policy TEXT NOT NULL CHECK (length(policy) <= 4000),
    create_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, version)
);

CREATE INDEX reach_policy_by_time ON reach_policy (account_id, effective_time, version);

-- What users want of an account, known to it or not.
CREATE TABLE reach_preference (
    account_id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    opted_out BIGINT NOT NULL CHECK (opted_out IN (0, 1)),
    -- Minutes of the day.
    quiet_start BIGINT CHECK (quiet_start BETWEEN 0 AND 1439),
    quiet_end BIGINT CHECK (quiet_end BETWEEN 0 AND 1439 AND (quiet_start IS NULL) = (quiet_end IS NULL)),
    revision BIGINT NOT NULL CHECK (revision > 0),
    update_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, user_id)
);

CREATE INDEX reach_preference_opted_out ON reach_preference (account_id, user_id) WHERE opted_out = 1;
CREATE INDEX reach_preference_quiet ON reach_preference (account_id, user_id) WHERE quiet_start IS NOT NULL;

-- Topics that users want nothing about.
CREATE TABLE reach_topic_opt_out (
    account_id TEXT COLLATE "C" NOT NULL,
    topic TEXT COLLATE "C" NOT NULL CHECK (length(topic) BETWEEN 1 AND 63),
    user_id TEXT COLLATE "C" NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    PRIMARY KEY (account_id, topic, user_id)
);

CREATE INDEX reach_topic_opt_out_by_user ON reach_topic_opt_out (account_id, user_id, topic);

-- Messages whose audience is frozen.
CREATE TABLE reach (
    account_id TEXT COLLATE "C" NOT NULL,
    -- Resource name of the message.
    message TEXT COLLATE "C" NOT NULL CHECK (length(message) BETWEEN 1 AND 210),
    channel TEXT NOT NULL CHECK (channel IN ('push', 'message', 'group')),
    send_time BIGINT NOT NULL,
    -- Caps do not count service messages.
    service BIGINT NOT NULL CHECK (service IN (0, 1)),
    high_priority BIGINT NOT NULL CHECK (high_priority IN (0, 1)),
    topic TEXT COLLATE "C" NOT NULL CHECK (length(topic) <= 63),
    policy_version BIGINT NOT NULL CHECK (policy_version >= 0),
    as_of BIGINT NOT NULL,
    -- When it was taken back: from then on what counts for caps are the sets that were kept.
    release_time BIGINT,
    PRIMARY KEY (account_id, message)
);

CREATE INDEX reach_by_time ON reach (send_time);

-- What became of whom: bitmaps of ordinals, in pieces of 1,048,576 ordinals.
CREATE TABLE reach_set (
    account_id TEXT COLLATE "C" NOT NULL,
    message TEXT COLLATE "C" NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN
        ('not_following', 'excluded', 'opted_out', 'topic_opted_out', 'capped', 'held', 'eligible', 'kept')),
    -- Place in the policy of the cap that decided; 0 with other verdicts.
    cap BIGINT NOT NULL CHECK (cap >= 0),
    -- When they are reached, or would have been.
    deliver_time BIGINT NOT NULL,
    piece BIGINT NOT NULL CHECK (piece >= 0),
    ordinals BYTEA NOT NULL CHECK (length(ordinals) <= 200000),
    PRIMARY KEY (account_id, message, verdict, cap, deliver_time, piece)
);

CREATE INDEX reach_set_counted ON reach_set (account_id, deliver_time) WHERE verdict IN ('held', 'eligible', 'kept');
