//! Where fans come from, computed where the data lies. What names a source of its own belongs to it; all else to the last
//! touch of the same fan within the window. To find that, the touches of a fan are counted along their time: what has the
//! same number came after the same touch.

use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::traffic::{Grouping, Span, card_prefix, entrance_prefix, entry_code_prefix, homepage};

statements! {
    SOURCES = "WITH event AS (\
          SELECT ordinal, event_time, event_id, kind, CAST(0 AS BIGINT) AS amount_minor, \
            CASE CAST($5 AS TEXT) WHEN 'source_domain' THEN source WHEN 'campaign' THEN campaign \
              WHEN 'entry_code' THEN CASE WHEN substr(mount, 1, length($7)) = $7 THEN mount ELSE '' END \
              ELSE CASE WHEN mount = '' AND kind = 'homepage_visit' THEN $6 ELSE mount END END AS own \
          FROM traffic WHERE account_id = $1 AND event_time >= $2 AND event_time < $4 \
          UNION ALL \
          SELECT ordinal, order_time, order_id, 'order', amount_minor, '' FROM purchase \
          WHERE account_id = $1 AND order_time >= $3 AND order_time < $4 AND placed = 1 AND cancelled = 0), \
        marked AS (SELECT event.*, \
          CASE WHEN own <> '' AND kind IN ('homepage_visit', 'click', 'scan', 'view') THEN 1 ELSE 0 END AS is_touch FROM event), \
        numbered AS (SELECT marked.*, SUM(is_touch) OVER (PARTITION BY ordinal \
          ORDER BY event_time, is_touch DESC, event_id ROWS UNBOUNDED PRECEDING) AS touch FROM marked), \
        touched AS (SELECT numbered.*, MAX(CASE WHEN is_touch = 1 THEN own END) OVER same AS touch_source, \
          MAX(CASE WHEN is_touch = 1 THEN event_time END) OVER same AS touch_time \
          FROM numbered WINDOW same AS (PARTITION BY ordinal, touch)), \
        belonging AS (SELECT ordinal, kind, amount_minor, \
          CASE WHEN own <> '' THEN own WHEN touch_time >= event_time - $8 THEN touch_source ELSE '' END AS source, \
          CASE WHEN kind IN ('follow', 'unfollow') AND COALESCE((SELECT earlier.kind FROM interaction AS earlier \
            WHERE earlier.account_id = $1 AND earlier.ordinal = touched.ordinal \
            AND (earlier.event_time, earlier.event_id) < (touched.event_time, touched.event_id) \
            AND earlier.kind IN ('follow', 'unfollow') \
            ORDER BY earlier.event_time DESC, earlier.event_id DESC LIMIT 1), 'unfollow') <> kind \
            THEN 1 ELSE 0 END AS is_change \
          FROM touched WHERE event_time >= $3), \
        person AS (SELECT source, ordinal, \
          COUNT(CASE WHEN kind = 'scan' THEN 1 END) AS scans, COUNT(CASE WHEN kind = 'homepage_visit' THEN 1 END) AS visits, \
          COUNT(CASE WHEN kind = 'click' THEN 1 END) AS clicks, COUNT(CASE WHEN kind = 'view' THEN 1 END) AS views, \
          SUM(CASE WHEN kind = 'follow' THEN is_change ELSE 0 END) AS follows, \
          SUM(CASE WHEN kind = 'unfollow' THEN is_change ELSE 0 END) AS unfollows, \
          COUNT(CASE WHEN kind = 'coupon_claim' THEN 1 END) AS claims, \
          COUNT(CASE WHEN kind = 'coupon_redeem' THEN 1 END) AS redeems, COUNT(CASE WHEN kind = 'lead' THEN 1 END) AS leads, \
          COUNT(CASE WHEN kind = 'booking' THEN 1 END) AS bookings, \
          COUNT(CASE WHEN kind = 'live_appointment' THEN 1 END) AS appointments, \
          COUNT(CASE WHEN kind = 'order' THEN 1 END) AS orders, SUM(amount_minor) AS gmv \
          FROM belonging WHERE CAST($11 AS TEXT) IS NULL OR source = $11 GROUP BY source, ordinal) \
        SELECT source, CAST(SUM(scans) AS BIGINT) AS scan_count, CAST(SUM(visits) AS BIGINT) AS visit_count, \
          CAST(SUM(clicks) AS BIGINT) AS click_count, CAST(SUM(views) AS BIGINT) AS view_count, \
          COUNT(CASE WHEN scans + visits + clicks + views > 0 THEN 1 END) AS person_count, \
          CAST(SUM(follows) AS BIGINT) AS follow_count, CAST(SUM(unfollows) AS BIGINT) AS unfollow_count, \
          COUNT(CASE WHEN scans + visits + clicks + views > 0 AND follows > 0 THEN 1 END) AS new_follower_count, \
          CAST(SUM(claims) AS BIGINT) AS claim_count, CAST(SUM(redeems) AS BIGINT) AS redeem_count, \
          CAST(SUM(leads) AS BIGINT) AS lead_count, CAST(SUM(bookings) AS BIGINT) AS booking_count, \
          CAST(SUM(appointments) AS BIGINT) AS appointment_count, CAST(SUM(orders) AS BIGINT) AS order_count, \
          CAST(SUM(gmv) AS BIGINT) AS gmv_minor \
        FROM person WHERE CAST($9 AS TEXT) IS NULL OR source > $9 GROUP BY source ORDER BY source LIMIT $10";
    /// A visit is a touch of the homepage, whatever brought the visitor there.
    FUNNEL = "WITH event AS (SELECT ordinal, event_time, event_id, kind, \
          CASE WHEN kind = 'homepage_visit' THEN $6 ELSE mount END AS own \
          FROM traffic WHERE account_id = $1 AND event_time >= $2 AND event_time < $4 \
          AND kind IN ('homepage_visit', 'click', 'scan', 'view', 'follow')), \
        marked AS (SELECT event.*, CASE WHEN own <> '' AND kind <> 'follow' THEN 1 ELSE 0 END AS is_touch FROM event), \
        numbered AS (SELECT marked.*, SUM(is_touch) OVER along AS touch, \
          MAX(CASE WHEN kind = 'homepage_visit' AND event_time < $3 THEN event_time END) OVER along AS visit_time \
          FROM marked WINDOW along AS (PARTITION BY ordinal \
          ORDER BY event_time, is_touch DESC, event_id ROWS UNBOUNDED PRECEDING)), \
        touched AS (SELECT numbered.*, MAX(CASE WHEN is_touch = 1 THEN own END) OVER same AS touch_source, \
          MAX(CASE WHEN is_touch = 1 THEN event_time END) OVER same AS touch_time \
          FROM numbered WINDOW same AS (PARTITION BY ordinal, touch)), \
        follower AS (SELECT DISTINCT ordinal FROM touched WHERE kind = 'follow' AND visit_time >= event_time - $5 \
          AND (own = $6 OR (own = '' AND touch_source = $6 AND touch_time >= event_time - $5)) \
          AND COALESCE((SELECT earlier.kind FROM interaction AS earlier \
            WHERE earlier.account_id = $1 AND earlier.ordinal = touched.ordinal \
            AND (earlier.event_time, earlier.event_id) < (touched.event_time, touched.event_id) \
            AND earlier.kind IN ('follow', 'unfollow') \
            ORDER BY earlier.event_time DESC, earlier.event_id DESC LIMIT 1), 'unfollow') = 'unfollow'), \
        visitor AS (SELECT ordinal, COUNT(*) AS visits, MIN(event_time) AS first_time, \
          MAX(CASE WHEN EXISTS (SELECT 1 FROM interaction AS message WHERE message.account_id = $1 \
            AND message.ordinal = event.ordinal AND message.event_time >= event.event_time \
            AND message.event_time <= event.event_time + $5 AND message.kind = 'private_message') \
            THEN 1 ELSE 0 END) AS has_messaged \
          FROM event WHERE kind = 'homepage_visit' AND event_time < $3 GROUP BY ordinal), \
        judged AS (SELECT visitor.visits, visitor.has_messaged, \
          CASE WHEN COALESCE((SELECT earlier.kind FROM interaction AS earlier \
            WHERE earlier.account_id = $1 AND earlier.ordinal = visitor.ordinal \
            AND earlier.event_time < visitor.first_time AND earlier.kind IN ('follow', 'unfollow') \
            ORDER BY earlier.event_time DESC, earlier.event_id DESC LIMIT 1), 'unfollow') = 'unfollow' \
            THEN 1 ELSE 0 END AS is_stranger, \
          CASE WHEN follower.ordinal IS NULL THEN 0 ELSE 1 END AS has_followed \
          FROM visitor LEFT JOIN follower ON follower.ordinal = visitor.ordinal) \
        SELECT CAST(COALESCE(SUM(visits), 0) AS BIGINT) AS visit_count, COUNT(*) AS visitor_count, \
          CAST(COALESCE(SUM(is_stranger), 0) AS BIGINT) AS stranger_count, \
          CAST(COALESCE(SUM(is_stranger * has_followed), 0) AS BIGINT) AS new_follower_count, \
          CAST(COALESCE(SUM(has_messaged), 0) AS BIGINT) AS messaging_visitor_count FROM judged";
    /// What was clicked: of one mount, or of any.
    TARGETS = "WITH act AS (SELECT ordinal, kind, target, mount, \
          MAX(CASE WHEN kind = 'homepage_visit' THEN 1 ELSE 0 END) OVER (PARTITION BY ordinal) AS has_visited \
          FROM traffic WHERE account_id = $1 AND event_time >= $2 AND event_time < $3 \
          AND kind IN ('click', 'homepage_visit')), \
        clicker AS (SELECT target, ordinal, COUNT(*) AS clicks, MAX(has_visited) AS has_visited FROM act \
          WHERE kind = 'click' AND substr(target, 1, length($4)) = $4 \
          AND (CAST($5 AS TEXT) IS NULL OR mount = $5) GROUP BY target, ordinal) \
        SELECT target, CAST(SUM(clicks) AS BIGINT) AS click_count, COUNT(*) AS clicker_count, \
          CAST(SUM(has_visited) AS BIGINT) AS visitor_count \
        FROM clicker GROUP BY target ORDER BY clicker_count DESC, target LIMIT $6";
    CARDS = "WITH person AS (SELECT target, mount, ordinal, COUNT(CASE WHEN kind = 'click' THEN 1 END) AS clicks, \
          COUNT(CASE WHEN kind = 'coupon_claim' THEN 1 END) AS claims, \
          COUNT(CASE WHEN kind = 'coupon_redeem' THEN 1 END) AS redeems, COUNT(CASE WHEN kind = 'lead' THEN 1 END) AS leads, \
          COUNT(CASE WHEN kind = 'booking' THEN 1 END) AS bookings, \
          COUNT(CASE WHEN kind = 'live_appointment' THEN 1 END) AS appointments \
          FROM traffic WHERE account_id = $1 AND event_time >= $2 AND event_time < $3 \
          AND kind IN ('booking', 'click', 'coupon_claim', 'coupon_redeem', 'lead', 'live_appointment') \
          AND substr(target, 1, length($4)) = $4 AND (CAST($5 AS TEXT) IS NULL OR target = $5) \
          AND (CAST($6 AS TEXT) IS NULL OR (target, mount) > ($6, $7)) GROUP BY target, mount, ordinal) \
        SELECT target AS card, mount, CAST(SUM(clicks) AS BIGINT) AS click_count, \
          COUNT(CASE WHEN clicks > 0 THEN 1 END) AS clicker_count, CAST(SUM(claims) AS BIGINT) AS claim_count, \
          CAST(SUM(redeems) AS BIGINT) AS redeem_count, CAST(SUM(leads) AS BIGINT) AS lead_count, \
          CAST(SUM(bookings) AS BIGINT) AS booking_count, CAST(SUM(appointments) AS BIGINT) AS appointment_count, \
          COUNT(CASE WHEN claims + leads + bookings + appointments > 0 THEN 1 END) AS converted_count \
        FROM person GROUP BY target, mount ORDER BY target, mount LIMIT $8";
}

