-- What the accounts service has told of accounts, through its events.
CREATE TABLE known_account (
    account_id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(account_id) BETWEEN 1 AND 63),
    enterprise_id TEXT COLLATE "C" NOT NULL CHECK (length(enterprise_id) BETWEEN 1 AND 63),
    time_zone TEXT NOT NULL CHECK (length(time_zone) BETWEEN 1 AND 64),
    currency_code TEXT NOT NULL CHECK (length(currency_code) = 3),
    -- When the account was last changed there: what is older tells nothing new.
    update_time BIGINT NOT NULL
);
