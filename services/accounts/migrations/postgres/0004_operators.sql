-- Who may do what for an account or a company, API keys, and the keys that sign tokens. Times are Unix microseconds.
CREATE TABLE operator (
    -- accounts/{account} or enterprises/{enterprise}
    parent TEXT COLLATE "C" NOT NULL CHECK (length(parent) BETWEEN 1 AND 100),
    operator_id TEXT COLLATE "C" NOT NULL CHECK (length(operator_id) BETWEEN 1 AND 63),
    subject TEXT COLLATE "C" NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
    display_name TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
    role TEXT NOT NULL CHECK (role IN ('analyst', 'agent', 'operator', 'admin', 'owner')),
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    PRIMARY KEY (parent, operator_id)
);

CREATE UNIQUE INDEX operator_by_subject ON operator (subject, parent);

CREATE TABLE api_key (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES account (account_id),
    api_key_id TEXT COLLATE "C" NOT NULL CHECK (length(api_key_id) BETWEEN 1 AND 63),
    display_name TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
    role TEXT NOT NULL CHECK (role IN ('analyst', 'agent', 'operator', 'admin', 'owner')),
    -- SHA-256 of the secret, hexadecimal. The secret itself is stored nowhere.
    secret_digest TEXT NOT NULL CHECK (length(secret_digest) = 64),
    create_time BIGINT NOT NULL,
    expire_time BIGINT,
    last_use_time BIGINT,
    revoke_time BIGINT,
    PRIMARY KEY (account_id, api_key_id)
);

-- Whoever can read the seed of a key can sign tokens: this database is a secret.
CREATE TABLE signing_key (
    kid TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(kid) BETWEEN 1 AND 63),
    -- The next key is known before it signs, so that a token is good everywhere the moment it is made.
    stage TEXT NOT NULL CHECK (stage IN ('next', 'current', 'past')),
    -- The Ed25519 private key, hexadecimal; empty once it no longer signs.
    seed TEXT NOT NULL CHECK (length(seed) = CASE stage WHEN 'past' THEN 0 ELSE 64 END),
    -- The public key, in base64url.
    x TEXT NOT NULL CHECK (length(x) = 43),
    create_time BIGINT NOT NULL,
    -- From then on a past key is not listed any more.
    retire_time BIGINT CHECK ((stage = 'past') = (retire_time IS NOT NULL))
);

CREATE UNIQUE INDEX signing_key_by_stage ON signing_key (stage) WHERE stage <> 'past';
