use siyu_clock::Micros;
use siyu_rpc::{Error, Page};

use crate::{
    Accounts,
    app::{account, leads::newest_lead},
    domain::lead_pipeline::{Change, Stage, Task},
    store::{
        self,
        lead_task::{Filter, Place},
    },
};

/// How many leads somebody has at each stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ReportRow {
    /// None: those in the pool.
    pub(crate) owner: Option<String>,
    /// In the order of [`Stage::ALL`].
    pub(crate) counts: [i64; Stage::ALL.len()],
}

impl Accounts {
    pub(crate) async fn get_lead_task(&self, account_id: &str, lead_id: &str) -> Result<Task, Error> {
        let mut tx = self.db.begin_read().await?;
        let found = store::lead_task::get(&mut tx, account_id, lead_id).await?;
        found.ok_or_else(|| Error::not_found(&store::lead::name(account_id, lead_id)))
    }

    /// A page of where the leads of an account stand, newest first, and the token of the next.
    pub(crate) async fn list_lead_tasks(
        &self,
        account_id: &str,
        filter: &Filter,
        page: &Page<Place>,
    ) -> Result<(Vec<Task>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        account(&mut tx, account_id).await?;
        let newest = newest_lead();
        let before = page.after.as_ref().unwrap_or(&newest);
        let mut found = store::lead_task::list(&mut tx, account_id, filter, before, page.limit()).await?;
        let next = page.finish(&mut found, |last| (last.create_time.0, last.lead_id.clone()))?;
        Ok((found, next))
    }

    /// A page of what has happened to a lead, first things first, and the token of the next.
    pub(crate) async fn list_lead_changes(
        &self,
        account_id: &str,
        lead_id: &str,
        page: &Page<i64>,
    ) -> Result<(Vec<Change>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        let task = store::lead_task::get(&mut tx, account_id, lead_id).await?;
        task.ok_or_else(|| Error::not_found(&store::lead::name(account_id, lead_id)))?;
        let after = page.after.unwrap_or_default();
        let mut found = store::lead_change::list(&mut tx, account_id, lead_id, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.number)?;
        Ok((found, next))
    }

    /// How many leads left within a period each owner and the pool have at each stage.
    pub(crate) async fn lead_report(
        &self,
        account_id: &str,
        period: (Micros, Micros),
    ) -> Result<Vec<ReportRow>, Error> {
        let mut tx = self.db.begin_read().await?;
        account(&mut tx, account_id).await?;
        let counts = store::lead_task::report(&mut tx, account_id, period).await?;
        let mut rows: Vec<ReportRow> = Vec::new();
        for (owner, stage, count) in counts {
            if rows.last().is_none_or(|last| last.owner != owner) {
                rows.push(ReportRow { owner, ..ReportRow::default() });
            }
            let place = Stage::ALL.iter().position(|one| *one == stage);
            if let Some((row, place)) = rows.last_mut().zip(place) {
                row.counts[place] = count;
            }
        }
        Ok(rows)
    }
}