/// Targets of clicks that are answered at most.
const MOST_TARGETS: i64 = 200;

/// What came from one source.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct SourceFigures {
    /// As the grouping names it; empty where nothing is known.
    pub(crate) source: String,
    pub(crate) scan_count: i64,
    pub(crate) visit_count: i64,
    pub(crate) click_count: i64,
    pub(crate) view_count: i64,
    pub(crate) person_count: i64,
    pub(crate) follow_count: i64,
    pub(crate) unfollow_count: i64,
    /// Of those who came, those with a follow.
    pub(crate) new_follower_count: i64,
    pub(crate) claim_count: i64,
    pub(crate) redeem_count: i64,
    pub(crate) lead_count: i64,
    pub(crate) booking_count: i64,
    pub(crate) appointment_count: i64,
    pub(crate) order_count: i64,
    pub(crate) gmv_minor: i64,
}

/// What the sources after `after` brought, one or all, by name.
pub(crate) async fn sources(
    tx: &mut Tx,
    account_id: &str,
    span: Span,
    (grouping, source): (Grouping, Option<&str>),
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<SourceFigures>, DbError> {
    let text = tx.pick(SOURCES);
    on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(span.start - span.window)
        .bind(span.start)
        .bind(span.end)
        .bind(grouping.name())
        .bind(homepage(account_id))
        .bind(entry_code_prefix(account_id))
        .bind(span.window)
        .bind(after)
        .bind(limit)
        .bind(source)
        .fetch_all(conn)
        .await)
}

