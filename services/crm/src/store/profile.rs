//! All that filters can ask about fans, gathered from their rows, orders and tags.

use std::collections::HashMap;

use siyu_clock::Micros;
use siyu_db::{DbError, Statement, Tx, on_db, rows, statements};
use sqlx::{FromRow, postgres::PgRow, sqlite::SqliteRow};

use super::bitmap::dense;
use crate::domain::{
    activity::Activity,
    interaction::SOURCES,
    lifecycle::{Facts, Orders},
    profile::Profile,
    tier::Tier,
};

statements! {
    FANS_OF_RANGE = "SELECT ordinal, tier, first_source, interaction_count, following, follow_time, first_time, last_time, \
                     active_count, last_active_time, share_count, last_share_time FROM fan \
                     WHERE account_id = $1 AND ordinal > $2 AND ordinal <= $3";
    FANS = ["SELECT ordinal, tier, first_source, interaction_count, following, follow_time, first_time, last_time, \
             active_count, last_active_time, share_count, last_share_time FROM ",
            lookup("fan", "ordinal", "BIGINT", 2), " AND fan.account_id = $1"];
    ORDERS_OF_RANGE = "SELECT ordinal, COUNT(*) AS order_count, COUNT(DISTINCT local_day) AS day_count, \
                       CAST(SUM(amount_minor - refunded_minor) AS BIGINT) AS net_minor, MAX(order_time) AS last_time \
                       FROM purchase WHERE account_id = $1 AND ordinal > $2 AND ordinal <= $3 \
                       AND placed = 1 AND cancelled = 0 GROUP BY ordinal";
    ORDERS = ["SELECT ordinal, COUNT(*) AS order_count, COUNT(DISTINCT local_day) AS day_count, \
               CAST(SUM(amount_minor - refunded_minor) AS BIGINT) AS net_minor, MAX(order_time) AS last_time FROM ",
              lookup("purchase", "ordinal", "BIGINT", 2),
              " AND purchase.account_id = $1 AND placed = 1 AND cancelled = 0 GROUP BY ordinal"];
    TAGS_OF_RANGE = "SELECT ordinal, tag FROM fan_tag WHERE account_id = $1 AND ordinal > $2 AND ordinal <= $3";
    TAGS = ["SELECT ordinal, tag FROM ", lookup("fan_tag", "ordinal", "BIGINT", 2), " AND fan_tag.account_id = $1"];
}

#[derive(FromRow)]
struct FanRow {
    ordinal: i64,
    tier: String,
    first_source: String,
    interaction_count: i64,
    following: i64,
    follow_time: Option<i64>,
    first_time: i64,
    last_time: i64,
    active_count: i64,
    last_active_time: Option<i64>,
    share_count: i64,
    last_share_time: Option<i64>,
}

#[derive(FromRow)]
struct OrdersRow {
    ordinal: i64,
    order_count: i64,
    day_count: i64,
    net_minor: i64,
    last_time: i64,
}

/// Of the fans with ordinals above `after` and up to `last`, in no order.
pub(crate) async fn range(
    tx: &mut Tx,
    account_id: &str,
    after: i64,
    last: i64,
) -> Result<Vec<Profile>, DbError> {
    let fans = rows_of_range(tx, FANS_OF_RANGE, account_id, after, last).await?;
    let orders = rows_of_range(tx, ORDERS_OF_RANGE, account_id, after, last).await?;
    let tags = rows_of_range(tx, TAGS_OF_RANGE, account_id, after, last).await?;
    joined(fans, orders, tags)
}

/// Of the fans with the ordinals, in no order.
pub(crate) async fn find(
    tx: &mut Tx,
    account_id: &str,
    ordinals: impl IntoIterator<Item = u32>,
) -> Result<Vec<Profile>, DbError> {
    let ordinals = rows(ordinals.into_iter().map(|ordinal| [ordinal]))?;
    let fans = rows_of(tx, FANS, account_id, &ordinals).await?;
    let orders = rows_of(tx, ORDERS, account_id, &ordinals).await?;
    let tags = rows_of(tx, TAGS, account_id, &ordinals).await?;
    joined(fans, orders, tags)
}

async fn rows_of_range<R>(
    tx: &mut Tx,
    statement: Statement,
    account_id: &str,
    after: i64,
    last: i64,
) -> Result<Vec<R>, DbError>
where
    R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    let text = tx.pick(statement);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(after).bind(last).fetch_all(conn).await)
}

async fn rows_of<R>(
    tx: &mut Tx,
    statement: Statement,
    account_id: &str,
    ordinals: &str,
) -> Result<Vec<R>, DbError>
where
    R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    let text = tx.pick(statement);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(ordinals).fetch_all(conn).await)
}

fn joined(fans: Vec<FanRow>, orders: Vec<OrdersRow>, tags: Vec<(i64, i64)>) -> Result<Vec<Profile>, DbError> {
    let mut orders_of: HashMap<i64, Orders> =
        orders.into_iter().map(|row| (row.ordinal, row.into())).collect();
    let mut tags_of: HashMap<i64, Vec<i64>> = HashMap::new();
    for (ordinal, tag) in tags {
        tags_of.entry(ordinal).or_default().push(tag);
    }
    let profile = |fan: FanRow| {
        let orders = orders_of.remove(&fan.ordinal).unwrap_or_default();
        let tags = tags_of.remove(&fan.ordinal).unwrap_or_default();
        fan.into_profile(orders, tags)
    };
    fans.into_iter().map(profile).collect()
}

impl From<OrdersRow> for Orders {
    fn from(row: OrdersRow) -> Self {
        Self {
            count: row.order_count,
            day_count: row.day_count,
            net_minor: row.net_minor,
            last: Some(Micros(row.last_time)),
        }
    }
}

impl FanRow {
    fn into_profile(self, orders: Orders, tags: Vec<i64>) -> Result<Profile, DbError> {
        let tier =
            Tier::named(&self.tier).ok_or_else(|| DbError::broken(format!("fan.tier {:?}", self.tier)))?;
        let facts = Facts {
            following: self.following == 1,
            follow_change: self.follow_time.map(Micros),
            first_time: Micros(self.first_time),
            last_time: Micros(self.last_time),
            activity: Activity {
                active_count: self.active_count,
                last_active: self.last_active_time.map(Micros),
                share_count: self.share_count,
                last_share: self.last_share_time.map(Micros),
            },
            orders,
        };
        Ok(Profile {
            ordinal: dense(self.ordinal)?,
            tier,
            source: SOURCES.into_iter().find(|source| *source == self.first_source),
            interaction_count: self.interaction_count,
            facts,
            tags,
        })
    }
}
