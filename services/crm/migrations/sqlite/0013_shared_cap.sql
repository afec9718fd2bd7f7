-- What all enterprises together send one user. Times are Unix microseconds. These are the only tables whose keys do not begin with
-- an account.

-- One row: whoever freezes a message that counts locks it, once there is a policy.
CREATE TABLE shared_reach (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    -- The last number that a user got.
    last_person INTEGER NOT NULL CHECK (last_person >= 0),
    -- The last version of the policy.
    last_version INTEGER NOT NULL CHECK (last_version >= 0)
) STRICT, WITHOUT ROWID;

INSERT INTO shared_reach (id, last_person, last_version) VALUES (1, 0, 0);

-- The versions of what the platform asks of all messages, each from a time on. Version 0, which asks nothing, stands in the code.
CREATE TABLE shared_reach_policy (
    version INTEGER NOT NULL PRIMARY KEY CHECK (version > 0),
    effective_time INTEGER NOT NULL,
    -- Nothing: there is no cap.
    cap_count INTEGER CHECK (cap_count >= 0),
    cap_window INTEGER CHECK (cap_window > 0 AND (cap_count IS NULL) = (cap_window IS NULL)),
    create_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX shared_reach_policy_by_time ON shared_reach_policy (effective_time, version);

-- Users by dense numbers that are the same for all accounts, given when something is first frozen for one of their accounts.
CREATE TABLE person (
    user_id TEXT NOT NULL PRIMARY KEY CHECK (length(user_id) BETWEEN 1 AND 128),
    number INTEGER NOT NULL CHECK (number > 0)
) STRICT, WITHOUT ROWID;

-- The numbers of the fans of an account: 65,536 in the order of their ordinals, 4 bytes each, 0 for nobody.
CREATE TABLE person_page (
    account_id TEXT NOT NULL,
    page INTEGER NOT NULL CHECK (page >= 0),
    numbers BLOB NOT NULL CHECK (length(numbers) <= 262144),
    PRIMARY KEY (account_id, page)
) STRICT;

-- All fans up to this one have a number.
ALTER TABLE account ADD COLUMN numbered_ordinal INTEGER NOT NULL DEFAULT 0 CHECK (numbered_ordinal >= 0);

CREATE INDEX account_unnumbered ON account (account_id) WHERE last_ordinal - numbered_ordinal > 10000;

-- Whom frozen messages reach, of all accounts: bitmaps of numbers, in pieces of 1,048,576.
CREATE TABLE shared_touch (
    piece INTEGER NOT NULL CHECK (piece >= 0),
    deliver_time INTEGER NOT NULL,
    -- Resource name.
    message TEXT NOT NULL CHECK (length(message) BETWEEN 1 AND 210),
    account_id TEXT NOT NULL,
    enterprise_id TEXT NOT NULL,
    channel TEXT NOT NULL CHECK (channel IN ('push', 'message', 'group')),
    persons BLOB NOT NULL CHECK (length(persons) <= 200000),
    PRIMARY KEY (piece, deliver_time, message)
) STRICT;

CREATE INDEX shared_touch_by_message ON shared_touch (account_id, message);

-- The version of the shared policy that a message was frozen by; nothing where it does not count for it.
ALTER TABLE reach ADD COLUMN shared_version INTEGER CHECK (shared_version >= 0);

-- One verdict more.
ALTER TABLE reach_set RENAME TO reach_set_before;
CREATE TABLE reach_set (
    account_id TEXT NOT NULL,
    message TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN
        ('not_following', 'excluded', 'opted_out', 'topic_opted_out', 'capped', 'shared_capped', 'held', 'eligible', 'kept')),
    -- Place in the policy of the cap that decided; 0 with other verdicts.
    cap INTEGER NOT NULL CHECK (cap >= 0),
    -- When they are reached, or would have been.
    deliver_time INTEGER NOT NULL,
    piece INTEGER NOT NULL CHECK (piece >= 0),
    ordinals BLOB NOT NULL CHECK (length(ordinals) <= 200000),
    PRIMARY KEY (account_id, message, verdict, cap, deliver_time, piece)
) STRICT;
INSERT INTO reach_set (account_id, message, verdict, cap, deliver_time, piece, ordinals)
    SELECT account_id, message, verdict, cap, deliver_time, piece, ordinals FROM reach_set_before;
DROP TABLE reach_set_before;

CREATE INDEX reach_set_counted ON reach_set (account_id, deliver_time) WHERE verdict IN ('held', 'eligible', 'kept');
