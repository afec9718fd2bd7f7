//! Groups of fans around an account (G1): how they come in (G2), how order is kept (G3), what is said (G4), and red
//! envelopes (G8).

mod app;
mod domain;
mod events;
mod events_envelopes;
mod grpc;
mod jobs;
mod store;

use std::sync::Arc;

use siyu_clock::{Clock, Ids};
use siyu_db::{Db, Migration, Statement};
use siyu_known::Accounts;
use siyu_outbox::{Listener, Outbox};
use siyu_proto::groups::v1::{
    chat_service_server::{self, ChatServiceServer},
    envelope_budget_service_server::{self, EnvelopeBudgetServiceServer},
    envelope_service_server::{self, EnvelopeServiceServer},
    group_service_server::{self, GroupServiceServer},
    host_service_server::{self, HostServiceServer},
    member_service_server::{self, MemberServiceServer},
    membership_service_server::{self, MembershipServiceServer},
};
use siyu_realtime::{Link, Redis};
use siyu_rpc::{group_commit::GroupCommit, mutation, peer::Peer};
use tonic::service::Routes;

use app::{
    envelopes::Envelopes,
    fans::Fans,
    live::{FeedHearer, Hub},
    posting::Posting,
};

/// The schema of the service, step by step.
#[must_use]
pub fn migrations() -> Vec<Migration> {
    let own = siyu_db::migrations!["0001_groups", "0002_envelopes"];
    [own.to_vec(), siyu_outbox::migrations(), mutation::migrations()].concat()
}

/// The gRPC services it serves.
pub const SERVICES: &[&str] = &[
    chat_service_server::SERVICE_NAME,
    envelope_budget_service_server::SERVICE_NAME,
    envelope_service_server::SERVICE_NAME,
    group_service_server::SERVICE_NAME,
    host_service_server::SERVICE_NAME,
    member_service_server::SERVICE_NAME,
    membership_service_server::SERVICE_NAME,
];

/// The groups service. Clones share their storage.
#[derive(Debug, Clone)]
pub struct Groups {
    db: Db,
    clock: Clock,
    ids: Ids,
    outbox: Outbox,
    accounts: Arc<Accounts>,
    fans: Fans,
    posting: Arc<GroupCommit<Posting>>,
    envelopes: Arc<Envelopes>,
    hub: Hub,
}

/// The services that groups asks.
#[derive(Debug, Clone)]
pub struct Others {
    /// Which accounts there are, with their time zones and cards.
    pub accounts: Peer,
    /// Who meets a threshold. Without it nobody comes into a group that has one.
    pub crm: Option<Peer>,
}

impl Groups {
    /// The service on a database that has [`migrations`]; it writes its events to `outbox`, in the same database, and stores at
    /// most `max_calls_per_commit` messages, or grabs, of concurrent calls in one transaction. To be called inside a tokio runtime.
    #[must_use]
    pub fn new(
        db: Db,
        clock: Clock,
        ids: Ids,
        outbox: Outbox,
        others: Others,
        max_calls_per_commit: usize,
    ) -> Self {
        let hub = Hub::default();
        let envelopes = Envelopes::start(db.clone(), clock.clone(), outbox.clone(), max_calls_per_commit);
        let posting = Posting::new(db.clone(), clock.clone(), ids.clone(), outbox.clone(), hub.clone());
        Self {
            accounts: Arc::new(Accounts::new(clock.clone(), others.accounts)),
            fans: Fans::new(others.crm),
            posting: Arc::new(posting.start(max_calls_per_commit)),
            envelopes: Arc::new(envelopes),
            db,
            clock,
            ids,
            outbox,
            hub,
        }
    }

    /// How those who read a group as it happens hear of what other processes store; `own` serves its events.
    #[must_use]
    pub fn listeners(&self, own: Peer) -> Vec<Listener> {
        vec![Listener::new("groups", own, Arc::new(FeedHearer(self.hub.clone())))]
    }

    /// How they hear of it within milliseconds, where the processes have a Redis. To be called once.
    #[must_use]
    pub fn link(&self, redis: &Redis) -> Link {
        self.hub.link("groups", redis)
    }

    /// Adds its gRPC services to `routes`; a message may have at most `max_message_bytes`.
    #[must_use]
    pub fn add_to(&self, routes: Routes, max_message_bytes: usize) -> Routes {
        let limit = max_message_bytes;
        routes
            .add_service(ChatServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(EnvelopeBudgetServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(EnvelopeServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(GroupServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(HostServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(MemberServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(MembershipServiceServer::new(self.clone()).max_decoding_message_size(limit))
    }
}

/// Every SQL statement of the service, for the test that prepares them all.
#[must_use]
pub fn statements() -> Vec<Statement> {
    [store::statements(), siyu_outbox::statements(), mutation::statements()].concat()
}
