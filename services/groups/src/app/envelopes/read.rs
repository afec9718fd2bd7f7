use siyu_rpc::{Error, Page};

use super::not_found;
use crate::{
    Groups,
    app::existing,
    domain::envelope::{Envelope, Grab},
    store::{self, envelope::Place},
};

impl Groups {
    /// A page of the envelopes of a group, newest first, and the token of the next.
    pub(crate) async fn list_envelopes(
        &self,
        [account_id, group_id]: [&str; 2],
        page: &Page<Place>,
    ) -> Result<(Vec<Envelope>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        existing(&mut tx, [account_id, group_id]).await?;
        let before = page.after.clone().unwrap_or((i64::MAX, String::new()));
        let mut found = store::envelope::list(&mut tx, account_id, group_id, &before, page.limit()).await?;
        let next = page.finish(&mut found, |last| (last.create_time.0, last.envelope_id.clone()))?;
        Ok((found, next))
    }

    /// A page of those who have a share of an envelope, in the order in which they got it, and the token of the next.
    pub(crate) async fn list_envelope_grabs(
        &self,
        ids: [&str; 3],
        page: &Page<i64>,
    ) -> Result<(Vec<Grab>, String), Error> {
        let [account_id, group_id, envelope_id] = ids;
        let mut tx = self.db.begin_read().await?;
        let envelope = store::envelope::get(&mut tx, account_id, envelope_id).await?;
        if envelope.is_none_or(|envelope| envelope.group_id != group_id) {
            return Err(not_found(ids));
        }
        let after = page.after.unwrap_or_default();
        let mut found =
            store::envelope_share::list(&mut tx, account_id, envelope_id, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.place)?;
        Ok((found, next))
    }
}
