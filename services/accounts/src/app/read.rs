use siyu_db::Tx;
use siyu_outbox::Outbox;
use siyu_proto::common::v1::EventCursor;
use siyu_rpc::{Error, Page};

use crate::{
    Accounts,
    store::{self, account::Account, enterprise::Enterprise},
};

impl Accounts {
    pub(crate) async fn get_enterprise(&self, id: &str) -> Result<Enterprise, Error> {
        let mut tx = self.db.begin_read().await?;
        let found = store::enterprise::get(&mut tx, id).await?;
        found.ok_or_else(|| Error::not_found(&format!("enterprises/{id}")))
    }

    /// A page of all companies, and the token of the next.
    pub(crate) async fn list_enterprises(
        &self,
        page: &Page<String>,
    ) -> Result<(Vec<Enterprise>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut found = store::enterprise::list(&mut tx, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.enterprise_id.clone())?;
        Ok((found, next))
    }

    pub(crate) async fn get_account(&self, id: &str) -> Result<Account, Error> {
        let mut tx = self.db.begin_read().await?;
        let found = store::account::get(&mut tx, id).await?;
        found.ok_or_else(|| Error::not_found(&format!("accounts/{id}")))
    }

    /// Begins to read all accounts as of one moment; answers also the cursors of the events that come after it.
    pub(crate) async fn begin_snapshot(&self) -> Result<(Tx, Vec<EventCursor>), Error> {
        let mut tx = self.db.begin_read().await?;
        let cursors = Outbox::cursors(&mut tx).await?;
        Ok((tx, cursors))
    }

    /// A page of a company's accounts, and the token of the next.
    pub(crate) async fn list_accounts(
        &self,
        enterprise_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<Account>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        if store::enterprise::get(&mut tx, enterprise_id).await?.is_none() {
            return Err(Error::not_found(&format!("enterprises/{enterprise_id}")));
        }
        let after = page.after.as_deref().unwrap_or_default();
        let mut found = store::account::list(&mut tx, enterprise_id, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.account_id.clone())?;
        Ok((found, next))
    }
}
