//! The fan CRM: what users did (C1, C2), how close that brings them (C3), and what it amounts to (C10, A2).

mod app;
mod domain;
mod grpc;
mod jobs;
mod store;

use std::{sync::Arc, time::Duration};

use siyu_clock::Clock;
use siyu_db::{Db, Migration, Statement};
use siyu_proto::crm::v1::{
    analytics_service_server::{self, AnalyticsServiceServer},
    fan_service_server::{self, FanServiceServer},
    interaction_service_server::{self, InteractionServiceServer},
    tier_service_server::{self, TierServiceServer},
};
use siyu_rpc::peer::Peer;
use tonic::service::Routes;

use app::{directory::Directory, turns::Turns};

/// The schema of the service, step by step.
#[must_use]
pub fn migrations() -> Vec<Migration> {
    siyu_db::migrations!["0001_interactions"].to_vec()
}

/// The gRPC services it serves.
pub const SERVICES: &[&str] = &[
    analytics_service_server::SERVICE_NAME,
    fan_service_server::SERVICE_NAME,
    interaction_service_server::SERVICE_NAME,
    tier_service_server::SERVICE_NAME,
];

/// The CRM. Clones share their storage.
#[derive(Debug, Clone)]
pub struct Crm {
    db: Db,
    clock: Clock,
    directory: Arc<Directory>,
    turns: Arc<Turns>,
}

impl Crm {
    /// The service on a database that has [`migrations`]. It asks the accounts service behind `accounts` for the time
    /// zone and currency of an account, and believes the answer for `account_cache_ttl`.
    #[must_use]
    pub fn new(db: Db, clock: Clock, accounts: Peer, account_cache_ttl: Duration) -> Self {
        let directory = Arc::new(Directory::new(accounts, clock.clone(), account_cache_ttl));
        Self { db, clock, directory, turns: Arc::new(Turns::new()) }
    }

    /// Adds its gRPC services to `routes`; a message may have at most `max_message_bytes`.
    #[must_use]
    pub fn add_to(&self, routes: Routes, max_message_bytes: usize) -> Routes {
        routes
            .add_service(
                InteractionServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes),
            )
            .add_service(FanServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes))
            .add_service(TierServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes))
            .add_service(
                AnalyticsServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes),
            )
    }
}

/// Every SQL statement of the service, for the test that prepares them all.
#[must_use]
pub fn statements() -> Vec<Statement> {
    store::statements()
}
