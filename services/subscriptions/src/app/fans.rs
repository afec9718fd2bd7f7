//! The numbers of fans, by which audiences are made: the CRM gives them.

use siyu_proto::crm::v1::{ListFanOrdinalsRequest, fan_service_client::FanServiceClient};
use siyu_rpc::{
    Error,
    peer::{Peer, unanswered},
};

/// Asks the CRM.
#[derive(Debug, Clone)]
pub(crate) struct Fans {
    crm: FanServiceClient<Peer>,
}

impl Fans {
    pub(crate) fn new(crm: Peer) -> Self {
        Self { crm: FanServiceClient::new(crm) }
    }

    /// The ordinals of a user with accounts, for those of the accounts that know them: account ids and ordinals.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub(crate) async fn ordinals(
        &self,
        user_id: &str,
        account_ids: &[String],
    ) -> Result<Vec<(String, i64)>, Error> {
        let user = format!("users/{user_id}");
        let parents = account_ids.iter().map(|id| format!("accounts/{id}")).collect();
        let request = ListFanOrdinalsRequest { user: user.clone(), parents };
        let answer = self.crm.clone().list_fan_ordinals(request).await;
        let found = answer.map_err(|status| unanswered(status, "crm", &user))?.into_inner().ordinals;
        let id = |parent: String| parent.trim_start_matches("accounts/").to_owned();
        Ok(found.into_iter().map(|(parent, ordinal)| (id(parent), ordinal)).collect())
    }
}
