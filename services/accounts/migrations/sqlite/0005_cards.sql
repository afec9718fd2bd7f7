-- The catalog of cards, and coupons with what was claimed of them. Times are Unix microseconds.
CREATE TABLE card (
    account_id TEXT NOT NULL REFERENCES account (account_id),
    card_id TEXT NOT NULL CHECK (length(card_id) BETWEEN 1 AND 63),
    kind TEXT NOT NULL CHECK (kind IN (
        'product', 'service', 'coupon', 'lead_form', 'booking', 'live_appointment', 'group_invite', 'link'
    )),
    state TEXT NOT NULL CHECK (state IN ('active', 'archived')),
    -- Grows with every change
    revision INTEGER NOT NULL CHECK (revision > 0),
    display_name TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
    description TEXT NOT NULL CHECK (length(description) <= 2000),
    picture_uri TEXT NOT NULL CHECK (length(picture_uri) <= 2000),
    -- JSON
    conditions TEXT NOT NULL CHECK (length(conditions) <= 1000),
    -- JSON: of the kind
    settings TEXT NOT NULL CHECK (length(settings) <= 100000),
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, card_id)
) STRICT;

-- What is counted of a coupon: the row that claims of it lock.
CREATE TABLE coupon (
    account_id TEXT NOT NULL,
    card_id TEXT NOT NULL,
    stock INTEGER NOT NULL CHECK (stock >= 0),
    claimed INTEGER NOT NULL CHECK (claimed BETWEEN 0 AND stock),
    redeemed INTEGER NOT NULL CHECK (redeemed BETWEEN 0 AND claimed),
    PRIMARY KEY (account_id, card_id),
    FOREIGN KEY (account_id, card_id) REFERENCES card (account_id, card_id)
) STRICT;

-- A coupon in the hands of a fan. Never deleted.
CREATE TABLE coupon_claim (
    account_id TEXT NOT NULL,
    claim_id TEXT NOT NULL CHECK (length(claim_id) BETWEEN 1 AND 64),
    card_id TEXT NOT NULL,
    user_id TEXT NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    -- What the fan shows at the till
    code TEXT NOT NULL CHECK (length(code) = 12),
    -- Where it was claimed, which domain and which campaign brought the fan there; empty where unknown
    mount TEXT NOT NULL CHECK (length(mount) <= 200),
    source_domain TEXT NOT NULL CHECK (source_domain IN ('', 'public', 'commercial', 'private', 'external')),
    campaign TEXT NOT NULL CHECK (length(campaign) <= 64),
    claim_time INTEGER NOT NULL,
    -- From then on it cannot be redeemed
    expire_time INTEGER NOT NULL,
    redeem_time INTEGER,
    -- Empty where the till did not tell
    order_id TEXT NOT NULL CHECK (length(order_id) <= 128),
    order_amount_minor INTEGER CHECK (order_amount_minor >= 0),
    PRIMARY KEY (account_id, claim_id),
    FOREIGN KEY (account_id, card_id) REFERENCES coupon (account_id, card_id)
) STRICT;

CREATE UNIQUE INDEX coupon_claim_by_code ON coupon_claim (account_id, code);
CREATE INDEX coupon_claim_by_card ON coupon_claim (account_id, card_id, claim_time, claim_id);
CREATE INDEX coupon_claim_by_user ON coupon_claim (account_id, user_id, claim_time, claim_id);
