//! Messaging: private messages between accounts and users (M1), how many of them may be sent (M2), both sides' inboxes as they
//! happen, automatic replies (M3) and the menu (M4), the service desk (M6) and how soon it answers (M7), questionnaires (M8), one
//! message to many (M9), moderation (M10), and what is kept of all that (M11).

mod app;
mod domain;
mod events;
mod grpc;
mod jobs;
mod store;

use std::sync::Arc;

use siyu_clock::{Clock, Ids};
use siyu_db::{Db, Migration, Statement};
use siyu_known::Accounts;
use siyu_outbox::{Listener, Outbox};
use siyu_proto::messaging::v1::{
    archive_service_server::{self, ArchiveServiceServer},
    auto_reply_service_server::{self, AutoReplyServiceServer},
    canned_reply_service_server::{self, CannedReplyServiceServer},
    desk_service_server::{self, DeskServiceServer},
    group_send_service_server::{self, GroupSendServiceServer},
    import_service_server::{self, ImportServiceServer},
    inbox_service_server::{self, InboxServiceServer},
    macro_service_server::{self, MacroServiceServer},
    menu_service_server::{self, MenuServiceServer},
    moderation_service_server::{self, ModerationServiceServer},
    questionnaire_service_server::{self, QuestionnaireServiceServer},
    response_time_service_server::{self, ResponseTimeServiceServer},
    support_service_server::{self, SupportServiceServer},
};
use siyu_realtime::{Link, Redis};
use siyu_rpc::{group_commit::GroupCommit, mutation, peer::Peer};
use tonic::service::Routes;

use app::{
    desk::Wakes,
    follows::Follows,
    group_sends::Audiences,
    live::{FeedHearer, Hub},
    questionnaires::Deliveries,
    rights::Rights,
    sending::Sending,
    settings::SettingsCache,
};

/// The schema of the service, step by step.
#[must_use]
pub fn migrations() -> Vec<Migration> {
    let own = siyu_db::migrations![
        "0001_messages",
        "0002_replies",
        "0003_desk",
        "0004_moderation",
        "0005_group_sends",
        "0006_questionnaires",
        "0007_archive",
        "0008_used_rights"
    ];
    [own.to_vec(), siyu_outbox::migrations(), mutation::migrations()].concat()
}

/// The gRPC services it serves.
pub const SERVICES: &[&str] = &[
    archive_service_server::SERVICE_NAME,
    auto_reply_service_server::SERVICE_NAME,
    canned_reply_service_server::SERVICE_NAME,
    desk_service_server::SERVICE_NAME,
    group_send_service_server::SERVICE_NAME,
    import_service_server::SERVICE_NAME,
    inbox_service_server::SERVICE_NAME,
    macro_service_server::SERVICE_NAME,
    menu_service_server::SERVICE_NAME,
    moderation_service_server::SERVICE_NAME,
    questionnaire_service_server::SERVICE_NAME,
    response_time_service_server::SERVICE_NAME,
    support_service_server::SERVICE_NAME,
];

/// The messaging service. Clones share their storage.
#[derive(Debug, Clone)]
pub struct Messaging {
    db: Db,
    clock: Clock,
    ids: Ids,
    outbox: Outbox,
    accounts: Arc<Accounts>,
    follows: Follows,
    /// None where there is no CRM.
    audiences: Option<Audiences>,
    deliveries: Deliveries,
    rights: Rights,
    sender: Sending,
    sending: Arc<GroupCommit<Sending>>,
    hub: Hub,
    wakes: Wakes,
    settings: Arc<SettingsCache>,
}

/// The services that messaging asks.
#[derive(Debug, Clone)]
pub struct Others {
    /// Which accounts there are, whether they are certified, which cards and rights they have.
    pub accounts: Peer,
    /// Who follows each other: nobody where it is away for good.
    pub subscriptions: Option<Peer>,
    /// Whom one message to many reaches, and who has which tag. Without it there are no such messages, and no tags.
    pub crm: Option<Peer>,
}

impl Messaging {
    /// The service on a database that has [`migrations`]; it writes its events to `outbox`, in the same database, and stores at
    /// most `max_calls_per_commit` messages of concurrent calls in one transaction. To be called inside a tokio runtime.
    #[must_use]
    pub fn new(
        db: Db,
        clock: Clock,
        ids: Ids,
        outbox: Outbox,
        others: Others,
        max_calls_per_commit: usize,
    ) -> Self {
        let Others { accounts, subscriptions, crm } = others;
        let hub = Hub::default();
        let (wakes, settings) = (Wakes::default(), Arc::<SettingsCache>::default());
        let sender = Sending::new(
            db.clone(),
            clock.clone(),
            ids.clone(),
            outbox.clone(),
            hub.clone(),
            wakes.clone(),
            settings.clone(),
        );
        Self {
            deliveries: Deliveries::new(accounts.clone(), crm.clone()),
            rights: Rights::new(accounts.clone()),
            accounts: Arc::new(Accounts::new(clock.clone(), accounts)),
            follows: Follows::new(subscriptions),
            audiences: crm.map(Audiences::new),
            sending: Arc::new(sender.clone().start(max_calls_per_commit)),
            sender,
            db,
            clock,
            ids,
            outbox,
            hub,
            wakes,
            settings,
        }
    }

    /// How those who read an inbox as it happens hear of what other processes store; `own` serves its events.
    #[must_use]
    pub fn listeners(&self, own: Peer) -> Vec<Listener> {
        vec![Listener::new("messaging", own, Arc::new(FeedHearer(self.hub.clone())))]
    }

    /// How they hear of it within milliseconds, where the processes have a Redis. To be called once.
    #[must_use]
    pub fn link(&self, redis: &Redis) -> Link {
        self.hub.link("messaging", redis)
    }

    /// Adds its gRPC services to `routes`; a message may have at most `max_message_bytes`.
    #[must_use]
    pub fn add_to(&self, routes: Routes, max_message_bytes: usize) -> Routes {
        let limit = max_message_bytes;
        routes
            .add_service(ArchiveServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(AutoReplyServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(DeskServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(GroupSendServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(ImportServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(InboxServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(ModerationServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(CannedReplyServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(QuestionnaireServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(ResponseTimeServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(SupportServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(MacroServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(MenuServiceServer::new(self.clone()).max_decoding_message_size(limit))
    }
}

/// Every SQL statement of the service, for the test that prepares them all.
#[must_use]
pub fn statements() -> Vec<Statement> {
    [store::statements(), siyu_outbox::statements(), mutation::statements()].concat()
}