/// How the homepage turns visitors into followers.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Funnel {
    pub(crate) visit_count: i64,
    pub(crate) visitor_count: i64,
    pub(crate) stranger_count: i64,
    pub(crate) new_follower_count: i64,
    pub(crate) messaging_visitor_count: i64,
}

pub(crate) async fn homepage_funnel(tx: &mut Tx, account_id: &str, span: Span) -> Result<Funnel, DbError> {
    let text = tx.pick(FUNNEL);
    on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(span.start)
        .bind(span.end)
        .bind(span.end + span.window)
        .bind(span.window)
        .bind(homepage(account_id))
        .fetch_one(conn)
        .await)
}

/// What was clicked on the homepage.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Target {
    pub(crate) target: String,
    pub(crate) click_count: i64,
    pub(crate) clicker_count: i64,
    /// Of those who clicked, those who also visited.
    pub(crate) visitor_count: i64,
}

/// The entrances that were clicked, most users first.
pub(crate) async fn entrances(tx: &mut Tx, account_id: &str, span: Span) -> Result<Vec<Target>, DbError> {
    targets(tx, account_id, span, &entrance_prefix(account_id), None).await
}

/// The cards that were clicked on the homepage, most users first.
pub(crate) async fn homepage_cards(
    tx: &mut Tx,
    account_id: &str,
    span: Span,
) -> Result<Vec<Target>, DbError> {
    targets(tx, account_id, span, &card_prefix(account_id), Some(&homepage(account_id))).await
}

