-- Who opens something that names where it comes from, a push above all, came through that; and fans leave by places too. The
-- view and its index must say the same.
DROP VIEW traffic;
DROP INDEX interaction_traffic;

CREATE VIEW traffic AS
SELECT account_id, ordinal, event_time, event_id, kind, target, source, mount, campaign FROM interaction
WHERE kind IN ('booking', 'click', 'coupon_claim', 'coupon_redeem', 'follow', 'homepage_visit', 'lead',
               'live_appointment', 'scan', 'unfollow') OR (kind = 'view' AND mount <> '');

CREATE INDEX interaction_traffic ON interaction (account_id, event_time)
WHERE kind IN ('booking', 'click', 'coupon_claim', 'coupon_redeem', 'follow', 'homepage_visit', 'lead',
               'live_appointment', 'scan', 'unfollow') OR (kind = 'view' AND mount <> '');
