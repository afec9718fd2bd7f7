//! The accounts service: enterprises and the accounts of their matrix (features A2, A8). It is the place where the
//! other services learn which tenants exist, and in which time zone and currency each lives.

mod app;
mod domain;
mod grpc;
mod store;

use siyu_clock::{Clock, Ids};
use siyu_db::{Db, Migration, Statement};
use siyu_proto::accounts::v1::accounts_service_server::{AccountsServiceServer, SERVICE_NAME};
use tonic::service::Routes;

/// The schema of the service, step by step.
#[must_use]
pub fn migrations() -> Vec<Migration> {
    siyu_db::migrations!["0001_accounts"].to_vec()
}

/// The gRPC services it serves.
pub const SERVICES: &[&str] = &[SERVICE_NAME];

/// The accounts service. Clones share their storage.
#[derive(Debug, Clone)]
pub struct Accounts {
    db: Db,
    clock: Clock,
    ids: Ids,
}

impl Accounts {
    /// The service on a database that has [`migrations`].
    #[must_use]
    pub fn new(db: Db, clock: Clock, ids: Ids) -> Self {
        Self { db, clock, ids }
    }

    /// Adds its gRPC services to `routes`; a message may have at most `max_message_bytes`.
    #[must_use]
    pub fn add_to(&self, routes: Routes, max_message_bytes: usize) -> Routes {
        routes.add_service(
            AccountsServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes),
        )
    }
}

/// Every SQL statement of the service, for the test that prepares them all.
#[must_use]
pub fn statements() -> Vec<Statement> {
    [store::account::STATEMENTS, store::enterprise::STATEMENTS].concat()
}
