-- What the calls on a reservation asked for, so that a repeat of one is known for what it is.
ALTER TABLE right_reservation ADD COLUMN asked_expire_time BIGINT;
-- Of the last move; none: it was never moved
ALTER TABLE right_reservation ADD COLUMN moved_use_time BIGINT;
UPDATE right_reservation SET asked_expire_time = expire_time;
