-- How often and when fans are reached, what they want, and whom messages reached. Times are Unix microseconds; the account comes
-- first in every key.

-- The versions of what an account asks of its messages, each from a time on. Version 0, which asks nothing, stands in the code.
CREATE TABLE reach_policy (
    account_id TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    effective_time INTEGER NOT NULL,
    -- JSON object.
    policy TEXT NOT NULL CHECK (length(policy) <= 4000),
    create_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, version)
) STRICT, WITHOUT ROWID;

CREATE INDEX reach_policy_by_time ON reach_policy (account_id, effective_time, version);

-- What users want of an account, known to it or not.
CREATE TABLE reach_preference (
    account_id TEXT NOT NULL,
    user_id TEXT NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    opted_out INTEGER NOT NULL CHECK (opted_out IN (0, 1)),
    -- Minutes of the day.
    quiet_start INTEGER CHECK (quiet_start BETWEEN 0 AND 1439),
    quiet_end INTEGER CHECK (quiet_end BETWEEN 0 AND 1439 AND (quiet_start IS NULL) = (quiet_end IS NULL)),
    revision INTEGER NOT NULL CHECK (revision > 0),
    update_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX reach_preference_opted_out ON reach_preference (account_id, user_id) WHERE opted_out = 1;
CREATE INDEX reach_preference_quiet ON reach_preference (account_id, user_id) WHERE quiet_start IS NOT NULL;

-- Topics that users want nothing about.
CREATE TABLE reach_topic_opt_out (
    account_id TEXT NOT NULL,
    topic TEXT NOT NULL CHECK (length(topic) BETWEEN 1 AND 63),
    user_id TEXT NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    PRIMARY KEY (account_id, topic, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX reach_topic_opt_out_by_user ON reach_topic_opt_out (account_id, user_id, topic);

-- Messages whose audience is frozen.
CREATE TABLE reach (
    account_id TEXT NOT NULL,
    -- Resource name of the message.
    message TEXT NOT NULL CHECK (length(message) BETWEEN 1 AND 210),
    channel TEXT NOT NULL CHECK (channel IN ('push', 'message', 'group')),
    send_time INTEGER NOT NULL,
    -- Caps do not count service messages.
    service INTEGER NOT NULL CHECK (service IN (0, 1)),
    high_priority INTEGER NOT NULL CHECK (high_priority IN (0, 1)),
    topic TEXT NOT NULL CHECK (length(topic) <= 63),
    policy_version INTEGER NOT NULL CHECK (policy_version >= 0),
    as_of INTEGER NOT NULL,
    -- When it was taken back: from then on what counts for caps are the sets that were kept.
    release_time INTEGER,
    PRIMARY KEY (account_id, message)
) STRICT, WITHOUT ROWID;

CREATE INDEX reach_by_time ON reach (send_time);

-- What became of whom: bitmaps of ordinals, in pieces of 1,048,576 ordinals.
CREATE TABLE reach_set (
    account_id TEXT NOT NULL,
    message TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN
        ('not_following', 'excluded', 'opted_out', 'topic_opted_out', 'capped', 'held', 'eligible', 'kept')),
    -- Place in the policy of the cap that decided; 0 with other verdicts.
    cap INTEGER NOT NULL CHECK (cap >= 0),
    -- When they are reached, or would have been.
    deliver_time INTEGER NOT NULL,
    piece INTEGER NOT NULL CHECK (piece >= 0),
    ordinals BLOB NOT NULL CHECK (length(ordinals) <= 200000),
    PRIMARY KEY (account_id, message, verdict, cap, deliver_time, piece)
) STRICT;

CREATE INDEX reach_set_counted ON reach_set (account_id, deliver_time) WHERE verdict IN ('held', 'eligible', 'kept');
