use std::{collections::BTreeMap, sync::Arc};

use siyu_proto::common::v1::{
    ListParkedKeysRequest, ListParkedKeysResponse, ReplayParkedKeyRequest, ReplayParkedKeyResponse,
    event_consumer_service_server::{EventConsumerService, EventConsumerServiceServer, SERVICE_NAME},
};
use siyu_rpc::{Error, Page, admit, admit_mutation, name};
use tonic::{Request, Response, Status, service::Routes};

use crate::Follower;

/// Serves the parked keys of the consumers of one process.
#[derive(Debug, Clone)]
pub struct ConsumerService {
    followers: Arc<BTreeMap<String, Follower>>,
}

impl ConsumerService {
    /// Its name on the wire.
    pub const NAME: &'static str = SERVICE_NAME;

    /// Serves what these have parked.
    #[must_use]
    pub fn new(followers: impl IntoIterator<Item = Follower>) -> Self {
        Self { followers: Arc::new(followers.into_iter().map(|each| (each.name.clone(), each)).collect()) }
    }

    /// Adds it to `routes`; a message may have at most `max_message_bytes`.
    #[must_use]
    pub fn add_to(&self, routes: Routes, max_message_bytes: usize) -> Routes {
        routes.add_service(
            EventConsumerServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes),
        )
    }

    fn follower(&self, parent: &str) -> Result<&Follower, Error> {
        let consumer = name::id(parent, "consumers", "parent")?;
        self.followers.get(consumer).ok_or_else(|| Error::not_found(parent))
    }
}

#[tonic::async_trait]
impl EventConsumerService for ConsumerService {
    async fn list_parked_keys(
        &self,
        request: Request<ListParkedKeysRequest>,
    ) -> Result<Response<ListParkedKeysResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListParkedKeys {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (parked_keys, next_page_token) = self.follower(&request.parent)?.parked_keys(&page).await?;
        Ok(Response::new(ListParkedKeysResponse { parked_keys, next_page_token }))
    }

    async fn replay_parked_key(
        &self,
        request: Request<ReplayParkedKeyRequest>,
    ) -> Result<Response<ReplayParkedKeyResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let follower = self.follower(&request.parent)?;
        let (applied_count, parked_key) = follower.replay(&mutation, &request.key).await?;
        follower.measure_parked().await?;
        Ok(Response::new(ReplayParkedKeyResponse { applied_count, parked_key }))
    }
}
