//! Subscriptions: who follows whom (S1), and with that who is reached.

mod app;
mod domain;
mod grpc;
mod jobs;
mod store;

use std::sync::Arc;

use siyu_clock::{Clock, Ids};
use siyu_db::{Db, Migration, Statement};
use siyu_outbox::Outbox;
use siyu_proto::subscriptions::v1::follow_service_server::{self, FollowServiceServer};
use siyu_rpc::{group_commit::GroupCommit, mutation, peer::Peer};
use tonic::service::Routes;

use app::{directory::Directory, following::Following};

/// The schema of the service, step by step.
#[must_use]
pub fn migrations() -> Vec<Migration> {
    let own = siyu_db::migrations!["0001_follows"];
    [own.to_vec(), siyu_outbox::migrations(), mutation::migrations()].concat()
}

/// The gRPC services it serves.
pub const SERVICES: &[&str] = &[follow_service_server::SERVICE_NAME];

/// The subscriptions service. Clones share their storage.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    db: Db,
    clock: Clock,
    ids: Ids,
    outbox: Outbox,
    directory: Arc<Directory>,
    following: Arc<GroupCommit<Following>>,
}

impl Subscriptions {
    /// The service on a database that has [`migrations`]; it writes its events to `outbox`, in the same database. Which
    /// accounts there are it asks the accounts service behind `accounts`. To be called inside a tokio runtime.
    #[must_use]
    pub fn new(db: Db, clock: Clock, ids: Ids, outbox: Outbox, accounts: Peer) -> Self {
        let directory = Arc::new(Directory::new(db.clone(), accounts));
        let following = Following::start(db.clone(), clock.clone(), ids.clone(), outbox.clone());
        Self { db, clock, ids, outbox, directory, following: Arc::new(following) }
    }

    /// Adds its gRPC services to `routes`; a message may have at most `max_message_bytes`.
    #[must_use]
    pub fn add_to(&self, routes: Routes, max_message_bytes: usize) -> Routes {
        routes
            .add_service(FollowServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes))
    }
}

/// Every SQL statement of the service, for the test that prepares them all.
#[must_use]
pub fn statements() -> Vec<Statement> {
    [store::statements(), siyu_outbox::statements(), mutation::statements()].concat()
}
