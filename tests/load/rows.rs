//! What the service wrote, read back, and in which transactions.

use std::collections::{BTreeMap, HashMap, HashSet};

use siyu_db::{Db, Tx, on_db};

/// A row of `interaction`, without its account.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub(crate) struct Interaction {
    pub(crate) ordinal: i64,
    pub(crate) event_time: i64,
    pub(crate) event_id: String,
    pub(crate) kind: String,
    pub(crate) target: String,
    pub(crate) source: String,
    pub(crate) order_id: Option<String>,
    pub(crate) amount_minor: i64,
    pub(crate) quantity: i64,
    pub(crate) ingest_time: i64,
}

/// A row of `fan`, without its account.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub(crate) struct Fan {
    pub(crate) ordinal: i64,
    pub(crate) user_id: String,
    pub(crate) following: i64,
    pub(crate) follow_time: Option<i64>,
    pub(crate) follow_event_id: Option<String>,
    pub(crate) tier: String,
    pub(crate) tier_since: i64,
    pub(crate) score: f64,
    pub(crate) score_time: i64,
    pub(crate) next_change_at: Option<i64>,
    pub(crate) rules_version: i64,
    pub(crate) first_time: i64,
    pub(crate) last_time: i64,
    pub(crate) interaction_count: i64,
}

/// A row of `purchase`, without its account.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub(crate) struct Purchase {
    pub(crate) order_id: String,
    pub(crate) ordinal: i64,
    pub(crate) order_time: i64,
    pub(crate) local_day: i64,
    pub(crate) local_month: i64,
    pub(crate) amount_minor: i64,
    pub(crate) refunded_minor: i64,
    pub(crate) placed: i64,
    pub(crate) cancelled: i64,
}

/// A row of `tier_change`, without its account.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub(crate) struct TierChange {
    pub(crate) sequence: i64,
    pub(crate) ordinal: i64,
    pub(crate) from_tier: Option<String>,
    pub(crate) to_tier: String,
    pub(crate) cause: String,
    pub(crate) event_id: Option<String>,
    pub(crate) rules_version: i64,
    pub(crate) score: f64,
    pub(crate) change_time: i64,
}

const ACCOUNTS: &str = "SELECT DISTINCT account_id FROM interaction ORDER BY account_id";
const INTERACTIONS: &str = "SELECT * FROM interaction WHERE account_id = $1 ORDER BY event_id";
const FANS: &str = "SELECT * FROM fan WHERE account_id = $1 ORDER BY ordinal";
const PURCHASES: &str = "SELECT * FROM purchase WHERE account_id = $1 ORDER BY order_id";
const TIER_CHANGES: &str = "SELECT * FROM tier_change WHERE account_id = $1 ORDER BY sequence";

/// Rows of one account: all of them, or those of one transaction.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rows {
    pub(crate) account_id: String,
    pub(crate) interactions: Vec<Interaction>,
    pub(crate) fans: Vec<Fan>,
    pub(crate) purchases: Vec<Purchase>,
    pub(crate) tier_changes: Vec<TierChange>,
}

/// How often a row that several transactions changed is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    /// By every transaction that touches it, as the service must.
    EachTime,
    /// By the first transaction only: less than any service can do.
    Once,
}

/// All rows, account by account.
pub(crate) async fn read(db: &Db) -> anyhow::Result<Vec<Rows>> {
    let mut tx = db.begin_read().await?;
    let ids: Vec<String> = on_db!(&mut tx, |conn| sqlx::query_scalar(ACCOUNTS).fetch_all(conn).await)?;
    let mut accounts = Vec::with_capacity(ids.len());
    for id in ids {
        accounts.push(read_account(&mut tx, id).await?);
    }
    Ok(accounts)
}

async fn read_account(tx: &mut Tx, account_id: String) -> anyhow::Result<Rows> {
    let id = &account_id;
    let interactions = on_db!(&mut *tx, |conn| sqlx::query_as(INTERACTIONS).bind(id).fetch_all(conn).await)?;
    let fans = on_db!(&mut *tx, |conn| sqlx::query_as(FANS).bind(id).fetch_all(conn).await)?;
    let purchases = on_db!(&mut *tx, |conn| sqlx::query_as(PURCHASES).bind(id).fetch_all(conn).await)?;
    let tier_changes = on_db!(&mut *tx, |conn| sqlx::query_as(TIER_CHANGES).bind(id).fetch_all(conn).await)?;
    Ok(Rows { account_id, interactions, fans, purchases, tier_changes })
}

/// Whether both are the same; scores may differ by what SQLite rounds when it reads a number from text.
pub(crate) fn same(one: &[Rows], other: &[Rows]) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
    let scores = |all: &[Rows]| -> Vec<f64> {
        let of_account = |rows: &Rows| -> Vec<f64> {
            rows.fans
                .iter()
                .map(|fan| fan.score)
                .chain(rows.tier_changes.iter().map(|change| change.score))
                .collect()
        };
        all.iter().flat_map(of_account).collect()
    };
    let without_scores = |all: &[Rows]| -> Vec<Rows> {
        let mut all = all.to_vec();
        for rows in &mut all {
            rows.fans.iter_mut().for_each(|fan| fan.score = 0.0);
            rows.tier_changes.iter_mut().for_each(|change| change.score = 0.0);
        }
        all
    };
    without_scores(one) == without_scores(other)
        && scores(one).into_iter().zip(scores(other)).all(|(a, b)| close(a, b))
}

/// The rows of one account by transaction, in the order of the transactions. A transaction of the service stamps all it
/// stores with one moment.
pub(crate) fn transactions(all: &Rows, writes: Writes) -> Vec<Rows> {
    let fans: HashMap<i64, &Fan> = all.fans.iter().map(|fan| (fan.ordinal, fan)).collect();
    let purchases: HashMap<&str, &Purchase> =
        all.purchases.iter().map(|purchase| (purchase.order_id.as_str(), purchase)).collect();
    let mut by_moment: BTreeMap<i64, Rows> = BTreeMap::new();
    for interaction in &all.interactions {
        by_moment.entry(interaction.ingest_time).or_default().interactions.push(interaction.clone());
    }
    for change in &all.tier_changes {
        by_moment.entry(change.change_time).or_default().tier_changes.push(change.clone());
    }
    let (mut known_fans, mut known_orders) = (HashSet::new(), HashSet::new());
    for rows in by_moment.values_mut() {
        rows.account_id.clone_from(&all.account_id);
        if writes == Writes::EachTime {
            known_fans.clear();
            known_orders.clear();
        }
        for interaction in &rows.interactions {
            if known_fans.insert(interaction.ordinal) {
                rows.fans.extend(fans.get(&interaction.ordinal).map(|fan| (*fan).clone()));
            }
            if let Some(order_id) = &interaction.order_id
                && known_orders.insert(order_id.clone())
            {
                let purchase = purchases.get(order_id.as_str());
                rows.purchases.extend(purchase.map(|purchase| (*purchase).clone()));
            }
        }
    }
    by_moment.into_values().collect()
}
