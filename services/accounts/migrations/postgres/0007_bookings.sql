-- Times that can be booked, and who has booked them. Times are Unix microseconds.
CREATE TABLE booking_slot (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES account (account_id),
    card_id TEXT COLLATE "C" NOT NULL CHECK (length(card_id) BETWEEN 1 AND 63),
    start_time BIGINT NOT NULL,
    end_time BIGINT NOT NULL CHECK (end_time > start_time),
    capacity BIGINT NOT NULL CHECK (capacity BETWEEN 1 AND 10000),
    -- Bookings that have a place in it.
    booked BIGINT NOT NULL CHECK (booked BETWEEN 0 AND capacity),
    create_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, card_id, start_time)
);

CREATE INDEX booking_slot_by_end ON booking_slot (account_id, card_id, end_time);

CREATE TABLE booking (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES account (account_id),
    booking_id TEXT COLLATE "C" NOT NULL CHECK (length(booking_id) BETWEEN 1 AND 64),
    card_id TEXT COLLATE "C" NOT NULL CHECK (length(card_id) BETWEEN 1 AND 63),
    -- Of its slot.
    start_time BIGINT NOT NULL,
    end_time BIGINT NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    state TEXT NOT NULL CHECK (state IN ('booked', 'cancelled', 'declined', 'completed', 'no_show')),
    -- The phone number, encrypted with the key of this id, which is in no database. Both are empty where there is none.
    key_id TEXT NOT NULL CHECK (length(key_id) <= 63),
    sealed TEXT NOT NULL CHECK (length(sealed) <= 1000),
    decline_reason TEXT NOT NULL CHECK (length(decline_reason) <= 200),
    mount TEXT NOT NULL CHECK (length(mount) <= 200),
    source_domain TEXT NOT NULL CHECK (source_domain IN ('', 'public', 'commercial', 'private', 'external')),
    campaign TEXT NOT NULL CHECK (length(campaign) <= 64),
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, booking_id)
);

-- A user has at most one place in a slot.
CREATE UNIQUE INDEX booking_by_place ON booking (account_id, card_id, start_time, user_id)
WHERE state NOT IN ('cancelled', 'declined');
CREATE INDEX booking_by_time ON booking (account_id, start_time, booking_id);
CREATE INDEX booking_by_card ON booking (account_id, card_id, start_time, booking_id);
CREATE INDEX booking_by_user ON booking (account_id, user_id, start_time, booking_id);