async fn targets(
    tx: &mut Tx,
    account_id: &str,
    span: Span,
    prefix: &str,
    mount: Option<&str>,
) -> Result<Vec<Target>, DbError> {
    let text = tx.pick(TARGETS);
    on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(span.start)
        .bind(span.end)
        .bind(prefix)
        .bind(mount)
        .bind(MOST_TARGETS)
        .fetch_all(conn)
        .await)
}

/// What came of a card at one mount.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct CardFigures {
    pub(crate) card: String,
    pub(crate) mount: String,
    pub(crate) click_count: i64,
    pub(crate) clicker_count: i64,
    pub(crate) claim_count: i64,
    pub(crate) redeem_count: i64,
    pub(crate) lead_count: i64,
    pub(crate) booking_count: i64,
    pub(crate) appointment_count: i64,
    pub(crate) converted_count: i64,
}

/// What came of cards, one or all, after a card and mount, by their names.
pub(crate) async fn cards(
    tx: &mut Tx,
    account_id: &str,
    span: Span,
    card: Option<&str>,
    after: Option<(&str, &str)>,
    limit: i64,
) -> Result<Vec<CardFigures>, DbError> {
    let text = tx.pick(CARDS);
    let (after_card, after_mount) = after.unzip();
    on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(span.start)
        .bind(span.end)
        .bind(card_prefix(account_id))
        .bind(card)
        .bind(after_card)
        .bind(after_mount)
        .bind(limit)
        .fetch_all(conn)
        .await)
}
