//! What lifecycle stage, value class and rules look at, gathered from fans and their orders.

use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::{
    activity::Activity,
    lifecycle::{Facts, Orders},
    tier::Tier,
};

statements! {
    RANGE = "SELECT fan.ordinal, tier, following, follow_time, first_time, last_time, active_count, last_active_time, \
             share_count, last_share_time, COALESCE(order_count, 0) AS order_count, \
             COALESCE(order_day_count, 0) AS order_day_count, COALESCE(net_minor, 0) AS net_minor, last_order_time \
             FROM fan LEFT JOIN \
             (SELECT ordinal, COUNT(*) AS order_count, COUNT(DISTINCT local_day) AS order_day_count, \
                CAST(SUM(amount_minor - refunded_minor) AS BIGINT) AS net_minor, MAX(order_time) AS last_order_time \
              FROM purchase WHERE account_id = $1 AND ordinal > $2 AND ordinal <= $3 AND placed = 1 AND cancelled = 0 \
              GROUP BY ordinal) AS bought ON bought.ordinal = fan.ordinal \
             WHERE fan.account_id = $1 AND fan.ordinal > $2 AND fan.ordinal <= $3 ORDER BY fan.ordinal";
}

/// A fan by ordinal, with the facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FanFacts {
    pub(crate) ordinal: i64,
    pub(crate) tier: Tier,
    pub(crate) facts: Facts,
}

#[derive(sqlx::FromRow)]
struct Row {
    ordinal: i64,
    tier: String,
    following: i64,
    follow_time: Option<i64>,
    first_time: i64,
    last_time: i64,
    active_count: i64,
    last_active_time: Option<i64>,
    share_count: i64,
    last_share_time: Option<i64>,
    order_count: i64,
    order_day_count: i64,
    net_minor: i64,
    last_order_time: Option<i64>,
}

impl TryFrom<Row> for FanFacts {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let tier =
            Tier::named(&row.tier).ok_or_else(|| DbError::broken(format!("fan.tier {:?}", row.tier)))?;
        let facts = Facts {
            following: row.following == 1,
            follow_change: row.follow_time.map(Micros),
            first_time: Micros(row.first_time),
            last_time: Micros(row.last_time),
            activity: Activity {
                active_count: row.active_count,
                last_active: row.last_active_time.map(Micros),
                share_count: row.share_count,
                last_share: row.last_share_time.map(Micros),
            },
            orders: Orders {
                count: row.order_count,
                day_count: row.order_day_count,
                net_minor: row.net_minor,
                last: row.last_order_time.map(Micros),
            },
        };
        Ok(Self { ordinal: row.ordinal, tier, facts })
    }
}

/// Of the fans with ordinals above `after` and up to `last`, in their order.
pub(crate) async fn range(
    tx: &mut Tx,
    account_id: &str,
    after: i64,
    last: i64,
) -> Result<Vec<FanFacts>, DbError> {
    let text = tx.pick(RANGE);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(after)
        .bind(last)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(FanFacts::try_from).collect()
}
