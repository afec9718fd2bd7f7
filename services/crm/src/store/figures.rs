//! The figures of an account, computed where the data lies. `valid` below are orders that were placed and not
//! cancelled; a customer is a fan with at least one of them.

use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::tier::Tier;

statements! {
    TIER_COUNTS = "SELECT tier, COUNT(*) FROM fan WHERE account_id = $1 GROUP BY tier";
    CUSTOMERS = "SELECT COUNT(*), COUNT(CASE WHEN orders >= 2 THEN 1 END) FROM \
                 (SELECT COUNT(*) AS orders FROM purchase WHERE account_id = $1 AND placed = 1 AND cancelled = 0 \
                  GROUP BY ordinal) AS customer";
    SALES = "WITH customer AS (SELECT COUNT(*) AS orders, COUNT(DISTINCT local_day) AS days, \
               SUM(amount_minor) AS gmv, SUM(refunded_minor) AS refunded, \
               MIN(order_time) AS first_time, MAX(order_time) AS last_time \
               FROM purchase WHERE account_id = $1 AND placed = 1 AND cancelled = 0 \
               AND order_time >= $2 AND order_time < $3 GROUP BY ordinal) \
             SELECT CAST(COALESCE(SUM(orders), 0) AS BIGINT) AS order_count, \
               COUNT(*) AS customer_count, \
               CAST(COALESCE(SUM(gmv), 0) AS BIGINT) AS gmv_minor, \
               CAST(COALESCE(SUM(refunded), 0) AS BIGINT) AS refunded_minor, \
               COUNT(CASE WHEN orders >= 2 THEN 1 END) AS repeat_customers_by_order, \
               COUNT(CASE WHEN days >= 2 THEN 1 END) AS repeat_customers_by_day, \
               CAST(COALESCE(SUM(CASE WHEN orders >= 2 THEN gmv END), 0) AS BIGINT) AS repeat_gmv_minor_by_order, \
               CAST(COALESCE(SUM(CASE WHEN days >= 2 THEN gmv END), 0) AS BIGINT) AS repeat_gmv_minor_by_day, \
               CAST(COALESCE(SUM(days), 0) AS BIGINT) AS order_day_count, \
               MIN(first_time) AS first_order_time, MAX(last_time) AS last_order_time FROM customer";
    MONTHS = "SELECT local_month, COUNT(*) AS order_count, COUNT(DISTINCT ordinal) AS customer_count, \
              CAST(SUM(amount_minor) AS BIGINT) AS gmv_minor, CAST(SUM(refunded_minor) AS BIGINT) AS refunded_minor \
              FROM purchase WHERE account_id = $1 AND placed = 1 AND cancelled = 0 AND local_month > $2 \
              GROUP BY local_month ORDER BY local_month LIMIT $3";
    /// GMV of the customers who spent most, for several numbers of customers.
    TOP = ["WITH ranked AS (SELECT ROW_NUMBER() OVER best AS place, SUM(gmv) OVER best AS gmv FROM \
              (SELECT ordinal, SUM(amount_minor) AS gmv FROM purchase \
               WHERE account_id = $1 AND placed = 1 AND cancelled = 0 GROUP BY ordinal) AS customer \
              WINDOW best AS (ORDER BY gmv DESC, ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) \
            SELECT place, CAST(ranked.gmv AS BIGINT) FROM ", rows(2),
           " JOIN ranked ON ranked.place = CAST(input.value->>0 AS BIGINT)"];
    /// RANK counts who is strictly worse, so equal customers score the same.
    RFM = "WITH customer AS (SELECT MAX(local_day) AS last_day, COUNT(DISTINCT local_day) AS days, \
             SUM(amount_minor) AS gmv FROM purchase \
             WHERE account_id = $1 AND placed = 1 AND cancelled = 0 GROUP BY ordinal), \
           scored AS (SELECT gmv, \
             1 + (RANK() OVER (ORDER BY last_day) - 1) * 5 / COUNT(*) OVER () AS recency, \
             1 + (RANK() OVER (ORDER BY days) - 1) * 5 / COUNT(*) OVER () AS frequency, \
             1 + (RANK() OVER (ORDER BY gmv) - 1) * 5 / COUNT(*) OVER () AS monetary FROM customer) \
           SELECT recency, frequency, monetary, COUNT(*), CAST(SUM(gmv) AS BIGINT) FROM scored \
           GROUP BY recency, frequency, monetary ORDER BY recency DESC, frequency DESC, monetary DESC";
    ACCOUNT = "SELECT (SELECT COUNT(*) FROM fan WHERE account_id = $1 AND tier <> 'potential'), \
               (SELECT COUNT(*) FROM fan WHERE account_id = $1), \
               COUNT(*), CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT) FROM purchase \
               WHERE account_id = $1 AND placed = 1 AND cancelled = 0";
    /// People over several accounts, each once: those who follow one, and those known to one.
    DISTINCT_PEOPLE = ["SELECT COUNT(CASE WHEN follows > 0 THEN 1 END), COUNT(*) FROM \
                        (SELECT SUM(fan.following) AS follows FROM ", rows(1),
                       " CROSS JOIN fan WHERE fan.account_id = input.value->>0 GROUP BY fan.user_id) AS person"];
}

