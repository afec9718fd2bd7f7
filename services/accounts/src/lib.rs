//! The accounts service: enterprises and the accounts of their matrix (features A2, A8), their certification (A1), who
//! works for them and with which tokens (A9), their rights (A10), their cards with the coupons that fans claim (A6), and
//! what a sales team does with leads (M8). It is the place where the other services learn
//! which tenants exist, and in which time zone and currency each lives.

mod app;
mod domain;
mod events;
mod grpc;
mod jobs;
mod sealing;
mod store;

use std::{sync::Arc, time::Duration};

use siyu_clock::{Clock, Ids};
use siyu_db::{Db, Migration, Statement};
use siyu_outbox::{Listener, Outbox};
use siyu_proto::accounts::v1::{
    EntranceKind,
    accounts_service_server::{self, AccountsServiceServer},
    api_key_service_server::{self, ApiKeyServiceServer},
    appointment_service_server::{self, AppointmentServiceServer},
    booking_service_server::{self, BookingServiceServer},
    card_service_server::{self, CardServiceServer},
    certification_service_server::{self, CertificationServiceServer},
    content_service_server::{self, ContentServiceServer},
    coupon_service_server::{self, CouponServiceServer},
    engagement_service_server::{self, EngagementServiceServer},
    entry_code_service_server::{self, EntryCodeServiceServer},
    homepage_service_server,
    lead_pipeline_service_server::{self, LeadPipelineServiceServer},
    lead_service_server::{self, LeadServiceServer},
    operator_service_server::{self, OperatorServiceServer},
    rights_service_server::{self, RightsServiceServer},
    token_service_server::{self, TokenServiceServer},
};
use siyu_rpc::{group_commit::GroupCommit, mutation, peer::Peer};
use tokio::sync::Notify;
use tonic::service::Routes;

use app::{
    Scans,
    coupons::Claiming,
    engagement::Recording,
    fans::Fans,
    homepage::{Homepages, PageHearer, StandingHearer},
};
use grpc::HomepageServer;

pub use app::homepage::HomepageCache;
pub use sealing::{LeadKeyError, LeadKeys};

/// The schema of the service, step by step.
#[must_use]
pub fn migrations() -> Vec<Migration> {
    let own = siyu_db::migrations![
        "0001_accounts",
        "0002_rights",
        "0003_certification",
        "0004_operators",
        "0005_cards",
        "0006_leads",
        "0007_bookings",
        "0008_homepage",
        "0009_entry_codes",
        "0010_contents",
        "0011_lead_pipeline",
    ];
    [own.to_vec(), siyu_outbox::migrations(), mutation::migrations()].concat()
}

/// The gRPC services it serves.
pub const SERVICES: &[&str] = &[
    accounts_service_server::SERVICE_NAME,
    api_key_service_server::SERVICE_NAME,
    appointment_service_server::SERVICE_NAME,
    booking_service_server::SERVICE_NAME,
    card_service_server::SERVICE_NAME,
    certification_service_server::SERVICE_NAME,
    content_service_server::SERVICE_NAME,
    coupon_service_server::SERVICE_NAME,
    engagement_service_server::SERVICE_NAME,
    entry_code_service_server::SERVICE_NAME,
    homepage_service_server::SERVICE_NAME,
    lead_pipeline_service_server::SERVICE_NAME,
    lead_service_server::SERVICE_NAME,
    operator_service_server::SERVICE_NAME,
    rights_service_server::SERVICE_NAME,
    token_service_server::SERVICE_NAME,
];

/// Whose tokens the service makes, and for whom: the claims `iss` and `aud`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenIssuer {
    /// `iss`
    pub issuer: String,
    /// `aud`
    pub audience: String,
}

/// What can be chosen of the service.
#[derive(Debug, Clone)]
pub struct Settings {
    /// As whom it makes tokens.
    pub issuer: TokenIssuer,
    /// How it keeps homepages in memory.
    pub homepages: HomepageCache,
    /// The entrances of homepages behind which there is another service, which this installation has.
    pub installed_entrances: Vec<EntranceKind>,
    /// What it encrypts with what users leave in lead forms.
    pub lead_keys: LeadKeys,
    /// What the addresses in entry codes begin with, without a `/` at the end.
    pub entry_url_base: String,
    /// How long before a live starts those with an appointment get a heads-up.
    pub live_reminder_lead: Duration,
}

/// The accounts service. Clones share their storage.
#[derive(Debug, Clone)]
pub struct Accounts {
    db: Db,
    clock: Clock,
    ids: Ids,
    outbox: Outbox,
    issuer: TokenIssuer,
    fans: Fans,
    homepages: Arc<Homepages>,
    recording: Arc<GroupCommit<Recording>>,
    lead_keys: LeadKeys,
    claiming: Arc<GroupCommit<Claiming>>,
    scans: Arc<GroupCommit<Scans>>,
    entry_url_base: String,
    live_reminder_lead: Duration,
    /// Somebody may have to be told of a live at once.
    notices: Arc<Notify>,
}

impl Accounts {
    /// The service on a database that has [`migrations`]; it writes its events to `outbox`, in the same database,
    /// and does as `settings` say. Where users stand it asks the CRM behind `crm`; without one, nobody is known.
    /// To be called inside a tokio runtime.
    #[must_use]
    pub fn new(
        db: Db,
        clock: Clock,
        ids: Ids,
        outbox: Outbox,
        settings: Settings,
        crm: Option<Peer>,
    ) -> Self {
        let Settings {
            issuer,
            homepages,
            installed_entrances,
            lead_keys,
            entry_url_base,
            live_reminder_lead,
        } = settings;
        let homepages = Arc::new(Homepages::new(homepages, installed_entrances));
        let recording = Arc::new(Recording::start(db.clone(), outbox.clone()));
        let claiming = Claiming::start(db.clone(), clock.clone(), ids.clone(), outbox.clone());
        let scans = Arc::new(Scans::start(db.clone(), clock.clone(), outbox.clone()));
        Self {
            db,
            clock,
            ids,
            outbox,
            issuer,
            fans: Fans::new(crm),
            homepages,
            recording,
            claiming: Arc::new(claiming),
            lead_keys,
            scans,
            entry_url_base,
            live_reminder_lead,
            notices: Arc::default(),
        }
    }

    /// How what it keeps in memory keeps up with events: its own, which `own` serves, and those of the CRM.
    #[must_use]
    pub fn listeners(&self, own: Peer, crm: Option<Peer>) -> Vec<Listener> {
        let pages = Listener::new("accounts", own, Arc::new(PageHearer(self.homepages.clone())));
        let standings = Arc::new(StandingHearer(self.homepages.clone()));
        let standings = crm.map(|crm| Listener::new("crm", crm, standings));
        [pages].into_iter().chain(standings).collect()
    }

    /// Adds its gRPC services to `routes`; a message may have at most `max_message_bytes`.
    #[must_use]
    pub fn add_to(&self, routes: Routes, max_message_bytes: usize) -> Routes {
        let limit = max_message_bytes;
        routes
            .add_service(AccountsServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(ApiKeyServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(AppointmentServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(BookingServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(CardServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(CertificationServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(ContentServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(CouponServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(EngagementServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(EntryCodeServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(HomepageServer::new(self.clone(), limit))
            .add_service(LeadPipelineServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(LeadServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(OperatorServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(RightsServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(TokenServiceServer::new(self.clone()).max_decoding_message_size(limit))
    }
}

/// Every SQL statement of the service, for the test that prepares them all.
#[must_use]
pub fn statements() -> Vec<Statement> {
    [store::statements(), siyu_outbox::statements(), mutation::statements()].concat()
}
