-- What all enterprises together send one user. Times are Unix microseconds. These are the only tables whose keys do not begin with
-- an account.

-- One row: whoever freezes a message that counts locks it, once there is a policy.
CREATE TABLE shared_reach (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    -- The last number that a user got.
    last_person BIGINT NOT NULL CHECK (last_person >= 0),
    -- The last version of the policy.
    last_version BIGINT NOT NULL CHECK (last_version >= 0)
);

INSERT INTO shared_reach (id, last_person, last_version) VALUES (1, 0, 0);

-- The versions of what the platform asks of all messages, each from a time on. Version 0, which asks nothing, stands in the code.
CREATE TABLE shared_reach_policy (
    version BIGINT NOT NULL PRIMARY KEY CHECK (version > 0),
    effective_time BIGINT NOT NULL,
    -- Nothing: there is no cap.
    cap_count BIGINT CHECK (cap_count >= 0),
    cap_window BIGINT CHECK (cap_window > 0 AND (cap_count IS NULL) = (cap_window IS NULL)),
    create_time BIGINT NOT NULL
);

CREATE INDEX shared_reach_policy_by_time ON shared_reach_policy (effective_time, version);

-- Users by dense numbers that are the same for all accounts, given when something is first frozen for one of their accounts.
CREATE TABLE person (
    user_id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(user_id) BETWEEN 1 AND 128),
    number BIGINT NOT NULL CHECK (number > 0)
);

-- The numbers of the fans of an account: 65,536 in the order of their ordinals, 4 bytes each, 0 for nobody.
CREATE TABLE person_page (
    account_id TEXT COLLATE "C" NOT NULL,
    page BIGINT NOT NULL CHECK (page >= 0),
    numbers BYTEA NOT NULL CHECK (length(numbers) <= 262144),
    PRIMARY KEY (account_id, page)
);

-- All fans up to this one have a number.
ALTER TABLE account ADD COLUMN numbered_ordinal BIGINT NOT NULL DEFAULT 0 CHECK (numbered_ordinal >= 0);

CREATE INDEX account_unnumbered ON account (account_id) WHERE last_ordinal - numbered_ordinal > 10000;

-- Whom frozen messages reach, of all accounts: bitmaps of numbers, in pieces of 1,048,576.
CREATE TABLE shared_touch (
    piece BIGINT NOT NULL CHECK (piece >= 0),
    deliver_time BIGINT NOT NULL,
    -- Resource name.
    message TEXT COLLATE "C" NOT NULL CHECK (length(message) BETWEEN 1 AND 210),
    account_id TEXT COLLATE "C" NOT NULL,
    enterprise_id TEXT COLLATE "C" NOT NULL,
    channel TEXT NOT NULL CHECK (channel IN ('push', 'message', 'group')),
    persons BYTEA NOT NULL CHECK (length(persons) <= 200000),
    PRIMARY KEY (piece, deliver_time, message)
);

CREATE INDEX shared_touch_by_message ON shared_touch (account_id, message);

-- The version of the shared policy that a message was frozen by; nothing where it does not count for it.
ALTER TABLE reach ADD COLUMN shared_version BIGINT CHECK (shared_version >= 0);

-- One verdict more.
ALTER TABLE reach_set DROP CONSTRAINT reach_set_verdict_check;
ALTER TABLE reach_set ADD CONSTRAINT reach_set_verdict_check CHECK (verdict IN
    ('not_following', 'excluded', 'opted_out', 'topic_opted_out', 'capped', 'shared_capped', 'held', 'eligible', 'kept'));
