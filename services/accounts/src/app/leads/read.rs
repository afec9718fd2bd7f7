use siyu_rpc::{Error, Mutation, Page, retrying};

use super::{LeadView, masked};
use crate::{
    Accounts,
    app::{account, lead_pipeline},
    events,
    store::{self, lead::Lead, lead::Place},
};

/// Leads that are exported at once.
const EXPORTED_AT_ONCE: i64 = 200;

impl Accounts {
    /// A page of the leads of an account, or of one form, newest first and masked, and the token of the next.
    pub(crate) async fn list_leads(
        &self,
        account_id: &str,
        card_id: Option<&str>,
        page: &Page<Place>,
    ) -> Result<(Vec<LeadView>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        account(&mut tx, account_id).await?;
        let newest = newest();
        let before = page.after.as_ref().unwrap_or(&newest);
        let mut found = store::lead::list(&mut tx, account_id, card_id, before, page.limit()).await?;
        let next = page.finish(&mut found, place)?;
        let masked = |lead: Lead| {
            let answers = self.answers(&lead)?;
            Ok(masked(lead, &answers))
        };
        Ok((found.into_iter().map(masked).collect::<Result<_, Error>>()?, next))
    }

    /// One lead in full. The audit log says that it was read.
    pub(crate) async fn get_lead(
        &self,
        mutation: &Mutation,
        account_id: &str,
        lead_id: &str,
    ) -> Result<LeadView, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let found = store::lead::get(&mut tx, account_id, lead_id).await?;
            let lead = found.ok_or_else(|| Error::not_found(&store::lead::name(account_id, lead_id)))?;
            let answers = self.answers(&lead)?;
            let consent = store::lead::consent(&mut tx, account_id, &lead.consent_version).await?;
            mutation.finish(tx, &(), now).await?;
            Ok(LeadView { lead, answers, consent_text: consent.unwrap_or_default() })
        })
        .await
    }

    /// Writes into the audit log that the leads of an account are exported.
    pub(crate) async fn begin_export(&self, mutation: &Mutation, account_id: &str) -> Result<(), Error> {
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            account(&mut tx, account_id).await?;
            mutation.finish(tx, &(), self.clock.now()).await
        })
        .await
    }

    /// The next leads of an export in full, newest first, and the place after them; no place where they are the last.
    pub(crate) async fn export_next(
        &self,
        account_id: &str,
        card_id: Option<&str>,
        before: &Place,
    ) -> Result<(Vec<LeadView>, Option<Place>), Error> {
        let mut tx = self.db.begin_read().await?;
        let found = store::lead::list(&mut tx, account_id, card_id, before, EXPORTED_AT_ONCE).await?;
        drop(tx);
        let next = found.last().map(place);
        let there = found.into_iter().filter(|lead| lead.erase_time.is_none());
        let in_full =
            |lead: Lead| Ok(LeadView { answers: self.answers(&lead)?, lead, consent_text: String::new() });
        Ok((there.map(in_full).collect::<Result<_, Error>>()?, next))
    }

    /// Erases the answers of a lead; one that is erased stays so.
    pub(crate) async fn delete_lead(
        &self,
        mutation: &Mutation,
        account_id: &str,
        lead_id: &str,
    ) -> Result<LeadView, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let not_found = || Error::not_found(&store::lead::name(account_id, lead_id));
            store::account::get_for_update(&mut tx, account_id).await?.ok_or_else(not_found)?;
            let found = store::lead::get(&mut tx, account_id, lead_id).await?;
            let mut lead = found.ok_or_else(not_found)?;
            if lead.erase_time.is_none() {
                store::lead::erase(&mut tx, account_id, lead_id, now.0).await?;
                lead.erase_time = Some(now.0);
                lead_pipeline::erase(&mut tx, account_id, lead_id).await?;
                self.outbox.write(&mut tx, [events::lead_erased(&lead)]).await?;
            }
            mutation.finish(tx, &(), now).await?;
            self.outbox.wake();
            Ok(masked(lead, &[]))
        })
        .await
    }
}

/// The place before which all leads come.
pub(crate) fn newest() -> Place {
    (i64::MAX, String::new())
}

fn place(lead: &Lead) -> Place {
    (lead.create_time, lead.lead_id.clone())
}
