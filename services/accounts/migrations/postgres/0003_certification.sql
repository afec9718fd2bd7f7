-- Applications for certification, numbered per account, and on the account what it is certified for. Times are Unix
-- microseconds.
CREATE TABLE certification (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES account (account_id),
    number BIGINT NOT NULL CHECK (number >= 1),
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'rejected')),
    company_name TEXT NOT NULL CHECK (length(company_name) BETWEEN 1 AND 100),
    social_credit_code TEXT NOT NULL CHECK (length(social_credit_code) = 18),
    -- JSON array of [kind, name, SHA-256].
    documents TEXT NOT NULL CHECK (length(documents) <= 20000),
    reject_reason TEXT NOT NULL CHECK (length(reject_reason) <= 500),
    apply_time BIGINT NOT NULL,
    review_time BIGINT,
    -- The term of an approved one: from the first moment of it to the first after it.
    start_time BIGINT,
    expire_time BIGINT CHECK (expire_time > start_time),
    -- 1 while its end is the end of what the account is certified for, and nobody was told yet that this has come.
    ends_certification BIGINT NOT NULL CHECK (ends_certification IN (0, 1)),
    PRIMARY KEY (account_id, number),
    CHECK ((state = 'approved') = (start_time IS NOT NULL AND expire_time IS NOT NULL)),
    CHECK ((state = 'pending') = (review_time IS NULL)),
    CHECK (state = 'approved' OR ends_certification = 0)
);

CREATE UNIQUE INDEX certification_pending ON certification (account_id) WHERE state = 'pending';
CREATE INDEX certification_by_state ON certification (state, apply_time, account_id, number);
CREATE INDEX certification_by_time ON certification (apply_time, account_id, number);
CREATE INDEX certification_due ON certification (expire_time) WHERE ends_certification = 1;

ALTER TABLE account ADD COLUMN certification_start_time BIGINT;
ALTER TABLE account ADD COLUMN certification_expire_time BIGINT;
