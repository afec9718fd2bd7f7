//! Messaging: private messages between accounts and users (M1), how many of them may be sent (M2), both sides' inboxes as they
//! happen, automatic replies (M3) and the menu (M4).

mod app;
mod domain;
mod events;
mod grpc;
mod jobs;
mod store;

use std::sync::Arc;

use siyu_clock::{Clock, Ids};
use siyu_db::{Db, Migration, Statement};
use siyu_outbox::{Listener, Outbox};
use siyu_proto::messaging::v1::{
    auto_reply_service_server::{self, AutoReplyServiceServer},
    desk_service_server::{self, DeskServiceServer},
    inbox_service_server::{self, InboxServiceServer},
    menu_service_server::{self, MenuServiceServer},
};
use siyu_rpc::{group_commit::GroupCommit, mutation, peer::Peer};
use tonic::service::Routes;

use app::{accounts::Accounts, follows::Follows, live::Hub, sending::Sending, settings::SettingsCache};

/// The schema of the service, step by step.
#[must_use]
pub fn migrations() -> Vec<Migration> {
    let own = siyu_db::migrations!["0001_messages", "0002_replies"];
    [own.to_vec(), siyu_outbox::migrations(), mutation::migrations()].concat()
}

/// The gRPC services it serves.
pub const SERVICES: &[&str] = &[
    auto_reply_service_server::SERVICE_NAME,
    desk_service_server::SERVICE_NAME,
    inbox_service_server::SERVICE_NAME,
    menu_service_server::SERVICE_NAME,
];

/// The messaging service. Clones share their storage.
#[derive(Debug, Clone)]
pub struct Messaging {
    db: Db,
    clock: Clock,
    outbox: Outbox,
    accounts: Arc<Accounts>,
    follows: Follows,
    sending: Arc<GroupCommit<Sending>>,
    hub: Hub,
    settings: Arc<SettingsCache>,
}

impl Messaging {
    /// The service on a database that has [`migrations`]; it writes its events to `outbox`, in the same database. Which
    /// accounts there are, whether they are certified and which cards they have, it asks the accounts service behind
    /// `accounts`; who follows each other, the subscriptions service behind `subscriptions`, without which nobody does. To be
    /// called inside a tokio runtime.
    #[must_use]
    pub fn new(
        db: Db,
        clock: Clock,
        ids: Ids,
        outbox: Outbox,
        accounts: Peer,
        subscriptions: Option<Peer>,
    ) -> Self {
        let hub = Hub::default();
        let settings = Arc::new(SettingsCache::default());
        let sending =
            Sending::start(db.clone(), clock.clone(), ids, outbox.clone(), hub.clone(), settings.clone());
        Self {
            accounts: Arc::new(Accounts::new(clock.clone(), accounts)),
            follows: Follows::new(subscriptions),
            sending: Arc::new(sending),
            db,
            clock,
            outbox,
            hub,
            settings,
        }
    }

    /// How those who read an inbox as it happens hear of what other processes store; `own` serves its events.
    #[must_use]
    pub fn listeners(&self, own: Peer) -> Vec<Listener> {
        vec![Listener::new("messaging", own, Arc::new(self.hub.clone()))]
    }

    /// Adds its gRPC services to `routes`; a message may have at most `max_message_bytes`.
    #[must_use]
    pub fn add_to(&self, routes: Routes, max_message_bytes: usize) -> Routes {
        let limit = max_message_bytes;
        routes
            .add_service(AutoReplyServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(DeskServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(InboxServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(MenuServiceServer::new(self.clone()).max_decoding_message_size(limit))
    }
}

/// Every SQL statement of the service, for the test that prepares them all.
#[must_use]
pub fn statements() -> Vec<Statement> {
    [store::statements(), siyu_outbox::statements(), mutation::statements()].concat()
}
