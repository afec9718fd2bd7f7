use roaring::RoaringBitmap;
use siyu_clock::Micros;
use siyu_proto::{
    common::v1::ErrorReason,
    crm::v1::{
        self as pb, CreateSegmentRequest, CreateSegmentResponse, DeleteSegmentRequest, DeleteSegmentResponse,
        EstimateSegmentRequest, EstimateSegmentResponse, GetSegmentRequest, GetSegmentResponse,
        ListSegmentsRequest, ListSegmentsResponse, UpdateSegmentRequest, UpdateSegmentResponse,
        segment_service_server::SegmentService,
    },
};
use siyu_rpc::{Error, Page, admit, admit_mutation, etag, name, time::to_proto};
use tonic::{Code, Request, Response, Status};

use super::convert::account_id;
use crate::{Crm, app::audience::segments::Change, store::segment::Segment};

#[tonic::async_trait]
impl SegmentService for Crm {
    async fn create_segment(
        &self,
        request: Request<CreateSegmentRequest>,
    ) -> Result<Response<CreateSegmentResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = account_id(&request.parent, "parent")?;
        let pb::Segment { display_name, description, filter, .. } = request.segment.unwrap_or_default();
        let segment = Segment {
            segment_id: request.segment_id,
            display_name,
            description,
            filter,
            revision: 0,
            create_time: 0,
            update_time: 0,
        };
        let segment = self.create_segment(&mutation, account_id, segment).await?;
        Ok(Response::new(CreateSegmentResponse { segment: Some(to_segment(account_id, segment)) }))
    }

    async fn get_segment(
        &self,
        request: Request<GetSegmentRequest>,
    ) -> Result<Response<GetSegmentResponse>, Status> {
        let request = admit(request)?;
        let [account_id, segment_id] = segment_ids(&request.name, "name")?;
        let segment = self.get_segment(account_id, segment_id).await?;
        Ok(Response::new(GetSegmentResponse { segment: Some(to_segment(account_id, segment)) }))
    }

    async fn list_segments(
        &self,
        request: Request<ListSegmentsRequest>,
    ) -> Result<Response<ListSegmentsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListSegments {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = account_id(&request.parent, "parent")?;
        let (segments, next_page_token) = self.list_segments(account_id, &page).await?;
        let segments = segments.into_iter().map(|segment| to_segment(account_id, segment)).collect();
        Ok(Response::new(ListSegmentsResponse { segments, next_page_token }))
    }

    async fn update_segment(
        &self,
        request: Request<UpdateSegmentRequest>,
    ) -> Result<Response<UpdateSegmentResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let segment = request.segment.unwrap_or_default();
        let [account_id, segment_id] = segment_ids(&segment.name, "segment.name")?;
        let changes = changes(&segment, &request.update_mask.unwrap_or_default().paths)?;
        let segment = self.update_segment(&mutation, account_id, segment_id, &changes, &segment.etag).await?;
        Ok(Response::new(UpdateSegmentResponse { segment: Some(to_segment(account_id, segment)) }))
    }

    async fn delete_segment(
        &self,
        request: Request<DeleteSegmentRequest>,
    ) -> Result<Response<DeleteSegmentResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, segment_id] = segment_ids(&request.name, "name")?;
        self.delete_segment(&mutation, account_id, segment_id, &request.etag).await?;
        Ok(Response::new(DeleteSegmentResponse {}))
    }

    async fn estimate_segment(
        &self,
        request: Request<EstimateSegmentRequest>,
    ) -> Result<Response<EstimateSegmentResponse>, Status> {
        let request = admit(request)?;
        let parent = account_id(&request.parent, "parent")?;
        let filter = match (request.filter.as_str(), request.segment.as_str()) {
            ("", "") => return Err(Error::invalid_field("filter", "or segment must be set").into()),
            (filter, "") => self.filter(parent, "filter", filter).await?,
            ("", segment) => {
                let segment_id = segment_of(parent, segment, "segment")?;
                self.filter_of_segment(parent, segment_id).await?
            }
            _ => return Err(Error::invalid_field("segment", "must not be set beside filter").into()),
        };
        let understood_filter = filter.to_string();
        let selection = self.select(parent, vec![filter]).await?;
        let fan_count = selection.fans.iter().map(RoaringBitmap::len).sum();
        Ok(Response::new(EstimateSegmentResponse {
            fan_count: count(fan_count),
            known_fan_count: count(selection.known),
            as_of: Some(to_proto(selection.as_of)),
            understood_filter,
        }))
    }
}

/// Account and segment of a segment's name.
fn segment_ids<'a>(name: &'a str, field: &str) -> Result<[&'a str; 2], Error> {
    name::ids(name, ["accounts", "segments"])
        .ok_or_else(|| Error::invalid_field(field, "must be accounts/{account}/segments/{segment}"))
}

/// The segment of a name that must be one of `account_id`.
fn segment_of<'a>(account_id: &str, name: &'a str, field: &str) -> Result<&'a str, Error> {
    let [account, segment_id] = segment_ids(name, field)?;
    if account != account_id {
        return Err(Error::invalid_field(field, format!("must be a segment of accounts/{account_id}")));
    }
    Ok(segment_id)
}

/// The fields named in `paths`, with their new values.
fn changes(segment: &pb::Segment, paths: &[String]) -> Result<Vec<Change>, Error> {
    if paths.is_empty() {
        return Err(Error::invalid_field("update_mask", "must name at least one field"));
    }
    let change = |path: &String| match path.as_str() {
        "display_name" => Ok(Change::DisplayName(segment.display_name.clone())),
        "description" => Ok(Change::Description(segment.description.clone())),
        "filter" => Ok(Change::Filter(segment.filter.clone())),
        "name" | "create_time" | "update_time" | "etag" => {
            let message = format!("update_mask: {path} is fixed and cannot be updated");
            Err(Error::new(Code::InvalidArgument, ErrorReason::ImmutableField, message).with("field", path))
        }
        _ => Err(Error::invalid_field("update_mask", format!("{path:?} is not a field of a segment"))),
    };
    paths.iter().map(change).collect()
}

fn to_segment(account_id: &str, segment: Segment) -> pb::Segment {
    pb::Segment {
        name: format!("accounts/{account_id}/segments/{}", segment.segment_id),
        display_name: segment.display_name,
        description: segment.description,
        filter: segment.filter,
        create_time: Some(to_proto(Micros(segment.create_time))),
        update_time: Some(to_proto(Micros(segment.update_time))),
        etag: etag::of(segment.revision),
    }
}

fn count(fans: u64) -> i64 {
    i64::try_from(fans).unwrap_or(i64::MAX)
}
