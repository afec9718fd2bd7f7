use siyu_clock::Micros;
use siyu_proto::crm::v1::{
    self as pb, CreateImportRequest, CreateImportResponse, IngestInteractionsRequest,
    IngestInteractionsResponse, ListInteractionsRequest, ListInteractionsResponse, Rejection,
    StreamInteractionsRequest, StreamInteractionsResponse, interaction_service_server::InteractionService,
};
use siyu_rpc::{Error, Page, admit, admit_messages, admit_mutation, time::to_proto};
use tonic::{Request, Response, Status, Streaming};

use super::convert::{account_id, fan_ids, interaction, to_interaction};
use crate::{Crm, app::ingest::Outcome, store::import::Import};

/// Most rejections that the answer to a stream names one by one.
pub(super) const MOST_REJECTIONS: usize = 1_000;
/// Most characters of a bad event id that are sent back.
const MOST_EVENT_ID: usize = 128;

#[tonic::async_trait]
impl InteractionService for Crm {
    async fn ingest_interactions(
        &self,
        request: Request<IngestInteractionsRequest>,
    ) -> Result<Response<IngestInteractionsResponse>, Status> {
        let request = admit(request)?;
        let mut tally = Tally::default();
        self.ingest_into(&mut tally, account_id(&request.parent, "parent")?, request.interactions).await?;
        Ok(Response::new(IngestInteractionsResponse {
            accepted_count: tally.accepted,
            duplicate_count: tally.duplicates,
            rejections: tally.rejections,
        }))
    }

    async fn stream_interactions(
        &self,
        request: Request<Streaming<StreamInteractionsRequest>>,
    ) -> Result<Response<StreamInteractionsResponse>, Status> {
        let mut batches = admit_messages(request, |batch| &batch.parent)?;
        let mut tally = Tally::default();
        while let Some(batch) = batches.next().await? {
            self.ingest_into(&mut tally, account_id(&batch.parent, "parent")?, batch.interactions).await?;
            tally.rejections.truncate(MOST_REJECTIONS);
        }
        Ok(Response::new(StreamInteractionsResponse {
            accepted_count: tally.accepted,
            duplicate_count: tally.duplicates,
            rejected_count: tally.rejected,
            rejections: tally.rejections,
        }))
    }

    async fn list_interactions(
        &self,
        request: Request<ListInteractionsRequest>,
    ) -> Result<Response<ListInteractionsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListInteractions {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let [account_id, user_id] = fan_ids(&request.parent, "parent")?;
        let (interactions, next_page_token) = self.timeline(account_id, user_id, &page).await?;
        let interactions = interactions.into_iter().map(to_interaction).collect();
        Ok(Response::new(ListInteractionsResponse { interactions, next_page_token }))
    }

    async fn create_import(
        &self,
        request: Request<CreateImportRequest>,
    ) -> Result<Response<CreateImportResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = account_id(&request.parent, "parent")?;
        let sent = request.import.unwrap_or_default();
        let new = Import {
            import_id: request.import_id,
            shift_days: sent.shift_days,
            treatment: sent.treatment,
            content_digest: sent.content_digest,
            order_digest: sent.order_digest,
            create_time: 0,
        };
        let (import, created) = self.create_import(&mutation, account_id, new).await?;
        let import = pb::Import {
            name: format!("{}/imports/{}", request.parent, import.import_id),
            shift_days: import.shift_days,
            treatment: import.treatment,
            content_digest: import.content_digest,
            order_digest: import.order_digest,
            create_time: Some(to_proto(Micros(import.create_time))),
        };
        Ok(Response::new(CreateImportResponse { import: Some(import), created }))
    }
}

/// What became of the interactions of a call so far.
#[derive(Debug, Default)]
struct Tally {
    received: i64,
    accepted: i64,
    duplicates: i64,
    rejected: i64,
    rejections: Vec<Rejection>,
}

impl Crm {
    async fn ingest_into(
        &self,
        tally: &mut Tally,
        account_id: &str,
        sent: Vec<pb::Interaction>,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let event_ids: Vec<String> =
            sent.iter().map(|sent| sent.event_id.chars().take(MOST_EVENT_ID).collect()).collect();
        let batch = sent.into_iter().map(|sent| interaction(sent, now)).collect();
        let outcomes = self.ingest(account_id, batch).await?;
        for (event_id, outcome) in event_ids.into_iter().zip(outcomes) {
            let index = tally.received;
            tally.received += 1;
            match outcome {
                Outcome::Accepted => tally.accepted += 1,
                Outcome::Duplicate => tally.duplicates += 1,
                Outcome::Rejected(rejected) => {
                    tally.rejected += 1;
                    tally.rejections.push(Rejection {
                        index,
                        event_id,
                        reason: rejected.reason.into(),
                        field: rejected.field,
                        message: rejected.message,
                    });
                }
            }
        }
        Ok(())
    }
}
