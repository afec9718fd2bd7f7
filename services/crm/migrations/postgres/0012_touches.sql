-- How accounts reached users: a row for each message that was sent to one. Times are Unix microseconds.

CREATE TABLE touch (
    account_id TEXT COLLATE "C" NOT NULL,
    -- Known to the account or not: it may write first.
    user_id TEXT COLLATE "C" NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    touch_time BIGINT NOT NULL,
    -- Resource name of the message.
    message TEXT COLLATE "C" NOT NULL CHECK (length(message) BETWEEN 1 AND 300),
    channel TEXT NOT NULL,
    -- Who wrote it for the account.
    author TEXT NOT NULL CHECK (length(author) <= 300),
    -- A message has one time for ever: told of once more it is known.
    PRIMARY KEY (account_id, user_id, touch_time, message)
);
