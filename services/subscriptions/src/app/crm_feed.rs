//! Learning from the CRM what users want of accounts, by its events: feeds leave out what they do not.

use siyu_db::Tx;
use siyu_outbox::{Consumer, StoredEvent, oldest_cursors};
use siyu_proto::{common::v1::EventCursor, crm::v1::ReachPreferenceChanged};
use siyu_rpc::{Error, name, peer::Peer};

use crate::store::{self, opt_out::OptOut};

/// Applies the events of `feeds/crm`.
#[derive(Debug)]
pub(crate) struct CrmFeed {
    crm: Peer,
}

impl CrmFeed {
    pub(crate) fn new(crm: Peer) -> Self {
        Self { crm }
    }
}

#[tonic::async_trait]
impl Consumer for CrmFeed {
    async fn apply(&self, tx: &mut Tx, event: &StoredEvent) -> Result<(), Error> {
        let Some(changed) = event.decode::<ReachPreferenceChanged>().map_err(Error::internal)? else {
            return Ok(());
        };
        let account_id = name::id(&changed.parent, "accounts", "parent")?;
        let user_id = name::id(&changed.user, "users", "user")?;
        let preference = changed.reach_preference.unwrap_or_default();
        let opt_out = OptOut { everything: preference.opted_out, topics: preference.opted_out_topics };
        Ok(store::opt_out::save(tx, user_id, account_id, &opt_out).await?)
    }

    /// What was changed as far back as there are events; what was before is asked of the CRM whenever a push is frozen.
    async fn bootstrap(&self) -> Result<Vec<EventCursor>, Error> {
        oldest_cursors("crm", &self.crm).await
    }
}
