//! The fan CRM: what users did (C1, C2), how close that brings them (C3), and what it amounts to (C10, A2).

mod app;
mod domain;
mod events;
mod grpc;
mod jobs;
mod store;

use std::sync::Arc;

use siyu_clock::Clock;
use siyu_db::{Db, Migration, Statement};
use siyu_outbox::{Follower, Outbox};
use siyu_proto::crm::v1::{
    analytics_service_server::{self, AnalyticsServiceServer},
    fan_service_server::{self, FanServiceServer},
    interaction_service_server::{self, InteractionServiceServer},
    lifecycle_service_server::{self, LifecycleServiceServer},
    package_service_server::{self, PackageServiceServer},
    reach_service_server::{self, ReachServiceServer},
    segment_service_server::{self, SegmentServiceServer},
    tag_rule_service_server::{self, TagRuleServiceServer},
    tag_service_server::{self, TagServiceServer},
    tier_service_server::{self, TierServiceServer},
    traffic_service_server::{self, TrafficServiceServer},
};
use siyu_rpc::{group_commit::GroupCommit, mutation, peer::Peer};
use tonic::service::Routes;

use app::{
    accounts_feed::AccountsFeed, audience::fan_indexes::FanIndexes, directory::Directory,
    ingestion::Ingestion, observed_feed::ObservedFeed, turns::Turns,
};

/// The schema of the service, step by step.
#[must_use]
pub fn migrations() -> Vec<Migration> {
    let own = siyu_db::migrations![
        "0001_interactions",
        "0002_known_accounts",
        "0003_tags",
        "0004_lifecycle",
        "0005_traffic",
        "0006_tag_rules",
        "0007_behaviour_tags",
        "0008_audiences",
        "0009_reach",
        "0010_packages",
        "0011_traffic_touches",
        "0012_touches",
        "0013_shared_cap"
    ]
    .to_vec();
    [own, siyu_outbox::migrations(), mutation::migrations()].concat()
}

/// The gRPC services it serves.
pub const SERVICES: &[&str] = &[
    analytics_service_server::SERVICE_NAME,
    fan_service_server::SERVICE_NAME,
    interaction_service_server::SERVICE_NAME,
    lifecycle_service_server::SERVICE_NAME,
    package_service_server::SERVICE_NAME,
    reach_service_server::SERVICE_NAME,
    segment_service_server::SERVICE_NAME,
    tag_rule_service_server::SERVICE_NAME,
    tag_service_server::SERVICE_NAME,
    tier_service_server::SERVICE_NAME,
    traffic_service_server::SERVICE_NAME,
];

/// How the CRM works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Most concurrent calls whose interactions share a transaction.
    pub max_calls_per_commit: usize,
    /// Most bytes of fans that are kept in memory to answer filters.
    pub audience_cache_bytes: u64,
}

/// The CRM. Clones share their storage.
#[derive(Debug, Clone)]
pub struct Crm {
    db: Db,
    clock: Clock,
    outbox: Outbox,
    directory: Arc<Directory>,
    turns: Arc<Turns>,
    ingestion: Arc<GroupCommit<Ingestion>>,
    fan_indexes: Arc<FanIndexes>,
    followers: Vec<Follower>,
}

impl Crm {
    /// The service on a database that has [`migrations`]; it writes its events to `outbox`, in the same database. It asks
    /// the accounts service behind `accounts` for what it does not know of an account, and learns what users did from
    /// `observers`: their feeds, and who serves them. To be called inside a tokio runtime.
    #[must_use]
    pub fn new(
        db: Db,
        clock: Clock,
        outbox: Outbox,
        accounts: Peer,
        observers: Vec<(&'static str, Peer)>,
        settings: Settings,
    ) -> Self {
        let directory = Arc::new(Directory::new(db.clone(), accounts.clone()));
        let feed = AccountsFeed::new(db.clone(), clock.clone(), outbox.clone(), accounts.clone());
        let follow = |name, peer, feed| Follower::new("crm", name, peer, db.clone(), clock.clone(), feed);
        let mut followers = vec![follow("accounts", accounts, Arc::new(feed))];
        for (name, peer) in observers {
            let observer = (name, peer.clone());
            let feed = ObservedFeed::new(clock.clone(), outbox.clone(), directory.clone(), observer);
            followers.push(follow(name, peer, Arc::new(feed)));
        }
        let turns = Arc::new(Turns::new());
        let most_calls = settings.max_calls_per_commit;
        let ingestion =
            Ingestion::start(db.clone(), clock.clone(), outbox.clone(), turns.clone(), most_calls);
        let fan_indexes = Arc::new(FanIndexes::new(db.clone(), settings.audience_cache_bytes));
        Self { db, clock, outbox, directory, turns, ingestion: Arc::new(ingestion), fan_indexes, followers }
    }

    /// How it keeps up with other services.
    #[must_use]
    pub fn followers(&self) -> Vec<Follower> {
        self.followers.clone()
    }

    /// Adds its gRPC services to `routes`; a message may have at most `max_message_bytes`.
    #[must_use]
    pub fn add_to(&self, routes: Routes, max_message_bytes: usize) -> Routes {
        routes
            .add_service(
                InteractionServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes),
            )
            .add_service(FanServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes))
            .add_service(
                LifecycleServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes),
            )
            .add_service(PackageServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes))
            .add_service(ReachServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes))
            .add_service(SegmentServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes))
            .add_service(TagRuleServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes))
            .add_service(TagServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes))
            .add_service(TierServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes))
            .add_service(
                AnalyticsServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes),
            )
            .add_service(TrafficServiceServer::new(self.clone()).max_decoding_message_size(max_message_bytes))
    }
}

/// Every SQL statement of the service, for the test that prepares them all.
#[must_use]
pub fn statements() -> Vec<Statement> {
    [store::statements(), siyu_outbox::statements(), mutation::statements()].concat()
}
