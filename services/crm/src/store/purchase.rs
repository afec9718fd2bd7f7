use std::collections::HashMap;

use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::purchase::OrderFacts;

statements! {
    OWNERS = ["SELECT order_id, ordinal FROM ", lookup("purchase", "order_id", "TEXT", 2),
              " AND purchase.account_id = $1"];
    /// Merges as `OrderFacts::merge` does.
    MERGE = ["INSERT INTO purchase (account_id, order_id, ordinal, order_time, local_day, local_month, amount_minor, \
              refunded_minor, placed, cancelled) \
              SELECT $1, input.value->>0, CAST(input.value->>1 AS BIGINT), CAST(input.value->>2 AS BIGINT), \
              CAST(input.value->>3 AS BIGINT), CAST(input.value->>4 AS BIGINT), CAST(input.value->>5 AS BIGINT), \
              CAST(input.value->>6 AS BIGINT), CAST(input.value->>7 AS BIGINT), CAST(input.value->>8 AS BIGINT) FROM ",
             rows(2),
             " WHERE TRUE ON CONFLICT (account_id, order_id) DO UPDATE SET \
              (order_time, local_day, local_month) = (SELECT \
                CASE WHEN better THEN excluded.order_time ELSE purchase.order_time END, \
                CASE WHEN better THEN excluded.local_day ELSE purchase.local_day END, \
                CASE WHEN better THEN excluded.local_month ELSE purchase.local_month END \
                FROM (SELECT excluded.placed > purchase.placed OR (excluded.placed = purchase.placed \
                      AND excluded.order_time < purchase.order_time) AS better) AS comparison), \
              amount_minor = purchase.amount_minor + excluded.amount_minor, \
              refunded_minor = purchase.refunded_minor + excluded.refunded_minor, \
              placed = CASE WHEN excluded.placed > purchase.placed THEN excluded.placed ELSE purchase.placed END, \
              cancelled = CASE WHEN excluded.cancelled > purchase.cancelled THEN excluded.cancelled \
                          ELSE purchase.cancelled END"];
    SUMMARY = "SELECT COUNT(*), COUNT(DISTINCT local_day), CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT), \
               CAST(COALESCE(SUM(refunded_minor), 0) AS BIGINT), MIN(order_time), MAX(order_time) \
               FROM purchase WHERE account_id = $1 AND ordinal = $2 AND placed = 1 AND cancelled = 0";
}

/// What a batch says of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderUpdate {
    pub(crate) order_id: String,
    /// The fan whose order it is.
    pub(crate) ordinal: i64,
    pub(crate) facts: OrderFacts,
    /// Day and month of `facts.time` in the zone of the account.
    pub(crate) local_day: i64,
    pub(crate) local_month: i64,
}

/// The ordinals of the fans that the orders belong to, as far as they are known.
pub(crate) async fn owners<'a>(
    tx: &mut Tx,
    account_id: &str,
    order_ids: impl IntoIterator<Item = &'a str>,
) -> Result<HashMap<String, i64>, DbError> {
    let text = tx.pick(OWNERS);
    let ids = rows(order_ids.into_iter().map(|id| [id]))?;
    let found: Vec<(String, i64)> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(ids).fetch_all(conn).await)?;
    Ok(found.into_iter().collect())
}

/// Adds what a batch says to what is stored; an order at most once.
pub(crate) async fn merge(tx: &mut Tx, account_id: &str, updates: &[OrderUpdate]) -> Result<(), DbError> {
    if updates.is_empty() {
        return Ok(());
    }
    let text = tx.pick(MERGE);
    let updates = rows(updates.iter().map(|update| {
        let facts = &update.facts;
        (
            &update.order_id,
            update.ordinal,
            facts.time.0,
            update.local_day,
            update.local_month,
            facts.amount_minor,
            facts.refunded_minor,
            i64::from(facts.placed),
            i64::from(facts.cancelled),
        )
    }))?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(updates).execute(conn).await.map(drop))
}

/// What one fan bought: orders, distinct days, GMV, refunds, first and last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) order_count: i64,
    pub(crate) order_day_count: i64,
    pub(crate) gmv_minor: i64,
    pub(crate) refunded_minor: i64,
    pub(crate) first_order_time: Option<i64>,
    pub(crate) last_order_time: Option<i64>,
}

pub(crate) async fn summary(tx: &mut Tx, account_id: &str, ordinal: i64) -> Result<Summary, DbError> {
    let text = tx.pick(SUMMARY);
    let (order_count, order_day_count, gmv_minor, refunded_minor, first_order_time, last_order_time) =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(ordinal).fetch_one(conn).await)?;
    Ok(Summary { order_count, order_day_count, gmv_minor, refunded_minor, first_order_time, last_order_time })
}
