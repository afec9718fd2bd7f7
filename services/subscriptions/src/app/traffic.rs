//! What came of a push in the CRM, which knows what fans did and bought (S10).

use prost_types::Duration;
use siyu_clock::Micros;
use siyu_proto::crm::v1::{
    CompareSourcesRequest, CompareSourcesResponse, SourceGrouping,
    traffic_service_client::TrafficServiceClient,
};
use siyu_rpc::{
    Error,
    peer::{Peer, refused},
    time::to_proto,
};

use crate::domain::push::Push;

/// Asks the CRM.
#[derive(Debug, Clone)]
pub(crate) struct Traffic {
    crm: TrafficServiceClient<Peer>,
}

impl Traffic {
    pub(crate) fn new(crm: Peer) -> Self {
        Self { crm: TrafficServiceClient::new(crm) }
    }

    /// What the push brought since it was published: one line, or none where nothing came of it. Without a `window` that of
    /// the CRM is used; the answer has it.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub(crate) async fn of_push(
        &self,
        push: &Push,
        publish_time: Micros,
        window: Option<Duration>,
    ) -> Result<CompareSourcesResponse, Error> {
        let name = push.name();
        let request = CompareSourcesRequest {
            parent: format!("accounts/{}", push.account_id),
            group_by: SourceGrouping::Mount.into(),
            source: name.clone(),
            start_time: Some(to_proto(publish_time)),
            attribution_window: window,
            ..CompareSourcesRequest::default()
        };
        let answer = self.crm.clone().compare_sources(request).await;
        Ok(answer.map_err(|status| refused(status, "crm", &format!("what came of {name}")))?.into_inner())
    }
}
