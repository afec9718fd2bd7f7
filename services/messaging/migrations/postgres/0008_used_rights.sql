-- Rights of the wallet that stored messages have used: until the accounts service knows.

CREATE TABLE used_right (
    account_id TEXT COLLATE "C" NOT NULL,
    reservation_id TEXT COLLATE "C" NOT NULL CHECK (length(reservation_id) BETWEEN 1 AND 64),
    PRIMARY KEY (account_id, reservation_id)
);
