//! A CRM in memory, which fails as it is told to.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use siyu_proto::{
    Validate,
    common::v1::ErrorReason,
    crm::v1::{
        interaction_service_client::InteractionServiceClient,
        interaction_service_server::{InteractionService, InteractionServiceServer},
        tier_service_client::TierServiceClient,
        tier_service_server::{TierService, TierServiceServer},
        *,
    },
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming, transport::Server};

use crate::connect::{Client, connect};

/// How many rejections the fake lists of one stream.
pub(super) const LISTED: usize = 3;

#[derive(Default)]
pub(super) struct State {
    pub(super) stored: HashMap<String, Interaction>,
    pub(super) import: Option<Import>,
    pub(super) rebuilds: u32,
    pub(super) streams: u32,
    /// So many streams break after their first batch is stored.
    pub(super) broken_streams: u32,
    /// With this status.
    pub(super) broken_with: Option<fn() -> Status>,
    /// How often somebody connected through the bad line.
    pub(super) bad_line_uses: u32,
    /// So many rebuilds end before they are done.
    pub(super) broken_rebuilds: u32,
    /// Interactions of these users are rejected.
    pub(super) banned: Vec<String>,
}

#[derive(Clone, Default)]
pub(super) struct Fake(Arc<Mutex<State>>);

impl Fake {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// How many interactions it has, and how many streams and rebuilds were asked of it.
    pub(super) fn stored_and_calls(&self) -> (usize, u32, u32) {
        let state = self.state();
        (state.stored.len(), state.streams, state.rebuilds)
    }

    /// Starts it and connects to it.
    pub(super) async fn start(&self) -> (InteractionServiceClient<Client>, TierServiceClient<Client>) {
        connect_to(self.listen().await).await
    }

    /// Starts it and connects to it through a line that is cut once, after so many bytes were sent.
    pub(super) async fn start_behind_bad_line(
        &self,
        bytes: u64,
    ) -> (InteractionServiceClient<Client>, TierServiceClient<Client>) {
        let server = self.listen().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let fake = self.clone();
        tokio::spawn(async move {
            for most in [bytes, u64::MAX] {
                let (near, _) = listener.accept().await.unwrap();
                fake.state().bad_line_uses += 1;
                let (mut near_read, mut near_write) = near.into_split();
                let (mut far_read, mut far_write) = TcpStream::connect(server).await.unwrap().into_split();
                let mut sent = (&mut near_read).take(most);
                tokio::select! {
                    _ = tokio::io::copy(&mut sent, &mut far_write) => {}
                    _ = tokio::io::copy(&mut far_read, &mut near_write) => {}
                }
            }
        });
        connect_to(address).await
    }

    async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Server::builder()
            .add_service(InteractionServiceServer::new(self.clone()))
            .add_service(TierServiceServer::new(self.clone()));
        tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
        address
    }
}

async fn connect_to(address: SocketAddr) -> (InteractionServiceClient<Client>, TierServiceClient<Client>) {
    let client = connect(&format!("http://{address}"), " secret\n").await.unwrap();
    (InteractionServiceClient::new(client.clone()), TierServiceClient::new(client))
}

fn check<T: Validate>(request: &Request<T>) -> Result<(), Status> {
    check_token(request)?;
    match request.get_ref().violations().pop() {
        Some(violation) => Err(Status::invalid_argument(format!("{violation:?}"))),
        None => Ok(()),
    }
}

fn check_token<T>(request: &Request<T>) -> Result<(), Status> {
    let token = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
    if token == Some("Bearer secret") { Ok(()) } else { Err(Status::unauthenticated("no token")) }
}

#[tonic::async_trait]
impl InteractionService for Fake {
    async fn ingest_interactions(
        &self,
        _: Request<IngestInteractionsRequest>,
    ) -> Result<Response<IngestInteractionsResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn stream_interactions(
        &self,
        request: Request<Streaming<StreamInteractionsRequest>>,
    ) -> Result<Response<StreamInteractionsResponse>, Status> {
        check_token(&request)?;
        let mut stream = request.into_inner();
        let mut answer = StreamInteractionsResponse::default();
        let mut index = 0;
        self.state().streams += 1;
        while let Some(batch) = stream.message().await? {
            assert_eq!(batch.violations(), [], "the importer sends what the server takes");
            let mut state = self.state();
            for interaction in batch.interactions {
                assert_eq!(interaction.violations(), []);
                let stored = state.stored.get(&interaction.event_id);
                let conflict = stored.is_some_and(|stored| *stored != interaction);
                if conflict || state.banned.contains(&interaction.user) {
                    answer.rejected_count += 1;
                    if answer.rejections.len() < LISTED {
                        let reason = ErrorReason::EventIdConflict.into();
                        let (field, message) = ("event_id".to_owned(), "was used before".to_owned());
                        let event_id = interaction.event_id;
                        answer.rejections.push(Rejection { index, event_id, reason, field, message });
                    }
                } else if state.stored.insert(interaction.event_id.clone(), interaction).is_some() {
                    answer.duplicate_count += 1;
                } else {
                    answer.accepted_count += 1;
                }
                index += 1;
            }
            if state.broken_streams > 0 {
                state.broken_streams -= 1;
                return Err(state
                    .broken_with
                    .map_or_else(|| Status::unavailable("told to"), |status| status()));
            }
        }
        Ok(Response::new(answer))
    }

    async fn list_interactions(
        &self,
        _: Request<ListInteractionsRequest>,
    ) -> Result<Response<ListInteractionsResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn create_import(
        &self,
        request: Request<CreateImportRequest>,
    ) -> Result<Response<CreateImportResponse>, Status> {
        check(&request)?;
        let asked = request.into_inner().import.unwrap();
        let mut state = self.state();
        let created = state.import.is_none();
        let import = state.import.get_or_insert_with(|| asked.clone()).clone();
        let reordered =
            import.content_digest == asked.content_digest && import.order_digest != asked.order_digest;
        if import.treatment != asked.treatment || reordered {
            return Err(Status::failed_precondition("IMPORT_MISMATCH"));
        }
        Ok(Response::new(CreateImportResponse { import: Some(import), created }))
    }
}

#[tonic::async_trait]
impl TierService for Fake {
    type RebuildTiersStream = tokio_stream::Iter<std::vec::IntoIter<Result<RebuildTiersResponse, Status>>>;

    async fn rebuild_tiers(
        &self,
        request: Request<RebuildTiersRequest>,
    ) -> Result<Response<Self::RebuildTiersStream>, Status> {
        check(&request)?;
        let mut state = self.state();
        state.rebuilds += 1;
        let done = state.broken_rebuilds == 0;
        state.broken_rebuilds = state.broken_rebuilds.saturating_sub(1);
        let step = |done| Ok(RebuildTiersResponse { fan_count: 1, changed_count: 0, done });
        Ok(Response::new(tokio_stream::iter(vec![step(false), step(done)])))
    }

    async fn create_tier_rules(
        &self,
        _: Request<CreateTierRulesRequest>,
    ) -> Result<Response<CreateTierRulesResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn list_tier_rules(
        &self,
        _: Request<ListTierRulesRequest>,
    ) -> Result<Response<ListTierRulesResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn backtest_tier_rules(
        &self,
        _: Request<BacktestTierRulesRequest>,
    ) -> Result<Response<BacktestTierRulesResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn activate_tier_rules(
        &self,
        _: Request<ActivateTierRulesRequest>,
    ) -> Result<Response<ActivateTierRulesResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn list_tier_changes(
        &self,
        _: Request<ListTierChangesRequest>,
    ) -> Result<Response<ListTierChangesResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }
}
