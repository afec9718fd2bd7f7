-- What tells where fans come from: few of all interactions. The view and its index must say the same.
CREATE VIEW traffic AS
SELECT account_id, ordinal, event_time, event_id, kind, target, source, mount, campaign FROM interaction
WHERE kind IN ('booking', 'click', 'coupon_claim', 'coupon_redeem', 'follow', 'homepage_visit', 'lead',
               'live_appointment', 'scan');

CREATE INDEX interaction_traffic ON interaction (account_id, event_time)
WHERE kind IN ('booking', 'click', 'coupon_claim', 'coupon_redeem', 'follow', 'homepage_visit', 'lead',
               'live_appointment', 'scan');

-- Whether somebody followed at a moment.
CREATE INDEX interaction_follow ON interaction (account_id, ordinal, event_time, event_id, kind)
WHERE kind IN ('follow', 'unfollow');

CREATE INDEX purchase_by_time ON purchase (account_id, order_time);
