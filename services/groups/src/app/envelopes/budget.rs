use siyu_db::Tx;
use siyu_rpc::{Error, Mutation, retrying};

use super::day_in;
use crate::{
    Groups,
    domain::{
        envelope::{Budget, Caps},
        ledger::{Comparison, Entry},
    },
    store,
};

/// A budget, and what was put into envelopes today.
#[derive(Debug, Clone)]
pub(crate) struct BudgetView {
    pub(crate) budget: Budget,
    pub(crate) spent_today: i64,
}

impl Groups {
    /// Pays into the budget of an account.
    pub(crate) async fn fund_envelope_budget(
        &self,
        mutation: &Mutation,
        account_id: &str,
        amount_minor: i64,
    ) -> Result<BudgetView, Error> {
        self.change_envelope_budget(mutation, account_id, |mut tx, mut budget| async move {
            if !budget.fund(amount_minor) {
                return Err(Error::invalid_field("amount_minor", "makes more than can be reckoned with"));
            }
            let now = self.clock.now();
            let entry = Entry::fund(&self.ids.ulid(now), amount_minor);
            store::envelope_ledger::post(&mut tx, [(account_id, entry)], now).await?;
            Ok((tx, budget))
        })
        .await
    }

    /// Sets how much may be put into envelopes and got out of them on a day.
    pub(crate) async fn set_envelope_caps(
        &self,
        mutation: &Mutation,
        account_id: &str,
        caps: Caps,
    ) -> Result<BudgetView, Error> {
        self.change_envelope_budget(mutation, account_id, |tx, budget| async move {
            Ok((tx, Budget { caps, ..budget }))
        })
        .await
    }

    /// The budget of an account.
    pub(crate) async fn get_envelope_budget(&self, account_id: &str) -> Result<BudgetView, Error> {
        self.accounts.check(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let budget = store::envelope_budget::get(&mut tx, account_id).await?;
        drop(tx);
        self.viewed(budget).await
    }

    /// Reckons the money of an account in three ways.
    pub(crate) async fn compare_envelope_ledger(&self, account_id: &str) -> Result<Comparison, Error> {
        self.accounts.check(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        Ok(store::envelope_ledger::compare(&mut tx, account_id).await?)
    }

    /// Changes a budget that nobody else changes meanwhile, once.
    async fn change_envelope_budget<F>(
        &self,
        mutation: &Mutation,
        account_id: &str,
        change: impl Fn(Tx, Budget) -> F,
    ) -> Result<BudgetView, Error>
    where
        F: Future<Output = Result<(Tx, Budget), Error>>,
    {
        self.accounts.check(account_id).await?;
        let changed = retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let budget = store::envelope_budget::lock(&mut tx, account_id).await?;
            let (mut tx, budget) = change(tx, budget).await?;
            store::envelope_budget::save(&mut tx, &budget).await?;
            mutation.finish(tx, &budget, now).await?;
            Ok(budget)
        });
        self.viewed(changed.await?).await
    }

    async fn viewed(&self, budget: Budget) -> Result<BudgetView, Error> {
        let zone = self.accounts.zone(&budget.account_id).await?;
        let spent_today = budget.spent_on(&day_in(&zone, self.clock.now()));
        Ok(BudgetView { budget, spent_today })
    }
}
