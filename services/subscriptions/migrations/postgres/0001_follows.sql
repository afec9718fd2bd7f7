-- Who follows whom. Times are Unix microseconds; the account comes first in every key but that of following.

-- One row per account: whoever changes its followers takes it first, so that its events are in order.
CREATE TABLE account (
    account_id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(account_id) BETWEEN 1 AND 63)
);

-- Users who follow an account, or did.
CREATE TABLE follow (
    account_id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    following BIGINT NOT NULL CHECK (following IN (0, 1)),
    -- Whether the account follows back.
    mutual BIGINT NOT NULL CHECK (mutual IN (0, 1)),
    -- Where they came from when they last began to follow.
    source_domain TEXT NOT NULL CHECK (source_domain IN ('', 'public', 'commercial', 'private', 'external')),
    mount TEXT NOT NULL CHECK (length(mount) <= 200),
    campaign TEXT NOT NULL CHECK (length(campaign) <= 64),
    -- When they last began, and when they last stopped.
    follow_time BIGINT NOT NULL,
    unfollow_time BIGINT,
    PRIMARY KEY (account_id, user_id)
);

-- What a user follows now: the one table that is keyed by user, and which their feed is made from.
CREATE TABLE following (
    user_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    -- Number of the fan in the CRM, by which audiences are made; NULL until it was asked for.
    ordinal BIGINT CHECK (ordinal > 0),
    PRIMARY KEY (user_id, account_id)
);