/// Number of fans in each tier that has any.
pub(crate) async fn tier_counts(tx: &mut Tx, account_id: &str) -> Result<Vec<(Tier, i64)>, DbError> {
    let text = tx.pick(TIER_COUNTS);
    let found: Vec<(String, i64)> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_all(conn).await)?;
    let tier = |(name, count): (String, i64)| {
        Tier::named(&name)
            .map(|tier| (tier, count))
            .ok_or_else(|| DbError::broken(format!("fan.tier {name:?}")))
    };
    found.into_iter().map(tier).collect()
}

/// Number of customers, and of those with at least two orders.
pub(crate) async fn customers(tx: &mut Tx, account_id: &str) -> Result<(i64, i64), DbError> {
    let text = tx.pick(CUSTOMERS);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_one(conn).await)
}

/// Figures of the orders of a span of time.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Sales {
    pub(crate) order_count: i64,
    pub(crate) customer_count: i64,
    pub(crate) gmv_minor: i64,
    pub(crate) refunded_minor: i64,
    pub(crate) repeat_customers_by_order: i64,
    pub(crate) repeat_customers_by_day: i64,
    pub(crate) repeat_gmv_minor_by_order: i64,
    pub(crate) repeat_gmv_minor_by_day: i64,
    pub(crate) order_day_count: i64,
    pub(crate) first_order_time: Option<i64>,
    pub(crate) last_order_time: Option<i64>,
}

/// Of orders from `start` on and before `end`, in microseconds.
pub(crate) async fn sales(tx: &mut Tx, account_id: &str, start: i64, end: i64) -> Result<Sales, DbError> {
    let text = tx.pick(SALES);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(start).bind(end).fetch_one(conn).await)
}

/// Orders of one calendar month.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Month {
    /// year × 100 + month
    pub(crate) local_month: i64,
    pub(crate) order_count: i64,
    pub(crate) customer_count: i64,
    pub(crate) gmv_minor: i64,
    pub(crate) refunded_minor: i64,
}

/// Months with orders after `after`, oldest first.
pub(crate) async fn months(
    tx: &mut Tx,
    account_id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<Month>, DbError> {
    let text = tx.pick(MONTHS);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(after).bind(limit).fetch_all(conn).await)
}

/// GMV of the customers who spent most, for each of the numbers of customers, in no order: (number, GMV).
pub(crate) async fn top(
    tx: &mut Tx,
    account_id: &str,
    customers: &[i64],
) -> Result<Vec<(i64, i64)>, DbError> {
    let text = tx.pick(TOP);
    let places = rows(customers.iter().map(|place| [place]))?;
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(places).fetch_all(conn).await)
}

/// Customers by recency, frequency and monetary score: (R, F, M, customers, GMV), best first.
pub(crate) async fn rfm(tx: &mut Tx, account_id: &str) -> Result<Vec<(i64, i64, i64, i64, i64)>, DbError> {
    let text = tx.pick(RFM);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_all(conn).await)
}

/// Following, known, orders and GMV of one account.
pub(crate) async fn account(tx: &mut Tx, account_id: &str) -> Result<(i64, i64, i64, i64), DbError> {
    let text = tx.pick(ACCOUNT);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_one(conn).await)
}

/// People who follow at least one of the accounts, and people known to at least one.
pub(crate) async fn distinct_people(tx: &mut Tx, account_ids: &[&str]) -> Result<(i64, i64), DbError> {
    let text = tx.pick(DISTINCT_PEOPLE);
    let ids = rows(account_ids.iter().map(|id| [id]))?;
    on_db!(tx, |conn| sqlx::query_as(text).bind(ids).fetch_one(conn).await)
}
