-- Who may do what for an account or a company, API keys, and the keys that sign tokens. Times are Unix microseconds.
CREATE TABLE operator (
    -- accounts/{account} or enterprises/{enterprise}
    parent TEXT NOT NULL CHECK (length(parent) BETWEEN 1 AND 100),
    operator_id TEXT NOT NULL CHECK (length(operator_id) BETWEEN 1 AND 63),
    subject TEXT NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
    display_name TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
    role TEXT NOT NULL CHECK (role IN ('analyst', 'agent', 'operator', 'admin', 'owner')),
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    PRIMARY KEY (parent, operator_id)
) STRICT;

CREATE UNIQUE INDEX operator_by_subject ON operator (subject, parent);

CREATE TABLE api_key (
    account_id TEXT NOT NULL REFERENCES account (account_id),
    api_key_id TEXT NOT NULL CHECK (length(api_key_id) BETWEEN 1 AND 63),
    display_name TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
    role TEXT NOT NULL CHECK (role IN ('analyst', 'agent', 'operator', 'admin', 'owner')),
    -- SHA-256 of the secret, hexadecimal. The secret itself is stored nowhere.
    secret_digest TEXT NOT NULL CHECK (length(secret_digest) = 64),
    create_time INTEGER NOT NULL,
    expire_time INTEGER,
    last_use_time INTEGER,
    revoke_time INTEGER,
    PRIMARY KEY (account_id, api_key_id)
) STRICT;

-- Whoever can read the seed of a key can sign tokens: this database is a secret.
CREATE TABLE signing_key (
    kid TEXT NOT NULL PRIMARY KEY CHECK (length(kid) BETWEEN 1 AND 63),
    -- The next key is known before it signs, so that a token is good everywhere the moment it is made.
    stage TEXT NOT NULL CHECK (stage IN ('next', 'current', 'past')),
    -- The Ed25519 private key, hexadecimal; empty once it no longer signs.
    seed TEXT NOT NULL CHECK (length(seed) = CASE stage WHEN 'past' THEN 0 ELSE 64 END),
    -- The public key, in base64url.
    x TEXT NOT NULL CHECK (length(x) = 43),
    create_time INTEGER NOT NULL,
    -- From then on a past key is not listed any more.
    retire_time INTEGER CHECK ((stage = 'past') = (retire_time IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX signing_key_by_stage ON signing_key (stage) WHERE stage <> 'past';
