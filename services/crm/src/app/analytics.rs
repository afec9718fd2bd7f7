//! Figures of an account (C10) and of a matrix (A2).

use std::collections::{BTreeMap, HashMap};

use siyu_clock::Micros;
use siyu_rpc::{Error, Page};

use super::rules::Flows;
use crate::{
    Crm,
    domain::tier::Tier,
    store::{
        self,
        figures::{Month, Sales},
    },
};

/// How many users stand on each step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Funnel {
    /// For each tier, from far to near.
    pub(crate) tiers: Vec<(Tier, i64)>,
    pub(crate) customers: i64,
    pub(crate) repeat_customers: i64,
}

/// What the best part of the customers bring.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Top {
    pub(crate) percent: f64,
    pub(crate) customers: i64,
    pub(crate) gmv_minor: i64,
}

/// One account of a matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MatrixAccount {
    pub(crate) account_id: String,
    pub(crate) following: i64,
    pub(crate) known: i64,
    pub(crate) orders: i64,
    pub(crate) gmv_minor: i64,
    pub(crate) currency_code: String,
}

/// A matrix: its accounts, and its people, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matrix {
    pub(crate) accounts: Vec<MatrixAccount>,
    /// Followers of the accounts added up.
    pub(crate) following: i64,
    /// GMV of the accounts added up, by currency.
    pub(crate) gmv_minor: BTreeMap<String, i64>,
    pub(crate) distinct_following: i64,
    pub(crate) distinct_known: i64,
}

/// Customers with the same scores: (R, F, M, customers, GMV).
pub(crate) type RfmCell = (i64, i64, i64, i64, i64);

impl Crm {
    pub(crate) async fn funnel(&self, account_id: &str) -> Result<Funnel, Error> {
        self.directory.get(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let counts: HashMap<Tier, i64> =
            store::figures::tier_counts(&mut tx, account_id).await?.into_iter().collect();
        let (customers, repeat_customers) = store::figures::customers(&mut tx, account_id).await?;
        let tiers = Tier::ALL.map(|tier| (tier, counts.get(&tier).copied().unwrap_or_default()));
        Ok(Funnel { tiers: tiers.to_vec(), customers, repeat_customers })
    }

    /// Where fans were at `start` and at `end`, by the time their moves were processed.
    pub(crate) async fn flow_by_processed_time(
        &self,
        account_id: &str,
        start: Micros,
        end: Micros,
    ) -> Result<Flows, Error> {
        self.directory.get(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let moved = store::tier_change::flow(&mut tx, account_id, start, end).await?;
        let counts = store::figures::tier_counts(&mut tx, account_id).await?;
        // Who has not moved since `start` has been where they are all along.
        let mut stayed: BTreeMap<Tier, i64> = counts.into_iter().collect();
        let mut flows = Flows::new();
        for flow in moved {
            *stayed.entry(flow.now).or_default() -= flow.fan_count;
            if (flow.start, flow.end) != (None, None) {
                *flows.entry((flow.start, flow.end)).or_default() += flow.fan_count;
            }
        }
        for (tier, fan_count) in stayed.into_iter().filter(|(_, fan_count)| *fan_count > 0) {
            *flows.entry((Some(tier), Some(tier))).or_default() += fan_count;
        }
        Ok(flows)
    }

    /// Figures of the orders from `start` on and before `end`, and the currency.
    pub(crate) async fn sales(
        &self,
        account_id: &str,
        start: Option<Micros>,
        end: Option<Micros>,
    ) -> Result<(Sales, String), Error> {
        let currency_code = self.directory.get(account_id).await?.currency_code;
        let mut tx = self.db.begin_read().await?;
        let (start, end) = (start.map_or(i64::MIN, |time| time.0), end.map_or(i64::MAX, |time| time.0));
        Ok((store::figures::sales(&mut tx, account_id, start, end).await?, currency_code))
    }

    /// A page of months with orders, oldest first, and the token of the next.
    pub(crate) async fn monthly_sales(
        &self,
        account_id: &str,
        page: &Page<i64>,
    ) -> Result<(Vec<Month>, String), Error> {
        self.directory.get(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.unwrap_or(i64::MIN);
        let mut months = store::figures::months(&mut tx, account_id, after, page.limit()).await?;
        let next = page.finish(&mut months, |last| last.local_month)?;
        Ok((months, next))
    }

    /// What the best `percents` of the customers bring, in the order asked; GMV and number of all customers.
    pub(crate) async fn concentration(
        &self,
        account_id: &str,
        percents: &[f64],
    ) -> Result<(Vec<Top>, Sales), Error> {
        self.directory.get(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let all = store::figures::sales(&mut tx, account_id, i64::MIN, i64::MAX).await?;
        let numbers: Vec<i64> =
            percents.iter().map(|percent| part_of(all.customer_count, *percent)).collect();
        let gmv: HashMap<i64, i64> =
            store::figures::top(&mut tx, account_id, &numbers).await?.into_iter().collect();
        let tops = percents.iter().zip(numbers).map(|(percent, customers)| Top {
            percent: *percent,
            customers,
            gmv_minor: gmv.get(&customers).copied().unwrap_or_default(),
        });
        Ok((tops.collect(), all))
    }

    /// Customers by recency, frequency and monetary score, best first.
    pub(crate) async fn rfm(&self, account_id: &str) -> Result<Vec<RfmCell>, Error> {
        self.directory.get(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        Ok(store::figures::rfm(&mut tx, account_id).await?)
    }

    /// The accounts of an enterprise together.
    pub(crate) async fn matrix(&self, enterprise: &str) -> Result<Matrix, Error> {
        let of_enterprise = self.directory.of_enterprise(enterprise).await?;
        let mut tx = self.db.begin_read().await?;
        let mut accounts = Vec::with_capacity(of_enterprise.len());
        for (account_id, info) in of_enterprise {
            let (following, known, orders, gmv_minor) = store::figures::account(&mut tx, &account_id).await?;
            let currency_code = info.currency_code;
            accounts.push(MatrixAccount { account_id, following, known, orders, gmv_minor, currency_code });
        }
        let ids: Vec<&str> = accounts.iter().map(|account| account.account_id.as_str()).collect();
        let (distinct_following, distinct_known) = store::figures::distinct_people(&mut tx, &ids).await?;
        let following = accounts.iter().map(|account| account.following).sum();
        let mut gmv_minor: BTreeMap<String, i64> = BTreeMap::new();
        for account in &accounts {
            *gmv_minor.entry(account.currency_code.clone()).or_default() += account.gmv_minor;
        }
        Ok(Matrix { accounts, following, gmv_minor, distinct_following, distinct_known })
    }
}

/// So many percent of `whole`, rounded up, so that any percentage of somebody is at least one.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a number of people is below 2^53"
)]
fn part_of(whole: i64, percent: f64) -> i64 {
    let part = whole as f64 * percent / 100.0;
    // What is whole but for rounding stays: 7 % of 100 is 7, not 8.
    ((part - 1e-9).ceil() as i64).clamp(whole.min(1), whole)
}

#[cfg(test)]
mod tests {
    use super::part_of;

    #[test]
    fn parts_are_rounded_up_but_not_by_rounding_errors() {
        assert_eq!(part_of(23_570, 1.0), 236);
        assert_eq!(part_of(100, 7.0), 7);
        assert_eq!(part_of(3, 1.0), 1);
        assert_eq!(part_of(10, 100.0), 10);
        assert_eq!(part_of(0, 50.0), 0);
    }
}
