-- What users leave in lead forms. Times are Unix microseconds.
CREATE TABLE lead (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES account (account_id),
    lead_id TEXT COLLATE "C" NOT NULL CHECK (length(lead_id) BETWEEN 1 AND 64),
    -- The form.
    card_id TEXT COLLATE "C" NOT NULL CHECK (length(card_id) BETWEEN 1 AND 63),
    user_id TEXT COLLATE "C" NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    state TEXT NOT NULL CHECK (state IN ('stored', 'erased')),
    -- The answers, encrypted with the key of this id, which is in no database. Both are empty once erased.
    key_id TEXT NOT NULL CHECK (length(key_id) <= 63),
    sealed TEXT NOT NULL CHECK (length(sealed) <= 400000),
    consent_version TEXT COLLATE "C" NOT NULL CHECK (length(consent_version) BETWEEN 1 AND 64),
    mount TEXT NOT NULL CHECK (length(mount) <= 200),
    source_domain TEXT NOT NULL CHECK (source_domain IN ('', 'public', 'commercial', 'private', 'external')),
    campaign TEXT NOT NULL CHECK (length(campaign) <= 64),
    -- The day of the account, in days since 1970, and which of the user's leads in this form on that day it is.
    day BIGINT NOT NULL,
    number_of_day BIGINT NOT NULL CHECK (number_of_day BETWEEN 1 AND 5),
    create_time BIGINT NOT NULL,
    erase_time BIGINT,
    PRIMARY KEY (account_id, lead_id),
    CHECK ((state = 'erased') = (erase_time IS NOT NULL)),
    CHECK ((state = 'erased') = (length(sealed) = 0 AND length(key_id) = 0))
);

CREATE UNIQUE INDEX lead_by_user ON lead (account_id, card_id, user_id, day, number_of_day);
CREATE INDEX lead_by_time ON lead (account_id, create_time, lead_id);
CREATE INDEX lead_by_form ON lead (account_id, card_id, create_time, lead_id);

-- The texts that users agreed to, also those that no form shows any more.
CREATE TABLE lead_consent (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES account (account_id),
    consent_version TEXT COLLATE "C" NOT NULL CHECK (length(consent_version) BETWEEN 1 AND 64),
    consent_text TEXT NOT NULL CHECK (length(consent_text) BETWEEN 1 AND 2000),
    create_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, consent_version)
);
