//! Subscriptions: who follows whom (S1), the pushes that reach followers (S2 to S6, S8, S12), and the feeds they are read in
//! (S7).

mod app;
mod domain;
mod events;
mod grpc;
mod jobs;
mod store;

use std::sync::Arc;

use siyu_clock::{Clock, Ids};
use siyu_db::{Db, Migration, Statement};
use siyu_outbox::{Follower, Listener, Outbox};
use siyu_proto::subscriptions::v1::{
    feed_service_server::{self, FeedServiceServer},
    follow_service_server::{self, FollowServiceServer},
    push_service_server::{self, PushServiceServer},
};
use siyu_rpc::{group_commit::GroupCommit, mutation, peer::Peer};
use tokio::sync::Notify;
use tonic::service::Routes;

use app::{
    crm_feed::CrmFeed,
    directory::Directory,
    fans::Fans,
    feed::{Audiences, Published, PublishedHearer, Touching},
    following::Following,
    reach::Reach,
    rights::Rights,
    traffic::Traffic,
};

pub use app::feed::AudienceCache;

/// The schema of the service, step by step.
#[must_use]
pub fn migrations() -> Vec<Migration> {
    let own = siyu_db::migrations!["0001_follows", "0002_pushes"];
    [own.to_vec(), siyu_outbox::migrations(), mutation::migrations()].concat()
}

/// The gRPC services it serves.
pub const SERVICES: &[&str] = &[
    feed_service_server::SERVICE_NAME,
    follow_service_server::SERVICE_NAME,
    push_service_server::SERVICE_NAME,
];

/// The subscriptions service. Clones share their storage.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    db: Db,
    clock: Clock,
    ids: Ids,
    outbox: Outbox,
    directory: Arc<Directory>,
    following: Arc<GroupCommit<Following>>,
    reach: Reach,
    rights: Rights,
    fans: Fans,
    traffic: Traffic,
    audiences: Arc<Audiences>,
    touching: Arc<GroupCommit<Touching>>,
    published: Published,
    follower: Follower,
    /// There may be something to do for a push at once.
    pushes_due: Arc<Notify>,
}

impl Subscriptions {
    /// The service on a database that has [`migrations`]; it writes its events to `outbox`, in the same database. Which
    /// accounts there are, and what they may send, it asks the accounts service behind `accounts`; whom that reaches, the CRM
    /// behind `crm`. Audiences are kept in memory as `cache` says. To be called inside a tokio runtime.
    #[must_use]
    pub fn new(
        db: Db,
        clock: Clock,
        ids: Ids,
        outbox: Outbox,
        cache: AudienceCache,
        accounts: Peer,
        crm: Peer,
    ) -> Self {
        let directory = Arc::new(Directory::new(db.clone(), accounts.clone()));
        let following = Following::start(db.clone(), clock.clone(), ids.clone(), outbox.clone());
        let touching = Touching::start(db.clone(), outbox.clone());
        let feed = Arc::new(CrmFeed::new(crm.clone()));
        let follower = Follower::new("subscriptions", "crm", crm.clone(), db.clone(), clock.clone(), feed);
        Self {
            db,
            clock,
            ids,
            outbox,
            directory,
            following: Arc::new(following),
            reach: Reach::new(crm.clone()),
            rights: Rights::new(accounts),
            fans: Fans::new(crm.clone()),
            traffic: Traffic::new(crm),
            audiences: Arc::new(Audiences::new(cache)),
            touching: Arc::new(touching),
            published: Published::new(),
            follower,
            pushes_due: Arc::default(),
        }
    }

    /// How it keeps up with what users want, which the CRM tells.
    #[must_use]
    pub fn followers(&self) -> Vec<Follower> {
        vec![self.follower.clone()]
    }

    /// How those who read a feed as it happens hear of what is published, in whichever process; `own` serves its events.
    #[must_use]
    pub fn listeners(&self, own: Peer) -> Vec<Listener> {
        vec![Listener::new("subscriptions", own, Arc::new(PublishedHearer(self.published.clone())))]
    }

    /// Adds its gRPC services to `routes`; a message may have at most `max_message_bytes`.
    #[must_use]
    pub fn add_to(&self, routes: Routes, max_message_bytes: usize) -> Routes {
        let limit = max_message_bytes;
        routes
            .add_service(FeedServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(FollowServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(PushServiceServer::new(self.clone()).max_decoding_message_size(limit))
    }
}

/// Every SQL statement of the service, for the test that prepares them all.
#[must_use]
pub fn statements() -> Vec<Statement> {
    [store::statements(), siyu_outbox::statements(), mutation::statements()].concat()
}
