//! `EngagementService`: decode, call the use case, encode.

use siyu_proto::accounts::v1::{
    EngagementRejection, RecordEngagementsRequest, RecordEngagementsResponse,
    engagement_service_server::EngagementService,
};
use siyu_rpc::{admit, name};
use tonic::{Request, Response, Status};

use crate::Accounts;

/// Most characters of a bad event id that are sent back.
const MOST_EVENT_ID: usize = 128;

#[tonic::async_trait]
impl EngagementService for Accounts {
    async fn record_engagements(
        &self,
        request: Request<RecordEngagementsRequest>,
    ) -> Result<Response<RecordEngagementsResponse>, Status> {
        let request = admit(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let outcomes = self.record_engagements(account_id, &request.engagements).await?;
        let mut answer = RecordEngagementsResponse::default();
        for (index, (engagement, outcome)) in (0..).zip(request.engagements.iter().zip(outcomes)) {
            match outcome {
                None => answer.accepted_count += 1,
                Some(rejected) => answer.rejections.push(EngagementRejection {
                    index,
                    event_id: engagement.event_id.chars().take(MOST_EVENT_ID).collect(),
                    reason: rejected.reason.into(),
                    field: rejected.field,
                    message: rejected.message,
                }),
            }
        }
        Ok(Response::new(answer))
    }
}
